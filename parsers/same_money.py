"""One payment that several files of a run tell of counts once.

A statement books money; notifications, intraday reports, lockbox files and orders tell of the same
money in more detail, or earlier. Where a pair is proven (`same_money_pairs`) the better file's row
stays, takes the other's remittance lines and payer if it has none, and the other row is left out.
Where a statement's sum is proven to be the checks of another file (`same_money_deposits`) the sum
is left out. What is left out is counted and said; what may be the same but is not proven stays and
is held with `IN-DUPPAY`. Names and order of the files play no part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import BankAccountBatch, DiagnosticBatch, PaymentBatch, RemittanceBatch
from engine.money import exponents_of, money_texts
from parsers.diagnostic_codes import DIAGNOSTIC_CODES
from parsers.same_money_accounts import account_codes
from parsers.same_money_deposits import find_sums
from parsers.same_money_pairs import NOBODY, Rows, find_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "FORMAT_RANKS",
    "CountedOnce",
    "count_once",
    "deposit_rows",
    "format_ranks",
    "own_accounts",
    "same_money_notes",
    "with_code",
]

FORMAT_RANKS: Final = {
    name: rank
    for rank, name in enumerate(
        (
            *("camt.053", "bai2", "mt940"),
            *("camt.054", "nacha", "edi823", "lockbox"),
            *("camt.052", "mt942", "edi820"),
        )
    )
}
"""Formats from the one whose row stays to the one whose row goes: statements book, notifications
and lockbox files tell of booked money, intraday reports and orders come before the booking."""

_STATEMENTS: Final = ("camt.053", "bai2", "mt940")
_LOCKBOX: Final = ("lockbox",)
_DEPOSITS: Final = ("lockbox", "edi823")
"""Formats that tell of the checks of a deposit and may name the lockbox in place of the account."""

_DETAILS: Final = ("camt.054",)

_FACTS: Final = (
    *("payer_name", "payer_account", "ultimate_payer_name", "end_to_end_id", "check_number"),
    *("trace_number", "uetr", "remittance_id", "remittance_text"),
)
"""What a row takes from the row it stands for where its own file does not say it."""


class CountedOnce(msgspec.Struct, frozen=True, kw_only=True):
    """Payments and lines without what another file tells better, and what was left out.

    `counted_rows` are rows left out, by reason: `same_money` and `aggregate`.
    """

    payments: PaymentBatch
    remittances: RemittanceBatch
    diagnostics: DiagnosticBatch
    counted_rows: dict[str, int]


class _Gone(msgspec.Struct):
    """Rows left out so far: which row tells the same money, and by what it was proven."""

    instead: NDArray[np.int64]
    reason: list[str]
    doubtful: NDArray[np.bool_]


def count_once(
    payments: PaymentBatch, remittances: RemittanceBatch, bank_accounts: BankAccountBatch
) -> CountedOnce:
    """Leave out every payment that another file of the run tells as well, where it is proven."""
    rank = format_ranks(payments)
    if len(set(rank[rank >= 0].tolist())) < 2:
        return CountedOnce(
            payments=payments,
            remittances=remittances,
            diagnostics=DiagnosticBatch.empty(),
            counted_rows={},
        )
    order = pc.array_sort_indices(payments.text("payment_id")).to_numpy(zero_copy_only=False)
    order = order.astype(np.int64)
    payments, rank = payments.take(order), rank[order]
    account = own_accounts(payments, bank_accounts)
    gone = _Gone(
        np.full(len(payments), NOBODY, dtype=np.int64),
        [""] * len(payments),
        np.zeros(len(payments), dtype=np.bool_),
    )
    _leave_out_pairs(payments, account, rank, gone)
    pairs = np.flatnonzero(gone.instead >= 0)
    _leave_out_sums(payments, account, gone)
    sums = np.setdiff1d(np.flatnonzero(gone.instead >= 0), pairs)
    moved = _moved_lines(payments, remittances, pairs, gone.instead)
    kept = gone.instead < 0
    facts = _with_facts(payments, pairs, gone)
    counts = {"same_money": len(pairs), "aggregate": len(sums)}
    return CountedOnce(
        payments=PaymentBatch.of(facts.record_batch.filter(pa.array(kept))),
        remittances=_of_kept(moved, payments, kept),
        diagnostics=_said(payments, pairs, sums, gone),
        counted_rows={reason: rows for reason, rows in counts.items() if rows},
    )


def format_ranks(payments: PaymentBatch) -> NDArray[np.int64]:
    """Each payment's place among `FORMAT_RANKS`; -1 where its format has none."""
    codes, names = payments.codes("source_format")
    ranks = np.array([FORMAT_RANKS.get(name, NOBODY) for name in names] or [NOBODY], np.int64)
    return ranks[codes] if len(codes) else codes


def own_accounts(payments: PaymentBatch, bank_accounts: BankAccountBatch) -> NDArray[np.int64]:
    """The account of ours that each payment went to, whatever way its format names it."""
    return account_codes(
        payments,
        bank_accounts,
        is_box=_is_format(payments, _LOCKBOX),
        may_be_box=_is_format(payments, _DEPOSITS),
    )


def deposit_rows(
    payments: PaymentBatch,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Which payments a statement books, which are checks of a deposit, which are details."""
    is_check = pc.equal(payments.text("method"), "check").to_numpy(zero_copy_only=False)
    return (
        _is_format(payments, _STATEMENTS),
        _is_format(payments, _DEPOSITS) & is_check,
        _is_format(payments, _DETAILS),
    )


def _is_format(payments: PaymentBatch, formats: tuple[str, ...]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.is_in(
        payments.text("source_format"), value_set=pa.array(formats)
    ).to_numpy(zero_copy_only=False)
    return found


def _leave_out_pairs(
    payments: PaymentBatch, account: NDArray[np.int64], rank: NDArray[np.int64], gone: _Gone
) -> None:
    """Format by format, from the second best: rows that a better format tells as well."""
    received = payments.int64("amount_minor") > 0
    for level in sorted(set(rank[rank >= 0].tolist())):
        better = np.flatnonzero(received & (rank >= 0) & (rank < level) & (gone.instead < 0))
        other = np.flatnonzero(received & (rank == level))
        if not len(better) or not len(other):
            continue
        pairs = find_pairs(
            Rows(payments, account[better], better), Rows(payments, account[other], other)
        )
        chosen = np.flatnonzero(pairs.better >= 0)
        gone.instead[other[chosen]] = better[pairs.better[chosen]]
        reasons = pairs.reasons(chosen).to_pylist()
        for row, reason in zip(other[chosen].tolist(), reasons, strict=True):
            gone.reason[row] = reason
        gone.doubtful[other[pairs.is_doubtful]] = True


def _leave_out_sums(payments: PaymentBatch, account: NDArray[np.int64], gone: _Gone) -> None:
    is_booked, is_check, is_detail = deposit_rows(payments)
    here = (gone.instead < 0) & (payments.int64("amount_minor") > 0)
    stands_for = np.zeros(len(payments), dtype=np.bool_)
    stands_for[gone.instead[gone.instead >= 0]] = True
    sums = find_sums(
        payments,
        account,
        booked=np.flatnonzero(here & ~stands_for & is_booked),
        checks=np.flatnonzero(here & is_check),
        details=np.flatnonzero(here & is_detail),
    )
    gone.instead[sums.row] = sums.first_part
    for row in sums.row.tolist():
        gone.reason[row] = "sum"
    gone.doubtful[sums.doubtful] = True


def _moved_lines(
    payments: PaymentBatch,
    remittances: RemittanceBatch,
    pairs: NDArray[np.int64],
    instead: NDArray[np.int64],
) -> RemittanceBatch:
    """The lines, those of a left-out row now of the row that stands for it if it had none.

    Lines of a file that is held stay behind: nothing may be applied by them.
    """
    if not len(pairs) or not len(remittances):
        return remittances
    found = pc.index_in(remittances.text("payment_id"), value_set=payments.text("payment_id"))
    owner = pc.fill_null(found, NOBODY).to_numpy(zero_copy_only=False).astype(np.int64)
    lined = np.zeros(len(payments), dtype=np.bool_)
    lined[owner[owner >= 0]] = True
    held = pc.not_equal(payments.text("intake_codes"), "").to_numpy(zero_copy_only=False)
    rank = format_ranks(payments)
    gives = pairs[lined[pairs] & ~held[pairs] & ~lined[instead[pairs]]]
    gives = gives[np.lexsort((gives, rank[gives], instead[gives]))]
    first = np.append(True, instead[gives][1:] != instead[gives][:-1])[: len(gives)]
    new_owner = np.arange(len(payments))
    new_owner[gives[first]] = instead[gives[first]]
    identity = payments.text("payment_id").take(pa.array(new_owner[np.maximum(owner, 0)]))
    identity = pc.if_else(pa.array(owner >= 0), identity, remittances.text("payment_id"))
    columns = {name: remittances.record_batch.column(name) for name in remittances.SCHEMA.names}
    return RemittanceBatch.from_columns(columns | {"payment_id": identity})


def _of_kept(
    remittances: RemittanceBatch, payments: PaymentBatch, kept: NDArray[np.bool_]
) -> RemittanceBatch:
    if kept.all() or not len(remittances):
        return remittances
    lost = payments.text("payment_id").filter(pa.array(~kept))
    stays = pc.invert(pc.is_in(remittances.text("payment_id"), value_set=lost))
    return RemittanceBatch.of(remittances.record_batch.filter(stays))


def _with_facts(payments: PaymentBatch, pairs: NDArray[np.int64], gone: _Gone) -> PaymentBatch:
    """The payments with what their left-out twins add, and a code on what is doubtful."""
    columns = {name: payments.record_batch.column(name) for name in payments.SCHEMA.names}
    held = pc.not_equal(payments.text("intake_codes"), "").to_numpy(zero_copy_only=False)
    givers = pairs[~held[pairs]]
    givers = givers[np.lexsort((givers, -format_ranks(payments)[givers]))]
    for name in _FACTS:
        said = pc.not_equal(columns[name], "").to_numpy(zero_copy_only=False)
        source = np.arange(len(payments))
        able = givers[said[givers]]
        source[gone.instead[able]] = able  # the best format comes last and wins
        source = np.where(said, np.arange(len(payments)), source)
        columns[name] = columns[name].take(pa.array(source))
    doubtful = pa.array(gone.doubtful & (gone.instead < 0))
    columns["intake_codes"] = pc.if_else(
        doubtful, with_code(columns["intake_codes"], "IN-DUPPAY"), columns["intake_codes"]
    )
    return PaymentBatch.from_columns(columns)


def with_code(codes: pa.StringArray, code: str) -> pa.StringArray:
    """Intake `codes` with `code` among them, sorted and separated by `;`."""
    encoded = codes.dictionary_encode()
    table = [
        ";".join(sorted({*filter(None, text.split(";")), code}))
        for text in encoded.dictionary.to_pylist()
    ]
    return pa.array(table, pa.string()).take(encoded.indices)


def _said(
    payments: PaymentBatch, pairs: NDArray[np.int64], sums: NDArray[np.int64], gone: _Gone
) -> DiagnosticBatch:
    """One note per row that was left out: where it stood, and which payment stands for it."""
    return DiagnosticBatch.concat(
        [
            same_money_notes(payments, pairs, gone.instead, gone.reason, "FILE-SAME-MONEY"),
            same_money_notes(payments, sums, gone.instead, gone.reason, "FILE-AGGREGATE"),
        ]
    )


def same_money_notes(
    payments: PaymentBatch,
    rows: NDArray[np.int64],
    instead: NDArray[np.int64],
    reasons: Sequence[str],
    code: str,
) -> DiagnosticBatch:
    """One note per row of `rows`: which payment stands `instead`, and by which reason."""
    entry = DIAGNOSTIC_CODES[code]
    at, stays = pa.array(rows), pa.array(instead[rows])
    batch = payments.record_batch
    currency = batch.column("currency").take(at)
    amount = money_texts(payments.int64("amount_minor")[rows], exponents_of(currency))
    value = pc.binary_join_element_wise(amount, currency, " ")
    count = len(rows)

    def same(text: str) -> pa.Array:
        return pa.repeat(pa.scalar(text), count)

    reason = pa.array([reasons[row] for row in rows.tolist()], pa.string())
    other = batch.column("payment_id").take(stays)
    file = batch.column("source_file").take(stays)
    words = (
        [value, same("is payment"), other, same("of"), file, same("by its"), reason]
        if code == "FILE-SAME-MONEY"
        else [value, same("is the sum of payments of"), file, same("from"), other]
    )
    return DiagnosticBatch.from_columns(
        {
            "source_file": batch.column("source_file").take(at),
            "line": batch.column("source_line").take(at),
            "offset": batch.column("source_offset").take(at),
            "severity": same(entry.severity),
            "code": same(code),
            "message": pc.binary_join_element_wise(*words, " "),
            "value": value,
            "remedy": same(entry.remedy),
        }
    )
