"""Commands on the control topic: one JSON object each, refused if not understood in full (DESIGN 6)."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, TypeAdapter, ValidationError

from schemas.errors import Refused
from schemas.job import Keep
from schemas.side import Side
from schemas.use import Use

_LONGEST = 100
# How JSON Schema says that there is no zero character.
NO_ZERO = r"^[^\x00]*$"


def _storable(text: object) -> object:
    """What every store can hold: PostgreSQL has no zero character, and nobody has half a surrogate pair."""
    if isinstance(text, str):
        if "\0" in text:
            raise ValueError("it holds a zero character")
        text.encode()
    return text


Text = Annotated[str, Field(max_length=_LONGEST, pattern=NO_ZERO), BeforeValidator(_storable)]
Id = Annotated[Text, Field(min_length=1)]
Names = Annotated[list[Text], Field(max_length=1000)]
Records = Annotated[list[Id], Field(max_length=10_000)]


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id = Field(description="chosen by the sender; repeats are recognised by it")
    requested_by: Annotated[str, Field(max_length=1000, pattern=NO_ZERO), BeforeValidator(_storable)] = ""


class FullSync(_Command):
    command: Literal["full-sync"]
    mappings: Names | None = None
    answer: Keep | None = None
    dry_run: StrictBool = False


class Sync(_Command):
    """What was modified since last time; with `all` everything, coupled or not as the mappings are set.

    With `records` (either side's ids) those, modified or not, coupled or not.
    """

    command: Literal["sync"]
    mappings: Names | None = None
    records: Records | None = None
    all: StrictBool = False


class Answer(_Command):
    command: Literal["answer"]
    run: Text
    answer: Keep


class Pause(_Command):
    command: Literal["pause"]
    mappings: Names | None = None


class Resume(_Command):
    command: Literal["resume"]
    mappings: Names | None = None


class Retry(_Command):
    """Failed and skipped records are carried again: all of the mappings, or those of `records` (either side's id, or
    with `mappings` a number, code or text), of `causes` (their ids, as `coupled errors` tells them), or of both.

    With `use`, coupled ones among `records`, or of `causes`, take that side's values, whatever the other side has.
    """

    command: Literal["retry"]
    mappings: Names | None = None
    records: Annotated[list[Text], Field(max_length=10_000)] | None = None
    causes: Names | None = None
    use: Side | None = None


class Match(_Command):
    """Uncoupled records that `match_on` makes one are coupled. `use`: that side's values are carried to the other;
    `create`: BC records without a partner get one.
    """

    command: Literal["match"]
    mappings: Names | None = None
    create: StrictBool = False
    dry_run: StrictBool = False
    use: Side | None = None


class Couple(_Command):
    """The two records are one from now on; `use` says whose values both take (business-central-sync 5.2)."""

    command: Literal["couple"]
    mapping: Text
    bc_id: Id
    sales_id: Id
    use: Use | None = None


class Uncouple(_Command):
    """These records (either side's ids), those that fail for `causes`, or all of the mapping, are no longer coupled;
    both sides keep their data.
    """

    command: Literal["uncouple"]
    mapping: Text
    records: Records | None = None
    causes: Names | None = None
    all: StrictBool = False


class Verify(_Command):
    """Both sides are compared record by record through the couplings; with `repair` what differs is carried."""

    command: Literal["verify"]
    mappings: Names | None = None
    repair: StrictBool = False


Command = FullSync | Sync | Match | Answer | Pause | Resume | Retry | Couple | Uncouple | Verify
_id: TypeAdapter[str] = TypeAdapter(Id)
_adapter: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])


def parse(value: bytes | None) -> Command:
    """The command of one message. Refused says which field is wrong and what is allowed."""
    return from_dict(_object(value))


def from_dict(data: dict[str, Any]) -> Command:
    """The command of a JSON object. Refused as by `parse`."""
    try:
        return _adapter.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        loc = first["loc"][1:] if first["loc"][:1] == (data.get("command"),) else first["loc"]
        place = ".".join(str(part) for part in loc) or "command"
        raise Refused(
            "command-invalid",
            f"The command's field {place!r} cannot be used: {first['msg'].removeprefix('Value error, ')}.",
            "See `coupled --help` for the commands and their fields.",
        ) from error


def command_id(value: bytes | None, fallback: str) -> str:
    """The id to answer under, even for a command that cannot be used."""
    try:
        return _id.validate_python(_object(value).get("id"), strict=True)
    except (Refused, ValidationError):
        return fallback


def unreadable(value: bytes | None) -> str:
    """Why the message is no command of any version; empty if it is a JSON object, whatever stands in it."""
    try:
        _object(value)
    except Refused as error:
        return error.problem.message
    return ""


def encode(command: Command) -> bytes:
    return orjson.dumps(command.model_dump(mode="json", exclude_none=True))


def _object(value: bytes | None) -> dict[str, Any]:
    try:
        data = orjson.loads(value or b"")
    except orjson.JSONDecodeError as error:
        raise Refused("command-not-json", f"The command is not JSON: {error}.", "Send one JSON object.") from error
    if not isinstance(data, dict):
        raise Refused("command-not-object", "The command is not a JSON object.", "Send one JSON object.")
    return data
