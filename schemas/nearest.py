"""What was probably meant by a name that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like it, whatever the case; empty if none is like it."""
    by_fold = {one.casefold(): one for one in sorted(known)}
    close = get_close_matches(name.casefold(), by_fold, n=1)
    return by_fold[close[0]] if close else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean 'x'?`, or what there is if little, or nothing."""
    names = sorted(known)
    close = nearest(name, names)
    if close:
        return f"Did you mean {close!r}?"
    return f"There are: {', '.join(names)}." if 0 < len(names) <= 25 else ""
