"""What of a window that is read again and again its reader has already returned."""

from collections import OrderedDict

_MOST = 100_000


class Returned:
    """The rows of a window that were returned: of each record the newest version, and no record older than the window.

    It grows with the records that change within the window, not with their changes; at most to `most` of them, of which
    those that were returned first are forgotten, and so are returned again.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._rows: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def has(self, key: str, version: str) -> bool:
        """Whether this very version of the record was returned."""
        known = self._rows.get(key)
        return known is not None and known[0] == version

    def add(self, key: str, version: str, modified_ms: int) -> None:
        self._rows[key] = version, modified_ms
        self._rows.move_to_end(key)

    def forget_before(self, start_ms: int) -> None:
        """The window begins there now. A row that came late may stay for as long as those returned before it."""
        while self._rows and (len(self._rows) > self._most or self._oldest < start_ms):
            self._rows.popitem(last=False)

    @property
    def _oldest(self) -> int:
        return next(iter(self._rows.values()))[1]

    def clear(self) -> None:
        self._rows.clear()
