"""New partners that an earlier try of ours has left unrecorded, known again although people have edited them since.

A kill, or an answer that is lost, leaves them. What was sent was written down before, so it is what both sides agreed
on, and what a partner holds beside it is an edit, to travel like any other (promises 2 and 3). Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from consumers.decide import Create, Modify
from consumers.resolve import known_version
from consumers.translate import rounded, rules_for, same
from schemas.canonical import is_code
from schemas.coupling import Coupling, Half
from schemas.field_mapping import FieldRule, When
from schemas.mapping import TableMapping
from schemas.outcome import Intent, Outcome, Settled
from schemas.side import Direction, Side

Values = Mapping[str, Any]
# A record changed longer before than clocks are wrong by is not what we were creating.
_CLOCKS = timedelta(hours=2)
# So long after it was sent, what looks like our work, and nobody has told from it, is somebody else's.
_AT_LONGEST = timedelta(days=7)
# One value, such as a name, many records may have in common.
_LEAST = 2


def bears(seen: Values, sent: Values) -> bool:
    """Does a record carry all that was sent?"""
    return all(seen.get(name, value) == value for name, value in sent.items())


def probes(mapping: TableMapping, sent: Values) -> tuple[str, ...]:
    """The BC fields to look for our own work by: the number we chose, else the first text that is no code, which is its
    name in most tables, and e-mail addresses. What many records share, such as a city, tells nothing."""
    if mapping.bc.key in sent:
        return (mapping.bc.key,)
    texts = [name for name, value in sent.items() if isinstance(value, str) and not is_code(name)]
    return tuple(name for name in texts if name == texts[0] or "@" in sent[name])


def resembles(mapping: TableMapping, seen: Values, changed_ms: int, intent: Intent) -> bool:
    """May a BC record be what we were creating, edited since? It carries half of what was sent and two values at least,
    our number or a text that it is looked for by among them, and was not changed before that was sent."""
    sent = intent.fields
    names = probes(mapping, sent)
    if intent.sent_at is None or changed_ms < (intent.sent_at - _CLOCKS).timestamp() * 1000:
        return False
    if not any(seen.get(name) == sent[name] for name in names):
        return False
    return alike(seen, sent) >= max(_LEAST, len(sent) / 2)


def alike(seen: Values, sent: Values) -> int:
    """How many of the values sent a record carries."""
    return sum(seen.get(name) == value for name, value in sent.items())


def came_of(intent: Intent, item: Create, now: datetime) -> bool | None:
    """Is this record of BC what we were creating? None: it is not; False: it may be, edited since."""
    if intent.bc_id:
        return True if item.change.key == intent.bc_id else None
    if bears(item.source.base, intent.fields):
        return True
    waits = intent.sent_at is not None and now < intent.sent_at + _AT_LONGEST
    return False if waits and resembles(item.mapping, item.source.base, item.source.sequence, intent) else None


def taken_for_own(creates: Sequence[Create], found: Sequence[Half]) -> dict[str, str]:
    """Which of the BC records that were found the tries have left: the id of each by that of its source. Those that
    carry all that was sent come first, then those that carry the most."""
    free, own = {one.id: one for one in found}, dict[str, str]()
    for item in creates:
        if exact := next((key for key, one in free.items() if bears(one.base, item.traces)), None):
            own[item.change.key] = free.pop(exact).id
    rest = [(item, one) for item in creates if item.change.key not in own for one in free.values() if is_own(item, one)]
    for item, one in sorted(rest, key=lambda pair: -alike(pair[1].base, pair[0].traces)):
        if item.change.key not in own and one.id in free:
            own[item.change.key] = free.pop(one.id).id
    return own


def is_own(item: Create, partner: Half) -> bool:
    """Of the records found for one that was tried before: is it what the try has left? The others were there."""
    if item.change.side is Side.BC:
        return item.tried and partner.id == item.change.key
    ours = Intent(item.mapping.name, item.change.key, item.traces, sent_at=item.sent_at)
    return item.tried and (
        bears(partner.base, item.traces) or resembles(item.mapping, partner.base, partner.sequence, ours)
    )


def agreed(mapping: TableMapping, side: Side, now: Half, sent: Values) -> Half:
    """The half of a new partner as of the moment we created it: `now` but for what was edited since. Its version is
    empty while such an edit is still to travel."""
    blank = _blank_when_created(mapping, side)

    def then(name: str, value: Any) -> Any:
        if name in sent:
            return value if same(side, sent[name], value) or rounded(sent[name], value) else sent[name]
        return None if name in blank and isinstance(value, str) else value

    base = {name: then(name, value) for name, value in now.base.items()}
    return replace(now, version=known_version(mapping, side, now, base), base=base)


def _blank_when_created(mapping: TableMapping, side: Side) -> set[str]:
    """Texts that no service fills in by itself, as it does codes and enumerations (which need a transform): unless they
    were sent, they were blank."""
    free = (rule for rule in mapping.fields if not rule.looks_up and not rule.transforms)
    rules = (rule for rule in free if mapping.both_ways(rule))
    return {name for rule in rules if not any(map(is_code, rule.bc)) for name in rule.fields(side)}


def coupled(item: Create, now: Half, then: Half, outcome: Outcome) -> Settled | Modify:
    """The record with its new partner, which holds what was sent: `then` is its half as of that moment. What the record
    has become since is left out of what both agreed on, and its version with it, so that it is carried once more."""
    side = item.change.side.other
    rules = rules_for(item.mapping, item.change.direction, When.AFTER_INSERT)
    second = {name: rule.constant for rule in rules for name in rule.fields(side)}
    fields = {name: value for name, value in second.items() if not same(side, value, now.base.get(name))}
    coupling = Coupling.of(item.mapping.name, item.change.side, _as_sent(item), then)
    if fields:
        # It is written to as it is; the version that is known afterwards is empty again if edits are to travel.
        read = coupling.with_half(side, replace(then, version=now.version))
        return Modify(item.change, item.mapping, read, fields, outcome)
    return Settled(item.change, item.mapping.name, outcome, coupling, partner=now.id)


def _as_sent(item: Create) -> Half:
    """The record's own half, without the fields that were sent as they were before."""
    newer = {name for rule in _newer(item) for name in rule.fields(item.change.side)}
    if not newer:
        return item.source
    return replace(item.source, version="", base={n: v for n, v in item.source.base.items() if n not in newer})


def is_newer(item: Create) -> bool:
    """Is another value to be sent now than a try before?"""
    return item.sent is not None and item.sent != item.fields


def _newer(item: Create) -> list[FieldRule]:
    side, direction = item.change.side.other, Direction.from_side(item.change.side)
    rules = rules_for(item.mapping, direction, When.ALWAYS) if is_newer(item) else ()
    return [rule for rule in rules if any(item.fields.get(n) != item.traces.get(n) for n in rule.fields(side))]
