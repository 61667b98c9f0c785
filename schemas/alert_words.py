"""What a notification says: the text of a mail, and the body of a webhook."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.alert_causes import Cause
from schemas.alerts import RULES, News
from schemas.visible import visible

_LONGEST = 120


def subject(news: News) -> str:
    """One line."""
    if not news:
        return "coupled: a test"
    first, *others = [*news.raised, *news.over]
    state = RULES[first.kind].severity if news.raised else "over"
    more = f" (and {len(others)} more)" if others else ""
    return f"coupled, {state}: {visible(first.summary)[:_LONGEST]}{more}"


def text(news: News, who: str) -> str:
    """`who`: which daemon says so."""
    lines = [*_part("Something needs a look:", news.raised), *_part("Over:", news.over)]
    body = lines or ["This is a test: notifications arrive.", ""]
    closing = "You are told of each cause once, and once more when it is over. What to do: docs/runbooks.md of coupled."
    return "\n".join([*body, f"From {who}. {closing}", ""])


def body(news: News, who: str, at: str) -> Mapping[str, Any]:
    """Of a webhook. `text` is for chat services, which show that and ignore the rest; `at` is in ISO 8601."""
    return {
        "text": subject(news),
        "from": who,
        "at": at,
        "test": not news,
        "raised": [as_dict(one) for one in news.raised],
        "over": [as_dict(one) for one in news.over],
    }


def _part(title: str, causes: Sequence[Cause]) -> list[str]:
    if not causes:
        return []
    return [title, "", *(_lines(one) for one in causes), ""]


def _lines(one: Cause) -> str:
    severity = RULES[one.kind].severity
    return f"- [{severity}] {visible(one.summary)}\n    {one.kind.value}. {visible(one.advice)}"


def as_dict(one: Cause) -> Mapping[str, str]:
    """For programs."""
    return {
        "id": one.key,
        "alert": one.kind.value,
        "severity": RULES[one.kind].severity,
        "about": one.about,
        "summary": visible(one.summary),
        "advice": visible(one.advice),
    }
