"""What Sales wants to know of a currency and BC keeps elsewhere (business-central-sync 1.3)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID, uuid5

import httpx
import structlog

from producers.odata import get, rows_of
from schemas import business_central as bc
from schemas.errors import ApiError
from schemas.mapping import Table
from schemas.odata import Row, any_of, literal, query

TABLE = bc.CURRENCIES
_RATE_COLUMNS = "currencyCode,startingDate,exchangeRateAmount,relationalExchangeRateAmount"
_TEN_DECIMALS = Decimal("1e-10")
_LONG_AGO = "2000-01-01T00:00:00Z"
_DEFAULT_PRECISION = 2
_RATES_MS = 60_000
_log = structlog.get_logger(__name__)


class Rates:
    """Exchange rates are rows of their own: a new one, or one whose day has come, does not touch its currency's row.

    Asked for at most once a minute; the rates last seen are part of the position, so that none is missed (promise 1).
    """

    def __init__(self, client: httpx.AsyncClient, company: str, table: Table, now_ms: Callable[[], int]) -> None:
        self._client, self._company, self._table, self._now_ms = client, company, table, now_ms
        self._next_ms = 0

    async def changed(self, seen: Mapping[str, float] | None) -> tuple[list[str], Mapping[str, float] | None]:
        """(codes of the currencies whose rate is not the one seen, all rates now). `seen` None: nothing is compared."""
        if self._now_ms() < self._next_ms:
            return [], seen
        self._next_ms = self._now_ms() + _RATES_MS
        try:
            rates = await current_rates(self._client, self._company, self._now_ms())
        except ApiError as error:
            _log.warning("exchange rates are not known", side="bc", reason=str(error))
            return [], seen
        now = {code: float(rate) for code, rate in sorted(rates.items())}
        codes = set() if seen is None else {code for code in {*seen, *now} if seen.get(code) != now.get(code)}
        return sorted(codes), now

    async def rows(self, codes: Sequence[str], select: Sequence[str]) -> list[Row]:
        """The currencies with these codes."""
        found: list[Row] = []
        for text in any_of("code", codes):
            link = bc.path(self._table, self._company) + query(select=",".join(select), filter=text)
            found += await rows_of(self._client, link)
        return found


class Currencies:
    """Completes rows of `currencies` with the computed fields among `names`."""

    def __init__(
        self, client: httpx.AsyncClient, company: str, names: Collection[str], now_ms: Callable[[], int]
    ) -> None:
        self._client, self._company, self._now_ms = client, company, now_ms
        self._names = bc.CURRENCY_FIELDS & set(names)
        self._root = f"{bc.api_root('')}/companies({company})"

    async def __call__(self, rows: Sequence[Row]) -> Sequence[Row]:
        if not rows or not self._names:
            return rows
        rates = (
            await current_rates(self._client, self._company, self._now_ms()) if "exchangeRate" in self._names else {}
        )
        return [self._completed(row, rates) for row in rows]

    async def local(self) -> Row | None:
        """The company's own currency as a row: BC has none for it. None if it has, or names no currency."""
        code = await self.local_code()
        if not code:
            return None
        search = query(filter=f"code eq {literal('code', code)}", select="id")
        if (await get(self._client, f"{self._root}/{TABLE}{search}")).rows:
            return None
        # Its code is all that BC knows of it: the name and symbol that Sales has for it stay as they are.
        return {
            "@odata.etag": 'W/"local-currency"',
            "id": self._local_id(code),
            "code": code,
            bc.MODIFIED: _LONG_AGO,
        }

    async def local_id(self) -> str | None:
        """The id that `local` gives the company's own currency, if it names one, whether or not BC has a row for it."""
        code = await self.local_code()
        return self._local_id(code) if code else None

    def _local_id(self, code: str) -> str:
        return str(uuid5(UUID(self._company), code))

    async def local_code(self) -> str:
        """The code of the company's own currency, which records that name none show; empty if it is not told."""
        try:
            found = await get(self._client, f"{self._root}/companyInformation{query(select='id,currencyCode')}")
        except ApiError as error:
            if error.transient:
                raise
            _log.warning("the company's own currency is not known", side="bc", reason=str(error))
            return ""
        return str(found.rows[0].get("currencyCode") or "").strip().upper() if found.rows else ""

    def _completed(self, row: Row, rates: Mapping[str, Decimal]) -> Row:
        code = str(row.get("code", "")).upper()
        rate = rates.get(code)
        computed: dict[str, Any] = {
            "exchangeRate": None if rate is None else float(rate),
            "currencyPrecision": precision(str(row.get("amountDecimalPlaces") or "")),
            "currencySymbol": str(row.get("symbol") or "").strip() or code,
        }
        return {**row, **{name: computed[name] for name in self._names}}


async def current_rates(client: httpx.AsyncClient, company: str, now_ms: int) -> Mapping[str, Decimal]:
    """Units of the currency per unit of the local one, as of today, by code."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date().isoformat()
    newest: dict[str, tuple[str, Decimal]] = {}
    link = f"{bc.api_root('')}/companies({company})/currencyExchangeRates{query(select=_RATE_COLUMNS)}"
    for row in await rows_of(client, link):
        code, start = str(row.get("currencyCode", "")).upper(), str(row.get("startingDate", ""))
        rate = _rate(row)
        if rate is not None and start <= today and start >= newest.get(code, ("", rate))[0]:
            newest[code] = start, rate
    return {code: rate for code, (_, rate) in newest.items()}


def precision(decimal_places: str) -> int:
    """The most decimals of a BC format such as `2:2` or `0:3`."""
    last = decimal_places.rpartition(":")[2].strip()
    return int(last) if last.isdigit() else _DEFAULT_PRECISION


def _rate(row: Row) -> Decimal | None:
    try:
        amount = Decimal(str(row["exchangeRateAmount"]))
        return (amount / Decimal(str(row["relationalExchangeRateAmount"]))).quantize(_TEN_DECIMALS) if amount else None
    except (KeyError, InvalidOperation, ZeroDivisionError):
        return None
