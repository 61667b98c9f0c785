"""Commands over HTTP. Who does not know whether a request has arrived sends it again under the same id or key."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args

from fastapi import APIRouter, Body, Depends, Header, HTTPException, Request
from pydantic import BaseModel, Field, create_model

from daemon.web.parameters import Word
from daemon.web.ports import CommandStatus, Services
from schemas.command import Command, Id, from_dict
from schemas.errors import Refused

_LATELY = 1000
_TAKEN = "Take a new key for every new command. /api/commands/{id} tells what became of the first."
Key = Annotated[
    str | None,
    Header(pattern=r'^"?[!#-~]{1,100}"?$', description="becomes the command's id, if the body has none"),
]


class Accepted(BaseModel):
    """The command is on the control topic; ask /api/commands/{id} what became of it."""

    id: str


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def _keyed(command: type[BaseModel]) -> type[BaseModel]:
    """As it is, but its id may come from the header."""
    said = "chosen by the sender; may be left out with Idempotency-Key"
    field = Field(default="", description=said, json_schema_extra=_without_default)
    return create_model(command.__name__, __base__=command, __doc__=command.__doc__, id=(Id, field))


if TYPE_CHECKING:
    Sent = Command
else:
    Sent = Union[tuple(_keyed(each) for each in get_args(Command))]  # noqa: UP007 - of as many as there are


class Keys:
    """One key is one command: what this worker was sent lately under a key, and what the store has received."""

    def __init__(self, services: Services) -> None:
        self._received = services.reader.received
        self._lately: OrderedDict[str, Command] = OrderedDict()

    async def claim(self, command: Command) -> None:
        """Refused if its id is that of another command. Needs the store."""
        stored = await self._received(command.id)
        first = self._lately.setdefault(command.id, command)
        if len(self._lately) > _LATELY:
            self._lately.popitem(last=False)
        if first != command or (stored is not None and not _same(stored, command)):
            raise Refused("key-taken", f"Another command was sent under the key {command.id!r}.", _TAKEN)


def _same(stored: dict[str, Any], command: Command) -> bool:
    """Read anew: what was stored by an older version may lack a field."""
    try:
        return from_dict(stored) == command
    except Refused:
        return False


def only_json(request: Request) -> None:
    """A form of another page can be sent without asking, and JSON cannot."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise HTTPException(415, "A command is JSON: send it as application/json.")


def _named(sent: Command, key: str) -> Command:
    """The command under the id of its body, or of the header."""
    if not (sent.id or key):
        raise Refused("request-invalid", "id: the command has none.", "Give it one, or the header Idempotency-Key.")
    if key and sent.id not in ("", key):
        raise Refused("request-invalid", "id: it is not the header's Idempotency-Key.", "Leave one of them out.")
    given = sent.model_dump(mode="json", exclude_none=True)
    return from_dict(given | {"id": sent.id or key, "requested_by": sent.requested_by or "api"})


def add(routes: APIRouter, services: Services) -> None:
    """The two addresses of commands."""
    keys = Keys(services)

    @routes.post("/commands", status_code=202, dependencies=[Depends(only_json)])
    async def submit(sent: Annotated[Sent, Body(discriminator="command")], idempotency_key: Key = None) -> Accepted:
        """Puts a command on the control topic. The same id or `Idempotency-Key` twice has one effect;
        the same key for another command is a 409."""
        command = _named(sent, (idempotency_key or "").strip('"'))
        if idempotency_key:
            await keys.claim(command)
        await services.submit(command)
        return Accepted(id=command.id)

    @routes.get("/commands/{number:path}")
    async def command(number: Word) -> CommandStatus:
        """What became of a command."""
        found = await services.reader.command(number)
        if found is None:
            raise HTTPException(404)
        return found
