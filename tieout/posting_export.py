"""The directory of an export: documents to be sent, an ERP's own files, and what was held back.

`documents.jsonl` has every document in the order it is to be sent; the tables an ERP imports stand
beside it; `held.csv` says of every payment without documents why; `summary.json` counts and sums.
With answers of the ERP only what is not confirmed is written, and `answers.csv` says what became
of the rest.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from adapters.accounts import Determination, read_determination
from adapters.answers import PaymentState, PostingAnswer, payment_states, read_answers
from adapters.catalogue import adapter_of
from adapters.csv_text import csv_bytes
from adapters.documents import Export, document_lines
from adapters.export import export_documents
from engine.money import CURRENCY_EXPONENTS, format_minor
from tieout.output_directory import new_directory
from tieout.posting_inputs import posting_input
from tieout.progress import quiet
from tieout.run_directory import RunDirectory

if TYPE_CHECKING:
    from adapters.catalogue import Adapter
    from engine.matcher import StageObserver

__all__ = [
    "EXPORT_MARK",
    "ExportJob",
    "ExportReport",
    "ExportSummary",
    "report_of",
    "run_export_job",
]

EXPORT_MARK: Final = "export.json"
"""The file that shows a directory to be an export: its summary."""

_DOCUMENTS: Final = "documents.jsonl"


class ExportJob(msgspec.Struct, frozen=True, kw_only=True):
    """Which run, for which ERP, by which accounts; `answers` are what the ERP said of it."""

    run: str | Path
    adapter: str
    accounts: str | Path | None = None
    answers: str | Path | None = None
    out: str | Path | None = None
    overwrite: bool = False


class ExportSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What an export says of itself; amounts are decimal text per currency.

    `refused` are payments whose documents cannot be made; they are among those held.
    """

    schema_version: int = 1
    adapter: str
    payments: int
    posted: int
    reversed: int
    held: dict[str, int]
    documents: dict[str, int]
    posted_amount: dict[str, str]
    held_amount: dict[str, str]
    confirmed: int = 0
    failed: int = 0
    to_send: int


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """A finished export."""

    export: Export
    summary: ExportSummary
    answers: tuple[PostingAnswer, ...]
    states: tuple[PaymentState, ...]
    out: Path | None


def run_export_job(job: ExportJob, observe: StageObserver = quiet) -> ExportReport:
    """Read the run, make the documents, write them; raises errors of adapters and run directory."""
    adapter = adapter_of(job.adapter)
    determination = Determination()
    if job.accounts is not None:
        path = Path(job.accounts)
        determination = read_determination(path.read_text(encoding="utf-8"), path.name)
    observe("read_run", 0)
    given = posting_input(RunDirectory.open(job.run))
    observe("make_documents", len(given.payments))
    export = export_documents(given, adapter, determination)
    answers: tuple[PostingAnswer, ...] = ()
    if job.answers is not None:
        path = Path(job.answers)
        answers = read_answers(path.read_bytes(), path.name, adapter.name, export.documents)
    report = report_of(export, None if job.out is None else Path(job.out), answers)
    if job.answers is not None:
        states = payment_states(export.documents, answers)
        report = msgspec.structs.replace(report, states=states)
    if job.out is not None:
        observe("write", report.summary.to_send)
        _write(job, adapter, report)
    return report


def report_of(
    export: Export, out: Path | None, answers: tuple[PostingAnswer, ...] = ()
) -> ExportReport:
    """What is to say of `export`, whose documents go to `out`."""
    return ExportReport(
        export=export, summary=_summary(export, answers), answers=answers, states=(), out=out
    )


def _summary(export: Export, answers: tuple[PostingAnswer, ...]) -> ExportSummary:
    confirmed = sum(one.state == "confirmed" for one in answers)
    posted: Counter[str] = Counter()
    for document in export.documents:
        posted[document.currency] += document.cash_minor
    held: Counter[str] = Counter()
    for one in export.held:
        held[one.currency] += one.amount_minor
    return ExportSummary(
        adapter=export.adapter,
        payments=len(export.postings) + len(export.reversals) + len(export.held),
        posted=len(export.postings),
        reversed=len(export.reversals),
        held=dict(sorted(Counter(one.reason for one in export.held).items())),
        documents=dict(sorted(Counter(one.kind for one in export.documents).items())),
        posted_amount=_amounts(posted),
        held_amount=_amounts(held),
        confirmed=confirmed,
        failed=sum(one.state == "post_failed" for one in answers),
        to_send=len(export.documents) - confirmed,
    )


def _amounts(sums: Counter[str]) -> dict[str, str]:
    return {currency: _amount(sums[currency], currency) for currency in sorted(sums)}


def _amount(minor: int, currency: str) -> str:
    return format_minor(minor, currency) if currency in CURRENCY_EXPONENTS else str(minor)


def _write(job: ExportJob, adapter: Adapter, report: ExportReport) -> None:
    confirmed = {one.document_id for one in report.answers if one.state == "confirmed"}
    to_send = tuple(one for one in report.export.documents if one.document_id not in confirmed)
    held = (
        *("payment_id", "company_id", "currency", "amount", "reason", "sentence", "open_item_id"),
    )
    files = {
        _DOCUMENTS: document_lines(to_send),
        **adapter.files(to_send),
        "held.csv": csv_bytes(
            held,
            (
                (
                    *(one.payment_id, one.company_id, one.currency),
                    *(_amount(one.amount_minor, one.currency), one.reason, one.sentence),
                    one.open_item_id,
                )
                for one in report.export.held
            ),
        ),
        EXPORT_MARK: msgspec.json.format(msgspec.json.encode(report.summary), indent=2) + b"\n",
    }
    if job.answers is not None:
        fields = PostingAnswer.__struct_fields__
        files["answers.csv"] = csv_bytes(
            fields, (msgspec.structs.astuple(one) for one in report.answers)
        )
    out = Path(str(job.out))
    with new_directory(out, overwrite=job.overwrite, mark=EXPORT_MARK) as folder:
        for name, content in files.items():
            (folder / name).write_bytes(content)
