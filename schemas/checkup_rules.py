"""How `coupled check` judges what it has read, pure: sign-in, privileges, change tracking, webhooks, clocks, limits."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from schemas.checkup import Checked, away, fine, not_tried, warning, wrong
from schemas.errors import ApiError
from schemas.mapping import Mappings, OnDelete, Table
from schemas.side import Direction, Side
from schemas.token import Claims
from schemas.webhooks import offers

SECTIONS = {Side.BC: "business_central", Side.SALES: "sales"}
SETUP = "docs/setup.md"
EXPLAINED = "docs/mappings.md explains each setting."
ROLE = "API.ReadWrite.All"
# From here on lag and propagation times mislead: the alerts of deploy/prometheus begin at a minute.
SKEW_SECONDS = 30.0
REMAINING = "x-ms-ratelimit-burst-remaining-xrm-requests"
AT_ONCE = "x-ms-dop-hint"
# Below it the daemon slows down (daemon/sessions.py): others use the same application user up.
_FEW = 300
_REGISTERED = {
    Side.BC: "Enable the client id on Business Central's page `Microsoft Entra Applications`, with permission sets",
    Side.SALES: "Make an application user of the client id in the environment, with a security role",
}


def refused(side: Side, url: str, claims: Claims | None, message: str) -> Checked:
    """Signed in, but the token is not taken: for another audience, without a role, or for an unknown application."""
    says = f"{side.label} does not take the token that sign-in gave: {message}"
    host = urlsplit(url).hostname or ""
    if claims and _host(claims.audience) not in {"", _host(url)}:
        says += f" It is for {claims.audience}."
        fix = f"Set {SECTIONS[side]}.auth.scope to https://{host}/.default, or leave it out."
    elif claims and side is Side.BC and ROLE not in claims.roles:
        fix = f"Give the app registration the application permission {ROLE} and grant admin consent: {SETUP}."
    else:
        fix = f"{_REGISTERED[side]}: {SETUP}."
    return away(side.label, "sign-in", says, fix)


def _host(url: str) -> str:
    """Dataverse has two names, with `.api.` and without; an audience that is no address, such as an id, has none."""
    return (urlsplit(url).hostname or "").replace(".api.", ".")


def needed(mappings: Mappings, side: Side) -> dict[str, tuple[str, ...]]:
    """By table: what the mappings do there. An `on_delete: delete` deletes the partner of a deleted record."""
    found: dict[str, dict[str, None]] = {}
    for mapping in mappings.all:
        does = found.setdefault(mapping.table(side).name, {"read": None})
        if mapping.direction.covers(Direction.from_side(side.other)):
            does |= {"create": None, "write": None}
            does |= {"delete": None} if mapping.on_delete is OnDelete.DELETE else {}
    return {name: tuple(does) for name, does in found.items()}


def writing(mappings: Mappings, side: Side, why: str = "") -> Iterator[Checked]:
    """What cannot be tried without writing is named, to be compared with the role; `why` it could not be asked."""
    by_table = needed(mappings, side)
    tables = [f"{name} ({', '.join(does[1:])})" for name, does in by_table.items() if len(does) > 1]
    if not tables:
        return
    told = "; ".join(tables)
    if why:
        says = f"Not tried, since nothing is written by this check: {told}. {why}"
        yield warning(side.label, "writing", says, f"Compare it with the application's role: {SETUP}.")
    else:
        yield not_tried(side.label, "writing", f"Nothing is written by this check. The mappings write {told}.")


def mend(side: Side, error: ApiError) -> str:
    """What to do when a side cannot be spoken with at all."""
    if error.problem.hint:
        return error.problem.hint
    if error.status == 429:
        return "Ask again in a few minutes. If something else uses this application, give the daemon one of its own."
    if error.status in (400, 404, 405):
        ends = "with the environment's name, before /api/v2.0" if side is Side.BC else "before /api/data/v9.2"
        return f"Correct {SECTIONS[side]}.url: it ends {ends}: {SETUP}."
    if error.status == 403:
        return f"{_REGISTERED[side]}: {SETUP}."
    return "Ask again: this may pass." if error.transient else f"Follow {SETUP} once more for this side."


def tracking(tracked: Mapping[str, bool], deletions_minutes: float) -> Iterator[Checked]:
    """Of each captured Sales table: is change tracking on? (wire-protocols B4.1)"""
    if on := [table for table, known in tracked.items() if known]:
        yield fine(Side.SALES.label, "change tracking", f"On for {', '.join(on)}.")
    late = f"every {deletions_minutes:g} minutes by reading all ids" if deletions_minutes else "never"
    for table in (table for table, known in tracked.items() if not known):
        yield warning(
            Side.SALES.label,
            "change tracking",
            f"Off for {table}: its changes are found by `modifiedon` instead, its deletions {late}.",
            "Switch on `Track changes` in the table's properties.",
        )


def webhooks(tables: Sequence[Table], offered: Collection[str] | None, watched: Collection[str]) -> Iterator[Checked]:
    """Of each captured Business Central table: does the service offer webhooks for it? None: it does not say (A4.1).

    `watched` are polled whether or not they have webhooks.
    """
    about, what = Side.BC.label, "webhooks"
    if offered is None:
        fix = "Nothing, if `coupled_webhook_subscriptions` shows them active later: each is tried."
        yield warning(about, what, "Business Central does not say which tables have webhooks.", fix)
        return
    told = [table.name for table in tables if offers(offered, table) and table.name not in watched]
    polled = [table.name for table in tables if table.name not in told]
    if told:
        yield fine(about, what, f"Offered for {', '.join(told)}.")
    for name in polled:
        if name in watched:
            yield fine(about, what, f"{name} is polled as ever: webhooks do not tell all of it.")
        else:
            says = f"Not offered for {name}: it is polled every `capture.poll_seconds`."
            yield warning(about, what, says, f"Nothing has to be done; which tables have webhooks: {SETUP}.")


def no_subscriptions(error: ApiError) -> Checked:
    """Business Central does not let us see our webhooks, so none can be made."""
    says = f"Business Central does not list webhook subscriptions: {error.problem.message}"
    if error.transient:
        return away(Side.BC.label, "webhooks", says, mend(Side.BC, error))
    fix = "Give the application a permission set for API Webhook Subscription, or leave webhooks.public_url out: "
    return wrong(Side.BC.label, "webhooks", says, f"{fix}{SETUP}.")


def clock(side: Side, skew_seconds: float | None) -> Iterator[Checked]:
    """The side's clock against ours, by the `Date` of its answers, which is exact to a second."""
    if skew_seconds is None:
        return
    ahead = "ahead of" if skew_seconds > 0 else "behind"
    if abs(skew_seconds) < SKEW_SECONDS:
        yield fine(side.label, "clock", "The same time as here, within half a minute.")
        return
    yield warning(
        side.label,
        "clock",
        f"{abs(skew_seconds):.0f} s {ahead} this machine (it matters from {SKEW_SECONDS:.0f} s): lag and propagation "
        "times are wrong by that, and exchange rates may take effect on the wrong day. No change is lost by it.",
        "Let this machine's clock be set by NTP.",
    )


def limits(side: Side, headers: Mapping[str, str]) -> Iterator[Checked]:
    """What the side says remains (wire-protocols B6); Business Central says nothing until it refuses (A6)."""
    remaining = headers.get(REMAINING, "")
    if not remaining.isdigit():
        return
    hint = f"; {headers[AT_ONCE]} at once are advised" if headers.get(AT_ONCE) else ""
    says = f"{remaining} requests remain of the 300 s window of one web server{hint}."
    if int(remaining) >= _FEW:
        yield fine(side.label, "limits", says)
    else:
        fix = "Give the daemon an application user of its own: something else uses this one."
        yield warning(side.label, "limits", f"{says} The daemon slows down below {_FEW}.", fix)
