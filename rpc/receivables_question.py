"""What is open by age and how fast it is collected, of what the server keeps. Runs in a worker.

The measures are those of `tieout report` over a history: items, and what was decided on them here.
What was settled elsewhere is not known here and left out of both sides.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpc.errors import FieldError
from tieout.receivables.aging import AGING_BUCKETS, CREDITS, bucket_of
from tieout.receivables.history import NEVER, History, closed_days
from tieout.receivables.measures import collection_measures, discount_leakage
from tieout.v1 import report_service_pb2 as contract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from store.repository import Repository

__all__ = ["aging_messages", "as_of_day", "history_of", "receivables_report"]

_DAY_MS: Final = 86_400_000
_DAYS: Final = 90
_DAYS_MAX: Final = 1_000
_CUSTOMERS: Final = 20
_CUSTOMERS_MAX: Final = 200
_SUMS: Final = tuple(f"{name}_minor" for name in (*AGING_BUCKETS, CREDITS))
_KEYS: Final = ("company_id", "customer_id", "currency")


def receivables_report(
    store: Repository,
    request: contract.GetReceivablesReportRequest,
    companies: Sequence[str] | None,
    now_ms: int,
) -> contract.GetReceivablesReportResponse:
    """The report over `companies` (None: all); raises `FieldError`."""
    last = as_of_day(request.as_of, now_ms)
    days = _within("days", request.days, _DAYS, _DAYS_MAX)
    many = _within("customers_max", request.customers_max, _CUSTOMERS, _CUSTOMERS_MAX)
    with store.reading():
        items = store.ledger_history.items(companies)
        settled = store.ledger_history.settled(companies)
    history = history_of(items, settled)
    open_minor = history.open_at(last)
    late = np.where(history.due_day == NEVER, 0, last - history.due_day)
    table = _aged(history, open_minor, late)
    latest = _aging_messages(_latest(_grouped(table, _KEYS), many))
    lateness = _lateness(history, last, days, many)
    _name(store, [*latest, *lateness])
    return contract.GetReceivablesReportResponse(
        as_of=(datetime.date(1970, 1, 1) + datetime.timedelta(days=last)).isoformat(),
        days=days,
        aging=_aging_messages(_grouped(table, ("currency",))),
        customers=latest,
        collection=_collection(history, last, days),
        lateness=lateness,
    )


def _name(
    store: Repository, rows: Sequence[contract.AgingTotal | contract.CustomerLateness]
) -> None:
    """Give rows of customers the names they have now."""
    keys = list(dict.fromkeys((one.company_id, one.customer_id) for one in rows))
    found = store.customers.find(keys).rows
    own = zip(found.strings("company_id"), found.strings("customer_id"), strict=True)
    names = dict(zip(own, found.strings("name"), strict=True))
    for one in rows:
        one.customer_name = names.get((one.company_id, one.customer_id), "")


def aging_messages(
    rows: Sequence[tuple[str, str, int]], as_of_ms: int
) -> list[contract.AgingTotal]:
    """Aging by currency of a customer's (currency, due date, open amount)."""
    last = as_of_ms // _DAY_MS
    due = [_day(day) if day else last for _, day, _ in rows]
    minor = np.array([amount for *_, amount in rows], np.int64)
    late = np.array([last - day for day in due], np.int64)
    columns = {"currency": pa.array([currency for currency, *_ in rows], pa.string())}
    return _aging_messages(_grouped(_buckets(columns, minor, late), ("currency",)))


def history_of(items: pa.Table, settled: pa.Table) -> History:
    """Items and settlements as the measures want them, items in the order given."""
    keys, of_keys = _row_keys(items), _row_keys(settled)
    place = pc.index_in(of_keys, value_set=keys)
    known = place.is_valid().to_numpy(zero_copy_only=False)
    of = pc.fill_null(place, 0).to_numpy(zero_copy_only=False).astype(np.int64)[known]
    taken = settled["taken_minor"].to_numpy()[known]
    original = items["open_minor"].to_numpy().copy()
    np.add.at(original, of, taken)
    paid = _days_of(settled["value_date"])
    decided = settled["decided_at_ms"].to_numpy() // _DAY_MS
    day = np.where(paid == NEVER, decided, paid)[known]
    document, due = _days_of(items["document_date"]), _days_of(items["due_date"])
    customers, companies, currencies = (
        items[name].combine_chunks().dictionary_encode()
        for name in ("customer_id", "company_id", "currency")
    )
    return History(
        item_ids=items["open_item_id"].combine_chunks(),
        customers=customers.dictionary.to_pylist(),
        companies=companies.dictionary.to_pylist(),
        currencies=currencies.dictionary.to_pylist(),
        customer=_codes(customers),
        company=_codes(companies),
        currency=_codes(currencies),
        document_day=np.where(document == NEVER, np.where(due == NEVER, 0, due), document),
        due_day=np.where(due == NEVER, document, due),
        discount_day=_days_of(items["discount_date"]),
        original=original,
        closed=closed_days(original, of, day, taken),
        of=of,
        settled_day=day,
        settled=taken,
        discount_taken=settled["discount_minor"].to_numpy()[known],
    )


def _aged(history: History, open_minor: NDArray[np.int64], late: NDArray[np.int64]) -> pa.Table:
    names = {
        "company_id": (history.companies, history.company),
        "customer_id": (history.customers, history.customer),
        "currency": (history.currencies, history.currency),
    }
    columns = {
        name: pa.array(values, pa.string()).take(pa.array(codes))
        for name, (values, codes) in names.items()
    }
    return _buckets(columns, open_minor, late)


def _buckets(
    columns: dict[str, pa.Array], minor: NDArray[np.int64], late: NDArray[np.int64]
) -> pa.Table:
    """Each amount in the column of its age; credits in a column of their own."""
    bucket = np.where(minor < 0, len(AGING_BUCKETS), bucket_of(late))
    aged = {name: np.where(bucket == at, minor, 0) for at, name in enumerate(_SUMS)}
    return pa.table(columns | aged | {"total_minor": minor}).filter(pa.array(minor != 0))


def _grouped(table: pa.Table, keys: tuple[str, ...]) -> pa.Table:
    sums = [*_SUMS, "total_minor"]
    grouped = table.group_by(list(keys)).aggregate([(name, "sum") for name in sums])
    grouped = grouped.select([*keys, *(f"{name}_sum" for name in sums)])
    grouped = grouped.rename_columns([*keys, *sums])
    return grouped.take(pc.sort_indices(grouped, [(key, "ascending") for key in keys]))


def _latest(table: pa.Table, many: int) -> pa.Table:
    """Of each currency the customers with the most past due."""
    past = table["total_minor"]
    for name in (_SUMS[0], _SUMS[-1]):
        past = pc.subtract(past, table[name])
    table = table.append_column("past", past)
    parts = []
    for currency in pc.unique(table["currency"]).to_pylist():
        own = table.filter(pc.and_(pc.equal(table["currency"], currency), pc.greater(past, 0)))
        order = [("past", "descending"), ("company_id", "ascending"), ("customer_id", "ascending")]
        parts.append(own.take(pc.sort_indices(own, order)[:many]))
    return pa.concat_tables(parts) if parts else table


def _aging_messages(table: pa.Table) -> list[contract.AgingTotal]:
    found = []
    for row in table.to_pylist():
        row.pop("past", None)
        found.append(contract.AgingTotal(currency_code=row.pop("currency"), **row))
    return found


def _collection(history: History, last: int, days: int) -> list[contract.CollectionTotal]:
    leaks = {one.currency: one for one in discount_leakage(history, last, days)}
    found = []
    for one in collection_measures(history, last, days):
        leak = leaks[one.currency]
        ratios: dict[str, Any] = {
            name: getattr(one, name)
            for name in ("dso", "best_possible_dso", "days_delinquent", "cei", "days_late")
        }
        found.append(
            contract.CollectionTotal(
                currency_code=one.currency,
                opening_minor=one.opening_minor,
                sales_minor=one.sales_minor,
                collected_minor=one.collected_minor,
                closing_minor=one.closing_minor,
                closing_current_minor=one.closing_current_minor,
                discount_minor=leak.taken_minor,
                discount_unearned_minor=leak.unearned_minor,
                discount_unearned_count=leak.unearned_count,
                **{name: value for name, value in ratios.items() if value is not None},
            )
        )
    return found


def _lateness(history: History, last: int, days: int, many: int) -> list[contract.CustomerLateness]:
    """The latest of the customers with the most settled in the period, by currency."""
    due = history.due_day[history.of]
    within = (history.settled_day > last - days) & (history.settled_day <= last)
    within &= (history.settled > 0) & (due != NEVER)
    of = history.of[within]
    minor = history.settled[within]
    table = pa.table(
        {
            "company": history.company[of],
            "customer": history.customer[of],
            "currency": history.currency[of],
            "minor": minor,
            "weighed": (history.settled_day[within] - due[within]).astype(np.float64) * minor,
        }
    )
    keys = ["company", "customer", "currency"]
    sums = table.group_by(keys).aggregate(
        [("minor", "sum"), ("minor", "count"), ("weighed", "sum")]
    )
    sums = sums.append_column("late", pc.divide(sums["weighed_sum"], sums["minor_sum"]))
    found = []
    for currency in sorted(set(sums["currency"].to_pylist())):
        own = sums.filter(pc.equal(sums["currency"], currency))
        biggest = own.take(pc.sort_indices(own, [("minor_sum", "descending")])[: 5 * many])
        order = [("late", "descending"), ("minor_sum", "descending"), ("customer", "ascending")]
        found += [
            contract.CustomerLateness(
                company_id=history.companies[row["company"]],
                customer_id=history.customers[row["customer"]],
                currency_code=history.currencies[currency],
                settled_minor=row["minor_sum"],
                settled_count=row["minor_count"],
                days_late=row["late"],
            )
            for row in biggest.take(pc.sort_indices(biggest, order)[:many]).to_pylist()
        ]
    return found


def _row_keys(table: pa.Table) -> pa.Array:
    keys = pc.binary_join_element_wise(table["company_id"], table["open_item_id"], "\x1f")
    return keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys


def _codes(values: pa.DictionaryArray) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = values.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _days_of(dates: pa.ChunkedArray) -> NDArray[np.int64]:
    numbers = dates.cast(pa.int32()).cast(pa.int64())
    days: NDArray[np.int64] = pc.fill_null(numbers, NEVER).to_numpy()
    return days


def as_of_day(text: str, now_ms: int) -> int:
    """The day `text` names, today where it is empty; raises `FieldError`."""
    if not text:
        return now_ms // _DAY_MS
    try:
        return _day(text)
    except ValueError:
        message = f"as_of is {text!r}, expected a day such as 2026-11-26"
        raise FieldError(message, field="as_of", value=text) from None


def _day(text: str) -> int:
    return (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days


def _within(field: str, value: int, usual: int, most: int) -> int:
    if not 0 <= value <= most:
        message = f"{field} is {value}, expected 0 to {most}"
        raise FieldError(message, field=field, value=str(value))
    return value or usual
