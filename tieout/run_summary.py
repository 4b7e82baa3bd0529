"""What a run says about itself: counts, money in and out, straight-through rates, timings.

Every figure is computed from the tables of the run. Money is decimal text per currency; amounts of
different currencies are never added.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.result_columns import currency_exponent
from tieout.given_files import InputFile  # noqa: TC001 - msgspec resolves it at runtime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from engine.batches import Batch, OpenItemBatch, PaymentBatch, PaymentOutcomeBatch
    from tieout.run_tables import RunTables

__all__ = [
    "Rate",
    "StageTiming",
    "StraightThrough",
    "Summary",
    "Timings",
    "Versions",
    "decided_cash",
    "rates_by_value",
    "summarise",
]

_BUCKETS: Final = (
    "applied",
    "on_account",
    "unapplied",
    "unidentified",
    "suspense",
    "non_ar",
    "refund",
    "returned",
)
_NO_RECEIVABLE: Final = ("non_ar", "returned", "reversed")


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """What decided: the release of Tieout, the shape of its policy, the policy's own content.

    `calibration_hash` and `precision_hash` are the contents of the tables of earlier outcomes.
    """

    tieout: str
    policy: int
    policy_hash: str
    calibration_hash: str = ""
    precision_hash: str = ""


class Rate(msgspec.Struct, frozen=True):
    """A share as the two figures it comes from; `rate` has six decimal places, null for 0 of 0."""

    decided: str
    total: str
    rate: str | None


class StraightThrough(msgspec.Struct, frozen=True):
    """Share decided without a clerk, over payments that are receivables.

    by_payment: payments whose whole amount was decided (on items, or on account by policy).
    by_line: automatic application rows of all rows; an undecided payment counts the rows of its
    best proposal, or one row where there is none.
    by_value: automatic cash of all cash, per currency.
    """

    by_payment: Rate
    by_line: Rate
    by_value: dict[str, Rate]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What `summary.json` says; the keys are documented and only ever added to."""

    schema_version: int = 1
    as_of: str | None
    versions: Versions
    inputs: list[InputFile]
    counts: dict[str, int]
    counted_rows: dict[str, int]
    money_in: dict[str, dict[str, str]]
    money_out: dict[str, dict[str, str]]
    straight_through: StraightThrough
    statuses: dict[str, int]
    exceptions_by_code: dict[str, int]
    primary_exceptions_by_code: dict[str, int]


class StageTiming(msgspec.Struct, frozen=True):
    """Seconds of one stage and the rows it handled."""

    stage: str
    seconds: float
    rows: int
    rows_per_second: float | None


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """What `timings.json` says: the only file of a run that differs between equal runs."""

    stages: list[StageTiming]
    total_seconds: float
    peak_memory_bytes: int


def summarise(
    tables: RunTables,
    open_items: OpenItemBatch,
    *,
    as_of: str | None,
    versions: Versions,
    inputs: list[InputFile],
    counted_rows: Mapping[str, int],
    counts: Mapping[str, int],
) -> Summary:
    """The summary of a matching run; `counts` are further row counts to show."""
    outcomes = tables.outcomes
    statuses = Counter(outcomes.strings("status")) if outcomes is not None else Counter[str]()
    codes = tables.exceptions.strings("code")
    primary = tables.exceptions.record_batch.column("is_primary").to_pylist()
    return Summary(
        as_of=as_of,
        versions=versions,
        inputs=sorted(inputs, key=lambda f: (f.role, f.source_file, f.content_hash, f.state)),
        counts=dict(sorted((_row_counts(tables) | dict(counts)).items())),
        counted_rows=dict(sorted(counted_rows.items())),
        money_in=_money_in(tables, open_items),
        money_out=_money_out(tables),
        straight_through=_straight_through(tables),
        statuses=dict(sorted(statuses.items())),
        exceptions_by_code=_tally(codes),
        primary_exceptions_by_code=_tally(
            [code for code, first in zip(codes, primary, strict=True) if first]
        ),
    )


def _tally(codes: list[str]) -> dict[str, int]:
    return dict(sorted(Counter(codes).items()))


def _row_counts(tables: RunTables) -> dict[str, int]:
    amounts = tables.payments.int64("amount_minor")
    auto = _where(tables.applications, "decision", "auto")
    failed = pc.invert(tables.control_checks.record_batch.column("ok"))
    return {
        "payments": len(tables.payments),
        "returns": int(np.count_nonzero(amounts < 0)),
        "remittance_lines": len(tables.remittances),
        "automatic_applications": int(np.count_nonzero(auto)),
        "proposed_applications": int(np.count_nonzero(~auto)),
        "reversals": len(tables.reversals),
        "exceptions": len(tables.exceptions),
        "control_checks": len(tables.control_checks),
        "control_checks_failed": _count(failed),
        "diagnostics": len(tables.diagnostics),
    }


def _where(batch: Batch, name: str, value: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return pc.equal(batch.text(name), value).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]  # Arrow has no types


def _money_in(tables: RunTables, open_items: OpenItemBatch) -> dict[str, dict[str, str]]:
    amounts = tables.payments.int64("amount_minor")
    payments = tables.payments.text("currency")
    return _by_currency(
        [
            ("payments", payments, np.maximum(amounts, 0)),
            ("returns", payments, np.minimum(amounts, 0)),
            ("open_items", open_items.text("currency"), open_items.int64("open_minor")),
        ]
    )


def _money_out(tables: RunTables) -> dict[str, dict[str, str]]:
    """Where the payments' money went, and what else closed items, per currency."""
    currency = tables.outcomes.text("currency")
    sums = [(name, currency, tables.outcomes.int64(f"{name}_minor")) for name in _BUCKETS]
    auto = _where(tables.applications, "decision", "auto")
    items = tables.applications.text("currency")
    sums += [
        (name, items, tables.applications.int64(f"{name}_minor") * auto)
        for name in ("discount", "deduction", "write_off")
    ]
    return _by_currency(sums)


def _by_currency(sums: list[tuple[str, Any, Any]]) -> dict[str, dict[str, str]]:
    """Currency → name → sum as decimal text; integers are added exactly."""
    found: dict[str, dict[str, str]] = {}
    for name, currencies, minor in sums:
        for currency, total in _totals(currencies, minor).items():
            found.setdefault(currency, {})[name] = _text(total, currency)
    return dict(sorted(found.items()))


def _totals(currencies: Any, minor: Any) -> dict[str, int]:
    grouped = pa.table({"currency": currencies, "minor": minor}).group_by("currency")
    rows = grouped.aggregate([("minor", "sum")]).to_pylist()
    return {row["currency"]: row["minor_sum"] for row in rows}


def _text(minor: int, currency: str) -> str:
    return f"{Decimal(minor).scaleb(-currency_exponent(currency)):f}"


def _straight_through(tables: RunTables) -> StraightThrough:
    if tables.outcomes is None or not len(tables.payments):
        return StraightThrough(_rate(0, 0), _rate(0, 0), {})
    kept, decided = _receivable(tables.payments, tables.outcomes)
    whole = kept & (decided == tables.payments.int64("amount_minor"))
    return StraightThrough(
        by_payment=_rate(int(np.count_nonzero(whole)), int(np.count_nonzero(kept))),
        by_line=_line_rate(tables, kept, whole),
        by_value=rates_by_value(_pairs(decided_cash(tables.payments, tables.outcomes))),
    )


def decided_cash(payments: PaymentBatch, outcomes: PaymentOutcomeBatch) -> pa.Table:
    """Per currency the cash of `payments` that are receivables, and what of it was decided: the
    columns currency, decided, total (minor units), a row for each.
    """
    kept, decided = _receivable(payments, outcomes)
    columns = [payments.text("currency"), decided, payments.int64("amount_minor")]
    names = ["currency", "decided", "total"]
    added = pa.table(columns, names=names).filter(pa.array(kept)).group_by("currency")
    return added.aggregate([("decided", "sum"), ("total", "sum")]).rename_columns(names)


def rates_by_value(decided: Mapping[str, tuple[int, int]]) -> dict[str, Rate]:
    """Shares by currency: of the cash that was decided, and the total (minor units)."""
    return {currency: _rate(*decided[currency], currency) for currency in sorted(decided)}


def _pairs(cash: pa.Table) -> dict[str, tuple[int, int]]:
    return {row["currency"]: (row["decided"], row["total"]) for row in cash.to_pylist()}


def _receivable(
    payments: PaymentBatch, outcomes: PaymentOutcomeBatch
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Payments that are receivables, and what was decided of each."""
    excluded = pc.is_in(outcomes.text("status"), pa.array(_NO_RECEIVABLE))
    repeated = pc.match_substring(payments.text("intake_codes"), "IN-DUP")
    kept = ~pc.or_(excluded, repeated).to_numpy(zero_copy_only=False)
    decided = outcomes.int64("applied_minor") + outcomes.int64("on_account_minor")
    return (payments.int64("amount_minor") > 0) & kept, decided


def _line_rate(tables: RunTables, kept: Any, whole: Any) -> Rate:
    """Automatic rows of all rows that decide, or would decide, the payments kept."""
    ids = tables.payments.text("payment_id")
    rows = tables.applications.record_batch
    owners = rows.column("payment_id")
    receivable = pc.is_in(owners, ids.filter(pa.array(kept)))
    auto = pc.and_(receivable, pc.equal(rows.column("decision"), "auto"))
    best = pc.and_(
        pc.and_(receivable, pc.equal(rows.column("decision"), "proposed")),
        pc.equal(rows.column("proposal_rank"), 1),
    )
    undecided = ids.filter(pa.array(kept & ~whole))
    silent = len(undecided) - _count(pc.is_in(undecided, owners.filter(best)))
    automatic = _count(auto)
    return _rate(automatic, automatic + _count(best) + silent)


def _count(flags: pa.Array) -> int:
    return int(pc.sum(flags).as_py() or 0)


def _rate(decided: int, total: int, currency: str = "") -> Rate:
    rate = f"{Decimal(decided) / Decimal(total):.6f}" if total else None
    if currency:
        return Rate(_text(decided, currency), _text(total, currency), rate)
    return Rate(str(decided), str(total), rate)
