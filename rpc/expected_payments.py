"""When open items will be paid, by what the server has seen settled. Runs in a worker.

The habits, quantiles and the judgement on past days are those of `tieout report`.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rpc.page_tokens import key_token, page_limit, read_key_token
from rpc.receivables_question import as_of_day, history_of
from tieout.receivables.backtest import backtest
from tieout.receivables.expected_dates import QUANTILES, delay_model, expected_days
from tieout.receivables.history import NEVER
from tieout.v1 import report_service_pb2 as contract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.repository import Repository
    from tieout.receivables.history import History

__all__ = ["expected_payments"]

_ORDER: Final = "likely_date"
_DATES: Final = ("early_date", "likely_date", "late_date")
_LIKELY: Final = _DATES[QUANTILES.index(0.5)]


class _Wanted(msgspec.Struct, frozen=True):
    """What list a page is of."""

    company_id: str
    customer_id: str
    as_of: int


def expected_payments(
    store: Repository,
    request: contract.ListExpectedPaymentsRequest,
    companies: Sequence[str] | None,
    now_ms: int,
) -> contract.ListExpectedPaymentsResponse:
    """A page of open items of `companies` (None: all); raises `FieldError`, `PageTokenError`."""
    last = as_of_day(request.as_of, now_ms)
    limit = page_limit(request.page_size)
    wanted = _Wanted(request.company_id, request.customer_id, last)
    after = read_key_token(request.page_token, wanted, _ORDER)
    with store.reading():
        items = store.ledger_history.items(companies)
        settled = store.ledger_history.settled(companies)
    items = items.filter(pc.is_valid(pc.coalesce(items["due_date"], items["document_date"])))
    history = history_of(items, settled)
    table = _expected(items, history, last, request.customer_id)
    if after is not None:
        table = table.filter(_is_behind(table, after))
    page = table.slice(0, limit)
    return contract.ListExpectedPaymentsResponse(
        as_of=(datetime.date(1970, 1, 1) + datetime.timedelta(days=last)).isoformat(),
        payments=[
            contract.ExpectedPayment(**row) for row in page.drop_columns(["place"]).to_pylist()
        ],
        record=_record(history) if after is None and len(history) else None,
        next_page_token=key_token(_place(page) if table.num_rows > limit else None, wanted, _ORDER),
    )


def _expected(items: pa.Table, history: History, last: int, customer_id: str) -> pa.Table:
    """Debit items open at the end of day `last`, by likely day, company and id."""
    is_wanted = history.open_at(last) > 0
    if customer_id:
        is_wanted &= pc.equal(items["customer_id"], customer_id).to_numpy()
    rows = np.flatnonzero(is_wanted)
    due = history.due_day[rows]
    told = expected_days(delay_model(history, last), history.customer[rows], due, last)
    taken = items.take(pa.array(rows))
    names = ("company_id", "open_item_id", "customer_id", "document_number")
    days = {name: _texts(told.days[:, at]) for at, name in enumerate(_DATES)}
    key = pc.binary_join_element_wise(taken["company_id"], taken["open_item_id"], "\x1f")
    table = pa.table(
        {name: taken[name] for name in names}
        | {
            "currency_code": taken["currency"],
            "open_minor": history.open_at(last)[rows],
            "due_date": _texts(due),
        }
        | days
        | {"settled_count": told.seen, "place": key}
    )
    never = pc.equal(table[_LIKELY], "")
    order = pa.table({"never": never, "day": table[_LIKELY], "place": key})
    keys = [(name, "ascending") for name in order.column_names]
    return table.take(pc.sort_indices(order, keys))


def _texts(days: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Array:
    """Days as ISO 8601, empty where they do not come."""
    known = days < NEVER
    values = pa.array(np.where(known, days, 0).astype(np.int32), pa.int32(), mask=~known)
    return pc.fill_null(pc.cast(values.cast(pa.date32()), pa.string()), "")


def _place(page: pa.Table) -> tuple[str, str]:
    """Where the last row of a page stands."""
    return page[_LIKELY][-1].as_py(), page["place"][-1].as_py()


def _is_behind(table: pa.Table, after: tuple[str, str]) -> pa.ChunkedArray:
    """Which rows stand behind a place; a day that does not come stands behind all others."""
    day, key = after
    same = pc.and_(pc.equal(table[_LIKELY], day), pc.greater(table["place"], key))
    if not day:
        return same
    later = pc.or_(pc.greater(table[_LIKELY], day), pc.equal(table[_LIKELY], ""))
    return pc.or_(later, same)


def _record(history: History) -> contract.ForecastRecord:
    """How good such dates were on past days."""
    found = backtest(history)
    record = contract.ForecastRecord(
        day_count=found.cuts,
        judged_count=found.judged,
        open_count=found.open_still,
        untold_count=found.untold,
        coverage_meant=found.coverage_meant,
        errors=[
            contract.ForecastError(
                method=one.method,
                mean_days=one.mean_absolute_error,
                median_days=one.median_absolute_error,
                bias_days=one.bias,
                within_7_days=one.within_7_days,
            )
            for one in found.methods
        ],
    )
    if found.coverage is not None:
        record.coverage = found.coverage
    return record
