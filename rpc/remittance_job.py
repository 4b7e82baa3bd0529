"""What a payer said late of its payment: read, and the payment matched with it. Runs in a worker.

Nothing is applied: somebody is at work on the case, and gets proposals to look at. What the engine
would have decided alone is the first of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from desk.cases import undecided_minor
from engine.batches import AdviceBatch, ApplicationBatch, PaymentBatch, RemittanceBatch
from engine.matcher import MatchInput
from parsers.bank_files import parse_bank_file
from parsers.errors import ParserError
from parsers.remittance_files import read_remittance_file
from rpc.desk_work import current_summary
from rpc.errors import CaseNotFoundError, FieldError
from rpc.jobs import AttachRemittanceDone
from rpc.match_job import StageTimer
from store.late_remittances import Attachment, rows_as_json

if TYPE_CHECKING:
    from engine.resident import Resident
    from rpc.jobs import AttachRemittanceJob
    from rpc.match_job import Matcher
    from store.repository import Repository

__all__ = ["as_proposals", "attach_remittance_job", "undecided_payment"]

_RANKS_MAX: Final = 5


def attach_remittance_job(
    store: Repository, job: AttachRemittanceJob, resident: Resident, match: Matcher
) -> AttachRemittanceDone:
    """Read and match; raises `CaseNotFoundError`, or `FieldError` where nothing was said."""
    with store.reading():
        summary = current_summary(store, job.identity, job.now_ms)
        if job.companies is not None and summary.company_id not in job.companies:
            message = f"no case {job.identity!r} of your companies is kept here"
            raise CaseNotFoundError(message, exception_id=job.identity)
        case = store.cases.load(summary)
        payment = store.cases.payment_of(case.payment_id)
        lines = store.cases.remittances_of(case.payment_id)
        texts = [one.content_text for one in store.late.attached_to(case.payment_id)]
        learned = store.facts.read()
    if not len(payment):
        message = f"{job.identity!r} concerns no payment"
        raise CaseNotFoundError(message, exception_id=job.identity)
    advices = _advices(job, case.payment_id) if job.content else AdviceBatch.empty()
    if not len(advices) and not job.text.strip():
        message = "content and text are empty; attach a file or what the payer wrote"
        raise FieldError(message, field="text")
    result = match(
        MatchInput.against(
            resident,
            undecided_payment(payment, undecided_minor(case), [*texts, job.text]),
            remittances=RemittanceBatch.empty() if len(advices) else lines,
            advices=advices,
            learned=learned,
        ),
        StageTimer(),
    )
    if len(advices) and not len(result.joined):
        message = f"{job.file_name}: none of its advices is of this payment"
        raise FieldError(message, field="content", value=job.file_name)
    return AttachRemittanceDone(
        Attachment(
            payment_id=case.payment_id,
            remittance_id=_first(advices, "remittance_id") or f"text {len(texts) + 1}",
            file_name=job.file_name,
            content_text=job.text,
            lines=rows_as_json(result.joined),
            proposals=rows_as_json(as_proposals(result.applications)),
        )
    )


def undecided_payment(payment: PaymentBatch, amount_minor: int, texts: list[str]) -> PaymentBatch:
    """The payment with what is undecided of it, and all that was said of it."""
    said = [payment.strings("remittance_text")[0], *texts]
    text = "\n".join(one for one in said if one.strip())
    columns: dict[str, Any] = {
        name: payment.record_batch[name] for name in PaymentBatch.SCHEMA.names
    }
    return PaymentBatch.from_columns(
        columns | {"amount_minor": [amount_minor], "remittance_text": [text]}
    )


def _advices(job: AttachRemittanceJob, payment_id: str) -> AdviceBatch:
    """The advices of the file; a single one is the payment's, whatever it calls its payment."""
    try:
        advices = parse_bank_file(job.content, job.file_name).advices
    except ParserError:
        advices = AdviceBatch.empty()
    if not len(advices):
        advices = read_remittance_file(job.file_name, job.content).advices
    keys = [advices.text(name) for name in ("file_id", "remittance_id")]
    numbers = advices.record_batch["advice_number"].cast(pa.string())
    if len(pc.unique(pc.binary_join_element_wise(*keys, numbers, "\x1f"))) > 1:
        return advices
    columns: dict[str, Any] = {
        name: advices.record_batch[name] for name in AdviceBatch.SCHEMA.names
    }
    return AdviceBatch.from_columns(columns | {"payment_reference": [payment_id] * len(advices)})


def _first(batch: AdviceBatch, name: str) -> str:
    return batch.strings(name)[0] if len(batch) else ""


def as_proposals(applications: ApplicationBatch) -> ApplicationBatch:
    """What was decided as the first proposal, what was proposed behind it."""
    decided = pc.equal(applications.text("decision"), "auto").to_numpy(zero_copy_only=False)
    ranks = applications.int64("proposal_rank") + np.where(~decided & decided.any(), 1, 0)
    columns: dict[str, Any] = {
        name: applications.record_batch[name] for name in ApplicationBatch.SCHEMA.names
    }
    many = len(applications)
    proposed = ApplicationBatch.from_columns(
        columns | {"decision": ["proposed"] * many, "proposal_rank": ranks}
    )
    return proposed.take(np.flatnonzero(ranks <= _RANKS_MAX))
