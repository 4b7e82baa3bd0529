"""The clearing proof of a bank file: its money, derived again from its bytes, against its rows.

file total = applied + on account + what exceptions hold + returned + the other buckets, in each
currency; and the file total is what the readers find in the bytes, today, by the bank accounts of
then. Where that does not hold the tenant's posting is halted: better to stop than to go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from parsers.bank_files import parse_bank_file
from parsers.errors import ParserError
from rpc.jobs import ClearingDone
from store.errors import SealBrokenError
from store.proofs import ClearingProof

if TYPE_CHECKING:
    from engine.batches import PaymentBatch
    from rpc.jobs import ClearingJob
    from store.clearing import FileMoney
    from store.proofs import ProofOutcome
    from store.repository import Repository

__all__ = ["prove_file", "run_clearing"]

_BY = "clearing proof"


def run_clearing(repository: Repository, job: ClearingJob) -> ClearingDone:
    """Prove the file of `job`, keep the outcome, halt posting where it is violated."""
    outcome, message = prove_file(repository, job.file_id)
    proof = ClearingProof(
        file_id=job.file_id, proven_at_ms=job.now_ms, outcome=outcome, message=message
    )
    halted = False
    with repository.booking() as booking:
        booking.proofs.keep(proof)
        if outcome == "violated" and booking.halts.current() is None:
            halted = True
            reason = f"bank file {job.file_id}: {message}"
            booking.halts.halt(reason, _BY, job.now_ms)
            booking.events.add("clearing.violated", job.file_id, job.now_ms, {"message": message})
            booking.audit.record(
                "posting_halt",
                job.file_id,
                actor=_BY,
                recorded_at_ms=job.now_ms,
                facts={"message": message},
            )
    return ClearingDone(outcome=outcome, message=message, halted=halted)


def prove_file(repository: Repository, file_id: str) -> tuple[ProofOutcome, str]:
    """What the proof of a kept file comes to, and why."""
    with repository.reading():
        receipt = repository.bank_files.find_file(file_id)
        if receipt is None:
            return "violated", "the file's own row is gone"
        stored = repository.clearing.money_of(file_id)
        wrong = _rows_disagree(stored) or _left_over(repository, file_id)
        accounts = repository.contents.accounts_of(file_id)
        try:
            opened = repository.contents.read(file_id)
        except SealBrokenError as error:
            wrong, opened = wrong or str(error), None
    if wrong:
        return "violated", wrong
    if opened is None or opened.erased:
        return "partly", "bytes of the file are purged or erased; its rows add up"
    try:
        parsed = parse_bank_file(opened.content, receipt.record.file_name, accounts)
    except ParserError as error:
        return "unreadable", f"this release does not read the file: {error}"
    return _compare(stored, parsed.payments)


def _rows_disagree(stored: list[FileMoney]) -> str:
    for money in stored:
        for name, one, other in (
            ("buckets", money.amount_minor, money.bucket_minor),
            ("the receipt's total", money.amount_minor, money.declared_minor),
            ("the receipt's count", money.payment_count, money.declared_count),
            ("applications", money.declared_applied_minor, money.applied_minor),
        ):
            if one != other:
                return f"{money.currency}: payments say {one}, {name} {other} minor units"
    return ""


def _left_over(repository: Repository, file_id: str) -> str:
    payment = repository.clearing.unattended_payment(file_id)
    return f"payment {payment} has money left over and no exception" if payment else ""


def _compare(stored: list[FileMoney], payments: PaymentBatch) -> tuple[ProofOutcome, str]:
    columns = payments.record_batch.select(["currency", "amount_minor"])
    read = {
        row["currency"]: (row["amount_minor_count"], row["amount_minor_sum"])
        for row in pa.table(columns)
        .group_by("currency")
        .aggregate([("amount_minor", "count"), ("amount_minor", "sum")])
        .to_pylist()
    }
    kept = {
        money.currency: (
            money.payment_count + money.repeated_count,
            money.amount_minor + money.repeated_minor,
        )
        for money in stored
    }
    for currency in sorted(read.keys() | kept.keys()):
        in_bytes, in_rows = read.get(currency, (0, 0)), kept.get(currency, (0, 0))
        if in_bytes != in_rows:
            return "violated", (
                f"{currency}: its bytes hold {in_bytes[0]} payments of {in_bytes[1]} minor units, "
                f"its rows {in_rows[0]} of {in_rows[1]}"
            )
    return "proven", ""
