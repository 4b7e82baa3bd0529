"""What ordinary entries add to the totals of their statement, and what has to be said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parsers.camt_remittance import CreditorReference, judge_creditor_reference
from parsers.check_digit_columns import surely_hold

if TYPE_CHECKING:
    from parsers.camt_balances import Statement
    from parsers.camt_rows import OrdinaryRun
    from parsers.collector import FileCollector

__all__ = ["check_run"]


def check_run(
    collector: FileCollector,
    statement: Statement,
    run: OrdinaryRun,
    *,
    is_counted: bool,
) -> None:
    """Count and add up the entries of `run`, check its batches and creditor references.

    Entries that are not `is_counted` leave the totals alone.
    """
    found = run.found
    low, high = run.entries
    plans = found.plan_of[low:high]
    size = len(found.plans)
    entries = np.bincount(plans, minlength=size)
    rows = np.zeros(size, np.int64)
    minor = np.zeros(size, np.int64)
    np.add.at(rows, plans, found.rows[low:high])
    np.add.at(minor, plans, found.minor[low:high])
    for at in np.flatnonzero(entries).tolist():
        plan, count = found.plans[at], int(entries[at])
        if not plan.has_status:
            statement.without_status += count
        if not is_counted:
            continue
        if plan.reason:
            collector.count(plan.reason, int(rows[at]))
        statement.add(
            plan.direction, int(minor[at]), plan.currency, is_booked=plan.is_booked, entries=count
        )
    _check_batches(collector, statement, run)
    _check_creditors(collector, statement, run)


def _check_batches(collector: FileCollector, statement: Statement, run: OrdinaryRun) -> None:
    found = run.found
    low, high = run.entries
    for at in (low + np.flatnonzero(found.declared[low:high])).tolist():
        if found.plans[found.plan_of[at]].reason:
            continue
        present = int(found.detail_counts[at])
        collector.check(
            scope=statement.label,
            kind="count",
            declared=int(found.declared[at]),
            computed=present,
            ok=True,
            rule="Btch/NbOfTxs" if present else "Btch/NbOfTxs, no details given",
        )


def _check_creditors(collector: FileCollector, statement: Statement, run: OrdinaryRun) -> None:
    lines = run.found.lines
    low, high = np.searchsorted(lines.creditors, run.lines).tolist()
    if low == high:
        return
    places = lines.creditors[low:high]
    references = lines.columns["reference"].take(places)
    codes = lines.codes.slice(low, high - low)
    country = statement.account[:2]
    doubtful = np.flatnonzero(~surely_hold(references, codes, country))
    for at in doubtful.tolist():
        creditor = CreditorReference(
            references[at].as_py(), "", codes[at].as_py(), lines.issuers[low + at].as_py()
        )
        note = judge_creditor_reference(creditor, country)
        if note is not None:
            _tell(collector, run, int(lines.owners[places[at]]), note)


def _tell(collector: FileCollector, run: OrdinaryRun, payment: int, note: tuple[str, str]) -> None:
    """Report something about a payment, where the careful reader would."""
    found, piece = run.found, run.piece
    entry = int(found.payment_entries[payment])
    line = found.payments["source_line"][payment].as_py()
    bounds = np.array([found.starts[entry], found.stops[entry]])
    start, stop = piece.offsets(bounds).tolist()
    is_first = line == int(found.lines_before[entry])
    collector.diagnose(
        note[0],
        note[1],
        line=piece.line + 1 + line,
        offset=start if is_first else None,
        within=stop - start if is_first else 0,
    )
