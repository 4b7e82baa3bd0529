"""The queue in columns: every case by what it is filtered, counted and sorted by, kept current.

A queue of 100,000 cases is counted by ten facets on every look at it. The database needs half a
second for that; columns in memory need milliseconds. They are read once and then brought up by
what bookings have changed since: cases carry the number of the booking that changed them last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.money import CURRENCY_EXPONENTS
from store.case_records import AGE_BANDS, AMOUNT_BANDS, FACETS
from store.kept_order import KeptOrder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from store.case_records import CaseFilter, CaseOrder, Facet
    from store.database import Database

__all__ = ["CaseCensus"]

_DAY_MS: Final = 86_400_000

_TEXTS: Final = (
    "state",
    "code",
    "company_id",
    "currency",
    "assignee",
    "customer_id",
    "file_id",
    "bank_account",
)
_NUMBERS: Final = (
    "row_number",
    "amount_minor",
    "undecided_minor",
    "due_at_ms",
    "raised_at_ms",
    "lease_until_ms",
    "parked_until_ms",
    "change_number",
)
_SCHEMA: Final = pa.schema(
    [pa.field(name, pa.string()) for name in _TEXTS]
    + [pa.field(name, pa.int64()) for name in _NUMBERS]
)
_CHANGED: Final = (
    "SELECT c.state, c.code, c.company_id, c.currency, c.assignee, c.customer_id, c.file_id, "
    "coalesce(p.bank_account, ''), c.row_number, c.amount_minor, c.undecided_minor, c.due_at_ms, "
    "c.raised_at_ms, c.lease_until_ms, c.parked_until_ms, c.change_number "
    "FROM exception_case c LEFT JOIN payment p ON p.payment_id = c.payment_id "
    "WHERE c.change_number > ?"
)
_FILTER_OF: Final[dict[Facet, str]] = {
    "state": "states",
    "code": "codes",
    "company_id": "company_ids",
    "currency": "currencies",
    "assignee": "assignees",
    "customer_id": "customer_ids",
    "file_id": "file_ids",
    "bank_account": "bank_accounts",
    "age": "ages",
    "amount": "amount_bands",
}
assert set(_FILTER_OF) == set(FACETS)  # noqa: S101 - a facet without a filter is a mistake

_EXPONENT_USUAL: Final = 2
_ORDERS: Final[tuple[CaseOrder, ...]] = ("raised", "due", "amount")

Mask = "NDArray[np.bool_]"


class _Texts:
    """A column of text: a code per row, and the text of each code."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.codes: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self._code_of: dict[str, int] = {}

    def grow(self, count: int) -> None:
        self.codes = np.concatenate([self.codes, np.zeros(count, dtype=np.int32)])

    def put(self, places: NDArray[np.intp], column: pa.Array) -> None:
        """The texts of `column` at `places`."""
        encoded = pc.dictionary_encode(column)
        own = [self._code(text) for text in encoded.dictionary.to_pylist()]
        taken = encoded.indices.to_numpy(zero_copy_only=False)
        self.codes[places] = np.array(own, dtype=np.int32)[taken]

    def known(self, texts: Sequence[str]) -> list[int]:
        """The codes of those of `texts` that stand in some row."""
        return [self._code_of[text] for text in texts if text in self._code_of]

    def _code(self, text: str) -> int:
        code = self._code_of.setdefault(text, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code


class CaseCensus:
    """The columns of one tenant's cases; belongs to one connection."""

    def __init__(self) -> None:
        """Know nothing yet; the first question reads everything."""
        self._texts = {name: _Texts() for name in _TEXTS}
        self._numbers = {name: np.zeros(0, dtype=np.int64) for name in _NUMBERS}
        self._orders: dict[CaseOrder, KeptOrder] = {name: KeptOrder() for name in _ORDERS}
        self.seen = -1

    def refresh(self, database: Database) -> None:
        """Take in what was changed since the last time; in a reading block."""
        rows = database.read_table(_CHANGED, _SCHEMA, self.seen)
        if not rows.num_rows:
            return
        # Sorted here: the database would walk all cases in their order to find a few.
        rows = rows.sort_by("row_number")
        numbers = rows["row_number"].to_numpy()
        self._grow(numbers)
        places = np.searchsorted(self._numbers["row_number"], numbers)
        for name in _NUMBERS:
            self._numbers[name][places] = rows[name].to_numpy()
        for name, texts in self._texts.items():
            texts.put(places, rows[name].combine_chunks())
        for kept in self._orders.values():
            kept.note(places)
        self.seen = int(rows["change_number"].to_numpy().max())

    def _grow(self, numbers: NDArray[np.int64]) -> None:
        """Make room for those of `numbers`, which are in order, that have none yet."""
        known = self._numbers["row_number"]
        # New rows have greater numbers than old ones: bookings of a tenant follow each other.
        fresh = numbers[np.searchsorted(numbers, self.last_row, side="right") :]
        if not len(fresh):
            return
        for name in _NUMBERS:
            own = self._numbers[name]
            self._numbers[name] = np.concatenate([own, np.zeros(len(fresh), dtype=np.int64)])
        self._numbers["row_number"][len(known) :] = fresh
        for texts in self._texts.values():
            texts.grow(len(fresh))

    @property
    def last_row(self) -> int:
        """The greatest row number there is; 0 where there is no case."""
        numbers = self._numbers["row_number"]
        return int(numbers[-1]) if len(numbers) else 0

    def rows_of_customers(self, customers: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
        """Row numbers of the cases of customers, each given by its company and its id."""
        owners, companies = self._texts["customer_id"], self._texts["company_id"]
        pairs = {
            (company, owner)
            for company_id, customer_id in customers
            for company in companies.known([company_id])
            for owner in owners.known([customer_id])
        }
        width = len(owners.texts)
        wanted = np.array([company * width + owner for company, owner in pairs], dtype=np.int64)
        keys = companies.codes.astype(np.int64) * width + owners.codes
        found: NDArray[np.int64] = self._numbers["row_number"][np.isin(keys, wanted)]
        return found

    def customers_of(self, rows: NDArray[np.int64]) -> list[tuple[str, str]]:
        """Company and customer of each of these rows, which are in order."""
        places = np.searchsorted(self._numbers["row_number"], rows)
        names = (self._texts["company_id"], self._texts["customer_id"])
        columns = [[one.texts[code] for code in one.codes[places]] for one in names]
        return list(zip(*columns, strict=True))

    def chosen(
        self, wanted: CaseFilter, now_ms: int, found: NDArray[np.bool_] | None, but: str = ""
    ) -> NDArray[np.bool_]:
        """Which rows `wanted` chooses, without what it says of the facet `but`.

        `found` says which a search gave; None: nothing was searched for.
        """
        mask = np.ones(len(self._numbers["row_number"]), dtype=np.bool_)
        for facet in FACETS:
            values = getattr(wanted, _FILTER_OF[facet])
            if values and facet != but:
                mask &= self._among(facet, values, now_ms)
        if wanted.companies is not None:
            mask &= self._among("company_id", wanted.companies, now_ms)
        amounts = np.abs(self._numbers["amount_minor"])
        if wanted.amount_min_minor:
            mask &= amounts >= wanted.amount_min_minor
        if wanted.amount_max_minor:
            mask &= amounts <= wanted.amount_max_minor
        if wanted.due_before_ms:
            mask &= self._numbers["due_at_ms"] < wanted.due_before_ms
        if wanted.raised_before_ms:
            mask &= self._numbers["raised_at_ms"] < wanted.raised_before_ms
        if found is not None:
            mask &= found
        return mask

    def mask_of(self, found: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which rows have one of the numbers `found`, which are in order."""
        numbers = self._numbers["row_number"]
        mask = np.zeros(len(numbers), dtype=np.bool_)
        places = np.searchsorted(numbers, found)
        within = places < len(numbers)
        places, found = places[within], found[within]
        mask[places[numbers[places] == found]] = True
        return mask

    def page(
        self,
        mask: NDArray[np.bool_],
        order: CaseOrder,
        after: tuple[int, int] | None,
        limit: int,
    ) -> list[tuple[int, int]]:
        """The first `limit` keys of the chosen rows in `order` after a key: its value, the row."""
        numbers = self._numbers["row_number"]
        values = self._sorted_by(order)
        if after is not None:
            value, number = after
            after = (value, int(np.searchsorted(numbers, number, side="right")) - 1)
        picked = self._orders[order].first(values, mask, after, limit)
        return [
            (int(value), int(number))
            for value, number in zip(values[picked], numbers[picked], strict=True)
        ]

    def counts(
        self, mask: NDArray[np.bool_], facet: Facet, now_ms: int, values_max: int
    ) -> list[tuple[str, int]]:
        """How many chosen rows have each value of `facet`.

        Bands come in their order, other values the most frequent `values_max` first.
        """
        texts, codes = self._values(facet, now_ms)
        numbers = np.bincount(codes[mask], minlength=len(texts))
        found = [(texts[at], int(count)) for at, count in enumerate(numbers) if count]
        if facet in _BANDS:
            return found[:values_max]
        return sorted(found, key=lambda one: (-one[1], one[0]))[:values_max]

    def _sorted_by(self, order: CaseOrder) -> NDArray[np.int64]:
        if order == "raised":
            return self._numbers["row_number"]
        if order == "due":
            return self._numbers["due_at_ms"]
        negative: NDArray[np.int64] = -np.abs(self._numbers["undecided_minor"])
        return negative

    def _among(self, facet: Facet, values: Sequence[str], now_ms: int) -> NDArray[np.bool_]:
        texts, codes = self._values(facet, now_ms)
        table = np.zeros(len(texts) + 1, dtype=np.bool_)
        own = self._texts.get(facet)
        if facet in _BANDS or own is None or facet == "state":
            chosen = [at for at, text in enumerate(texts) if text in values]
        else:
            chosen = own.known(values)
        table[chosen] = True
        mask: NDArray[np.bool_] = table[codes]
        return mask

    def _values(self, facet: Facet, now_ms: int) -> tuple[Sequence[str], NDArray[Any]]:
        """The texts a facet may have, and the one of each row as its place among them."""
        if facet == "age":
            days = (now_ms - self._numbers["raised_at_ms"]) // _DAY_MS
            return tuple(AGE_BANDS), _band(days, tuple(AGE_BANDS.values()))
        if facet == "amount":
            major = np.abs(self._numbers["amount_minor"]) // self._units()
            return tuple(AMOUNT_BANDS), _band(major, tuple(AMOUNT_BANDS.values()))
        if facet == "state":
            return self._states(now_ms)
        texts = self._texts[facet]
        return texts.texts, texts.codes

    def _states(self, now_ms: int) -> tuple[Sequence[str], NDArray[Any]]:
        """States as of now: a lease that ran out and a day that came need nobody to say so."""
        own = self._texts["state"]
        texts = own.texts if "open" in own.texts else [*own.texts, "open"]
        codes = own.codes
        for state, until in (("in_work", "lease_until_ms"), ("parked", "parked_until_ms")):
            if state in own.texts:
                over = (own.codes == own.texts.index(state)) & (self._numbers[until] <= now_ms)
                codes = np.where(over, texts.index("open"), codes)
        return texts, codes

    def _units(self) -> NDArray[np.int64]:
        """Minor units of one major unit of each row's currency."""
        currencies = self._texts["currency"]
        units = [10 ** CURRENCY_EXPONENTS.get(one, _EXPONENT_USUAL) for one in currencies.texts]
        found: NDArray[np.int64] = np.array([*units, 1], dtype=np.int64)[currencies.codes]
        return found


_BANDS: Final = frozenset({"age", "amount"})


def _band(values: NDArray[np.int64], starts: Sequence[int]) -> NDArray[np.intp]:
    """The band each of `values` lies in; below the first it is the first."""
    found = np.searchsorted(np.array(starts, dtype=np.int64), values, side="right") - 1
    band: NDArray[np.intp] = np.maximum(found, 0)
    return band
