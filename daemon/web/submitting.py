"""The console's forms: each becomes a command on the control topic, like everyone else's."""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import orjson
from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from daemon.web import full_sync
from daemon.web.access import Guard
from daemon.web.login import local
from daemon.web.ports import Services
from schemas import command as commands
from schemas.errors import Refused

_FIELDS = ("command", "run", "answer", "mapping", "use", "bc_id", "sales_id")
_FLAGS = ("repair", "all")
_LISTS = ("mappings", "records", "causes")
# What may be done with the records that are ticked in a table, all of one mapping.
_CHOSEN: Mapping[str, Mapping[str, str]] = {
    "retry": {"command": "retry"},
    "bc": {"command": "retry", "use": "bc"},
    "sales": {"command": "retry", "use": "sales"},
    "uncouple": {"command": "uncouple"},
}
Maker = Callable[[FormData], commands.Command]


def router(services: Services, guard: Guard) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.post("/commands")
    async def submit(request: Request) -> Response:
        return await accept(request, _command)

    @routes.post("/records")
    async def submit_chosen(request: Request) -> Response:
        return await accept(request, _of_chosen)

    async def accept(request: Request, make: Maker) -> Response:
        form = await guard.form_of(request)
        command = make(form)
        await services.submit(command)
        path, _, query = local(str(form.get("back", "/"))).partition("?")
        kept = [(name, value) for name, value in parse_qsl(query) if name != "command"] + _chosen(path, command)
        return RedirectResponse(f"{path}?{urlencode([*kept, ('command', command.id)])}", status_code=303)

    return routes


def _chosen(path: str, command: commands.Command) -> list[tuple[str, str]]:
    """A full synchronisation's form comes back with what was ticked in it: what a dry run looked at is then run."""
    if path != full_sync.PATH or not isinstance(command, commands.FullSync):
        return []
    return [("mapping", name) for name in command.mappings or ()]


def _command(form: FormData) -> commands.Command:
    if form.get("command") == "full-sync":
        _check_full_sync(form)
    # Without either it means every failed record, which no button of ours does.
    if form.get("command") == "retry" and not (form.getlist("records") or form.getlist("causes")):
        raise Refused("nothing-chosen", "No record was chosen.", "Press the button of a record or a cause.")
    _check_causes(form)
    _check_whole(form)
    data = _asked()
    data |= {name: form[name] for name in _FIELDS if form.get(name)}
    data |= {name: True for name in _FLAGS if form.get(name)}
    if form.get("dry_run"):
        data = {name: value for name, value in data.items() if name != "answer"} | {"dry_run": True}
    for field in _LISTS:
        if chosen := [str(one) for one in form.getlist(field)]:
            data[field] = chosen
    return commands.parse(orjson.dumps(data))


def _of_chosen(form: FormData) -> commands.Command:
    records, mapping = [str(one) for one in form.getlist("records")], str(form.get("mapping", ""))
    if not records:
        raise Refused("nothing-chosen", "No record was chosen.", "Tick at least one.")
    wanted = dict(_CHOSEN.get(str(form.get("do")), {}))
    place = {"mapping": mapping} if wanted.get("command") == "uncouple" else {"mappings": [mapping]}
    return commands.parse(orjson.dumps(_asked() | wanted | place | {"records": records}))


def _asked() -> dict[str, object]:
    return {"id": str(uuid4()), "requested_by": "console"}


def _check_causes(form: FormData) -> None:
    """What changes records, or ends couplings, of however many at once is confirmed; a retry changes nothing."""
    changes = form.get("use") or form.get("command") == "uncouple"
    if form.getlist("causes") and changes and form.get("confirmed") != "yes":
        raise Refused(
            "not-confirmed",
            "What is to be done with all records of a cause was not confirmed.",
            "Open it on the page of the cause: it says what it does, and how it is taken back.",
        )


def _check_whole(form: FormData) -> None:
    """What writes however many records of a mapping, or couples them, is confirmed; what only looks is not."""
    couples = form.get("command") == "match" and not form.get("dry_run")
    if (couples or any(form.get(name) for name in _FLAGS)) and form.get("confirmed") != "yes":
        raise Refused(
            "not-confirmed",
            "What is to be done with all records of a mapping was not confirmed.",
            "Open it on the page of the mappings: it says what it does.",
        )


def _check_full_sync(form: FormData) -> None:
    if form.get("confirmed") != "yes" and not form.get("dry_run"):
        raise Refused(
            "not-confirmed",
            "A full synchronisation was not confirmed.",
            "Read the warning about duplicates and tick the box below it.",
        )
    # A command without mappings means all of them; a form in which every box was cleared does not.
    if not form.getlist("mappings"):
        raise Refused("nothing-chosen", "No mapping was chosen.", "Tick at least one.")
