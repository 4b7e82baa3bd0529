"""The report on receivables: what is given decides what it says.

Open items give the aging; a history the measures, the leakage and, for the open items, the expected
dates with their backtest; runs the money that waits and the rates.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import NO_DATE, OpenItemBatch
from engine.money import decimal_array, exponents_of
from tieout.exit_codes import NothingToDoError
from tieout.ledger_inputs import LedgerOptions, read_open_item_table
from tieout.posting_inputs import posting_input
from tieout.progress import quiet
from tieout.receivables.aging import aging
from tieout.receivables.backtest import Backtest, backtest
from tieout.receivables.expected_dates import QUANTILES, delay_model, expected_days
from tieout.receivables.history import NEVER, History, read_history
from tieout.receivables.measures import (
    CollectionMeasures,
    DiscountLeakage,
    collection_measures,
    discount_leakage,
)
from tieout.receivables.run_cash import KeptRate, RunRates, kept_rate, run_rates, waiting_cash
from tieout.run_directory import RunDirectory

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from adapters.ledger_rows import PostingInput
    from engine.matcher import StageObserver

__all__ = ["Report", "ReportJob", "make_report"]

_EPOCH: Final = dt.date(1970, 1, 1)
_QUANTILE_NAMES: Final = ("expected_early", "expected_likely", "expected_late")


class ReportJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to report on. `as_of` is the day of the last run, else the last of the history."""

    runs: tuple[str | Path, ...] = ()
    open_items: str | Path | None = None
    ledger_options: LedgerOptions = LedgerOptions()
    history: str | Path | None = None
    as_of: dt.date | None = None
    days: int = 90


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The figures; tables by name, amounts `decimal128(18, 4)` in major units."""

    as_of: dt.date
    days: int
    tables: dict[str, pa.Table]
    measures: list[CollectionMeasures]
    leakage: list[DiscountLeakage]
    backtest: Backtest | None
    rates: list[RunRates]
    kept: KeptRate | None


def make_report(job: ReportJob, observe: StageObserver = quiet) -> Report:
    """Work out what can be said; raises `NothingToDoError`, errors of tables and runs."""
    if not job.runs and job.open_items is None and job.history is None:
        message = "nothing to report on: give RUN_DIR, --open-items or --history"
        raise NothingToDoError(message)
    observe("read_tables", 0)
    runs = [RunDirectory.open(path) for path in job.runs]
    history = None if job.history is None else read_history(job.history)
    day = _as_of(job, runs, history)
    items = _open_items(job, runs, history, day)
    observe("work_out", 0 if items is None else len(items))
    tables: dict[str, pa.Table] = {}
    if items is not None:
        tables["aging"] = _decimals(aging(items, day))
    if history is not None and items is not None:
        tables["expected_dates"] = _expected(history, items, day)
    if runs:
        tables["waiting_cash"] = _unscaled(waiting_cash(runs, day))
    told = None if history is None else backtest(history)
    return Report(
        as_of=_EPOCH + dt.timedelta(days=day),
        days=job.days,
        tables=tables,
        measures=[] if history is None else collection_measures(history, day, job.days),
        leakage=[] if history is None else discount_leakage(history, day, job.days),
        backtest=told,
        rates=run_rates(runs),
        kept=kept_rate(runs) if runs else None,
    )


def _as_of(job: ReportJob, runs: list[RunDirectory], history: History | None) -> int:
    if job.as_of is not None:
        return (job.as_of - _EPOCH).days
    told = [summary.as_of for summary in (run.summary() for run in runs) if summary.as_of]
    if told:
        return (dt.date.fromisoformat(max(told)) - _EPOCH).days
    if history is not None:
        return history.last_day
    message = "--open-items alone do not say which day it is; give --as-of"
    raise NothingToDoError(message)


def _open_items(
    job: ReportJob, runs: list[RunDirectory], history: History | None, day: int
) -> OpenItemBatch | None:
    """The items given, else what the last run left open, else what the history has open."""
    if job.open_items is not None:
        return read_open_item_table(job.open_items, job.ledger_options)
    if runs:
        return _after_run(runs[-1])
    return None if history is None else _of_history(history, day)


def _after_run(run: RunDirectory) -> OpenItemBatch:
    """The run's open items less what it applied; what returns re-opened is added back."""
    given = posting_input(run)
    items, rows = given.open_items, given.applications.record_batch
    rows = rows.filter(pc.equal(rows["decision"], "auto"))
    taken = np.zeros(len(rows), dtype=np.int64)
    for name in ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor"):
        taken += rows[name].to_numpy()
    back = given.reversals.record_batch
    left = items.int64("open_minor").copy()
    for told, amount in ((rows, -taken), (back, back["amount_minor"].to_numpy())):
        at = _item_rows(told, given)
        np.add.at(left, at[at >= 0], amount[at >= 0])
    columns = {name: items.record_batch[name] for name in items.SCHEMA.names}
    return OpenItemBatch.from_columns(columns | {"open_minor": pa.array(left)})


def _item_rows(told: pa.RecordBatch, given: PostingInput) -> NDArray[np.int64]:
    """Row of each item in the open items: that of the payment's company, else any of its id."""
    ids = given.open_items.text("open_item_id")
    outcomes = given.outcomes.record_batch
    of = pc.index_in(told["payment_id"], value_set=outcomes["payment_id"])
    company = pc.fill_null(outcomes["company_id"].take(of), "")
    own = pc.index_in(
        pc.binary_join_element_wise(company, told["open_item_id"], "\x1f"),
        value_set=given.open_items.key_strings(),
    )
    found = pc.coalesce(own, pc.index_in(told["open_item_id"], value_set=ids))
    rows: NDArray[np.int64] = (
        pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    )
    return rows


def _of_history(history: History, day: int) -> OpenItemBatch:
    left = history.open_at(day)
    rows = np.flatnonzero(left != 0)
    taken = pa.array(rows)
    return OpenItemBatch.from_columns(
        {
            "open_item_id": history.item_ids.take(taken),
            "company_id": pa.array(history.companies).take(pa.array(history.company[rows])),
            "customer_id": pa.array(history.customers).take(pa.array(history.customer[rows])),
            "document_number": history.item_ids.take(taken),
            "document_type": np.where(left[rows] < 0, "credit_memo", "invoice").tolist(),
            "currency": pa.array(history.currencies).take(pa.array(history.currency[rows])),
            "original_minor": history.original[rows],
            "open_minor": left[rows],
            "document_date": _dates(history.document_day[rows]),
            "due_date": _dates(history.due_day[rows]),
            "status": ["open"] * len(rows),
        }
    )


def _expected(history: History, items: OpenItemBatch, day: int) -> pa.Table:
    """Debit items with their expected days, the next to come first."""
    due = np.where(
        items.days("due_date") == NO_DATE, items.days("document_date"), items.days("due_date")
    )
    rows = np.flatnonzero((items.int64("open_minor") > 0) & (due != NO_DATE))
    some = items.take(rows)
    known = pc.index_in(some.text("customer_id"), value_set=pa.array(history.customers))
    customer = pc.fill_null(known, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    told = expected_days(delay_model(history, day), customer, due[rows], day)
    names = ("company_id", "open_item_id", "customer_id", "document_number", "currency")
    table = pa.table(
        {name: some.text(name) for name in names}
        | {"due_date": _dates(due[rows]), "open_minor": some.int64("open_minor")}
        | {name: _dates(told.days[:, at]) for at, name in enumerate(_QUANTILE_NAMES)}
        | {"settled_before": told.seen}
    )
    order = [(_QUANTILE_NAMES[QUANTILES.index(0.5)], "ascending"), ("open_item_id", "ascending")]
    return _decimals(table.take(pc.sort_indices(table, order)))


def _dates(days: NDArray[np.int64]) -> pa.Array:
    known = days < NEVER
    values = np.where(known, days, 0).astype(np.int32)
    return pa.array(values, pa.int32(), mask=~known).cast(pa.date32())


def _decimals(table: pa.Table) -> pa.Table:
    """Minor units as amounts in major units, under names without `_minor`."""
    places = (
        exponents_of(table["currency"].combine_chunks()) if table.num_rows else np.zeros(0, int)
    )
    return _renamed(table, "_minor", lambda column: decimal_array(column.astype(np.int64), places))


def _unscaled(table: pa.Table) -> pa.Table:
    places = np.full(table.num_rows, 4, dtype=np.int64)
    return _renamed(table, "_scaled", lambda column: decimal_array(column, places))


def _renamed(table: pa.Table, suffix: str, convert: Any) -> pa.Table:
    columns = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        is_amount = name.endswith(suffix)
        shown = name.removesuffix(suffix) if is_amount else name
        columns["open_amount" if shown == "open" else shown] = (
            convert(column.to_numpy(zero_copy_only=False)) if is_amount else column
        )
    return pa.table(columns)
