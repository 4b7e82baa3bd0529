"""The whole job in one process: files in, parsed, matched, audited, written as a run directory.

Used by the command line, the demo and tests alike. Everything a run depends on is in its
`MatchingJob`; errors are those of `tieout.exit_codes` and leave nothing written.
"""

from __future__ import annotations

import functools
import hashlib
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import msgspec
import pyarrow.compute as pc

from engine.batches import (
    AdviceBatch,
    BankAccountBatch,
    CustomerBatch,
    ExceptionBatch,
    LearnedFactBatch,
    OpenItemBatch,
    PaymentBatch,
    RemittanceBatch,
    SettledBatch,
)
from engine.matcher import MatchInput, MatchResult, match_payments
from engine.policy import POLICY_VERSION
from parsers.table_identity import in_key_order, table_hash
from parsers.tables import read_bank_accounts, read_payments
from tieout.cores import CoreMap
from tieout.exit_codes import ExitCode, NothingToDoError
from tieout.file_exceptions import exception_batch, file_faults
from tieout.gates import Gates, failed_gates
from tieout.given_files import InputFile, RefusedFile
from tieout.intake import Intake, add_payments_table, read_bank_files
from tieout.ledger_inputs import (
    LedgerOptions,
    read_customer_table,
    read_open_item_table,
    understand_presets,
)
from tieout.memories import Memories
from tieout.outcome_tables import outcome_hash
from tieout.output_directory import check_output_directory
from tieout.own_layouts import read_own_layouts
from tieout.policy_files import PolicyFile, read_policy_file
from tieout.progress import StageClock, peak_memory_bytes, quiet
from tieout.remittance_inputs import RemittanceInputs, RemittanceOptions, read_remittances
from tieout.run_directory import EXPLAIN_POLICY, write_run
from tieout.run_memory import locked_memory
from tieout.run_summary import StageTiming, Summary, Timings, Versions, summarise
from tieout.run_tables import RunTables, output_tables

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from engine.batches import Batch
    from engine.matcher import StageObserver
    from parsers.lockbox_layouts import LockboxLayout
    from tieout.payer_memory import PayerMemory
    from tieout.run_formats import FileFormat
    from tieout.run_memory import RunMemory

    AnyBatch = TypeVar("AnyBatch", bound=Batch)

__all__ = [
    "JobReport",
    "MatchingJob",
    "RefusedFile",
    "run_matching_job",
]


class MatchingJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to match against what, by which rules, and where the result goes.

    Paths are bank files (`-` is standard input) and tables (format by extension); `remittances` may
    be several, in the payers' own forms (`remittance_options`); `open_items` and `customers` may be
    an ERP's own exports (`ledger_options`). `calibration` and `precision` are
    what outcomes have taught, instead of what the policy names. `as_of` is the
    latest booking date of the input where not given; without `out` nothing is written. `memory` is
    a directory that carries from run to run what was seen and applied.
    """

    open_items: str | Path
    bank_files: tuple[str | Path, ...] = ()
    payments: str | Path | None = None
    customers: str | Path | None = None
    bank_accounts: str | Path | None = None
    lockbox_layout: str | Path | None = None
    remittances: str | Path | tuple[str | Path, ...] | None = None
    remittance_options: RemittanceOptions = RemittanceOptions()
    ledger_options: LedgerOptions = LedgerOptions()
    policy: str | Path | None = None
    calibration: str | Path | None = None
    precision: str | Path | None = None
    memory: str | Path | None = None
    as_of: datetime.date | None = None
    out: str | Path | None = None
    overwrite: bool = False
    format: FileFormat = "parquet"
    gates: Gates = Gates()


class JobReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a finished job tells its caller; `exit_code` is 0, 3 (a gate) or 4 (refused files).

    `faults` says of each bank file that was read but is wrong what is wrong first, in one line.
    """

    exit_code: ExitCode
    out: Path | None
    summary: Summary
    timings: Timings
    refused: tuple[RefusedFile, ...]
    faults: tuple[str, ...]
    failed_gates: tuple[str, ...]


class _Tables(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of a job, in key order, and what the summary says of them."""

    open_items: OpenItemBatch
    payments: PaymentBatch
    customers: CustomerBatch
    bank_accounts: BankAccountBatch
    lockbox_layouts: tuple[LockboxLayout, ...]
    advices: AdviceBatch
    inputs: tuple[InputFile, ...]
    counted_rows: dict[str, int]


def run_matching_job(
    job: MatchingJob,
    observe: StageObserver = quiet,
    *,
    match: Callable[[MatchInput, StageObserver], MatchResult] | None = None,
    stdin: BinaryIO | None = None,
) -> JobReport:
    """Run `job`; `observe` hears of each stage (`read_tables`, `parse`, the engine's, `write`).

    `match` stands in for the engine where given; `stdin` is what `-` reads.

    Raises `FileNotFoundError`, `TableError`, `PolicyError`, `ConservationError` and the errors of
    `tieout.exit_codes`; then nothing is written.
    """
    clock = StageClock(observe)
    if not job.bank_files and job.payments is None:
        message = "nothing to match: give bank files or a payments table"
        raise NothingToDoError(message)
    if job.out is not None:
        check_output_directory(Path(job.out), overwrite=job.overwrite)
    policy = PolicyFile() if job.policy is None else read_policy_file(job.policy)
    with ExitStack() as held:
        if job.memory is not None:
            held.enter_context(locked_memory(Path(job.memory)))
        cores = held.enter_context(CoreMap())
        run = match or functools.partial(match_payments, map_ordered=cores)
        return _run(job, policy, clock, run, stdin, cores)


def _run(
    job: MatchingJob,
    policy: PolicyFile,
    clock: StageClock,
    match: Callable[[MatchInput, StageObserver], MatchResult],
    stdin: BinaryIO | None,
    cores: CoreMap,
) -> JobReport:
    clock("read_tables", 0)
    outcomes = policy.outcomes.read(job.calibration, job.precision)
    tables = _read_tables(job, cores)
    clock.handled(sum(file.rows for file in tables.inputs))
    clock("parse", len(job.bank_files))
    memories = None if job.memory is None else Memories.read(Path(job.memory))
    intake = _read_payments(job, tables, stdin)
    as_of = job.as_of or _latest_booking_date(intake.payments)
    if memories is not None:
        intake = _with_learned(_without_seen(intake, memories.runs), memories.payers)
    clock.handled(len(intake.payments))
    match_input = MatchInput(
        payments=in_key_order(intake.payments),
        remittances=in_key_order(intake.remittances),
        open_items=tables.open_items
        if memories is None
        else memories.runs.reduce(tables.open_items),
        advices=AdviceBatch.concat([tables.advices, intake.advices]),
        customers=tables.customers,
        bank_accounts=tables.bank_accounts,
        learned=LearnedFactBatch.empty() if memories is None else memories.payers.facts,
        earlier=SettledBatch.empty() if memories is None else memories.settled.settled,
        policy=policy.book,
        as_of=as_of,
        calibration=outcomes.calibration,
        precision=outcomes.precision,
    )
    result = match(match_input, clock)
    clock("write", len(intake.payments))
    run = _run_tables(match_input, intake, result)
    summary = _summary(match_input, run, tables, intake)
    failed = failed_gates(
        job.gates, summary.primary_exceptions_by_code, summary.straight_through.by_value
    )
    timings = _write(job, match_input, run, summary, clock, cores)
    applies = job.out is not None and policy.book.default.automation.mode == "apply"
    if job.memory is not None and memories is not None and applies:
        memories.after(tables.open_items, match_input, result).write(Path(job.memory))
    code = ExitCode.PARTIAL if intake.refused else ExitCode.GATE if failed else ExitCode.DONE
    return JobReport(
        exit_code=code,
        out=None if job.out is None else Path(job.out),
        summary=summary,
        timings=timings,
        refused=intake.refused,
        faults=file_faults(run.diagnostics),
        failed_gates=failed,
    )


def _read_tables(job: MatchingJob, cores: CoreMap) -> _Tables:
    own = None if job.lockbox_layout is None else read_own_layouts(job.lockbox_layout)
    own_ledger = job.ledger_options
    understand_presets(own_ledger)
    inputs: list[InputFile] = []
    if job.lockbox_layout is not None and own is not None:
        inputs.append(
            InputFile(
                role="lockbox_layout",
                source_file=Path(job.lockbox_layout).name,
                content_hash=own.content_hash,
                rows=len(own.layouts),
                format="toml",
            )
        )
    readers: dict[str, Callable[[], tuple[Any, tuple[InputFile, ...]]]] = {
        "remittances": lambda: _remittances(job),
        "open_items": lambda: _table(
            "open_items",
            job.open_items,
            functools.partial(read_open_item_table, options=own_ledger),
        ),
        "payments": lambda: _table("payments", job.payments, read_payments),
        "customers": lambda: _table(
            "customers", job.customers, functools.partial(read_customer_table, options=own_ledger)
        ),
        "bank_accounts": lambda: _table("bank_accounts", job.bank_accounts, read_bank_accounts),
    }
    read = dict(zip(readers, cores(lambda name: readers[name](), readers), strict=True))
    for _, files in [read[name] for name in (*list(readers)[1:], "remittances")]:
        inputs += files
    batches = {name: batch for name, (batch, _) in read.items()}
    remittances: RemittanceInputs = batches["remittances"]
    return _Tables(
        lockbox_layouts=() if own is None else own.layouts,
        open_items=batches["open_items"] or OpenItemBatch.empty(),
        payments=batches["payments"] or PaymentBatch.empty(),
        customers=batches["customers"] or CustomerBatch.empty(),
        bank_accounts=batches["bank_accounts"] or BankAccountBatch.empty(),
        advices=remittances.advices,
        inputs=tuple(inputs),
        counted_rows=remittances.counted_rows,
    )


def _remittances(job: MatchingJob) -> tuple[RemittanceInputs, tuple[InputFile, ...]]:
    found = read_remittances(_remittance_paths(job), job.remittance_options)
    return found, found.inputs


def _table(
    role: str, path: str | Path | None, reader: Callable[[str | Path], AnyBatch]
) -> tuple[AnyBatch | None, tuple[InputFile, ...]]:
    """The table in key order, and what the summary says of it; nothing where none is given."""
    if path is None:
        return None, ()
    batch = in_key_order(reader(path))
    file = InputFile(
        role=role,
        source_file=Path(path).name,
        content_hash=_hash_of(batch),
        rows=len(batch),
        format=Path(path).suffix.lstrip(".").lower(),
    )
    return batch, (file,)


def _remittance_paths(job: MatchingJob) -> tuple[str | Path, ...]:
    if job.remittances is None:
        return ()
    return job.remittances if isinstance(job.remittances, tuple) else (job.remittances,)


def _hash_of(batch: Batch) -> str:
    """The hash of a table; payments carry it already, as the id of their file."""
    if isinstance(batch, PaymentBatch) and len(batch):
        return str(batch.text("file_id")[0])
    return table_hash(batch)


def _read_payments(job: MatchingJob, tables: _Tables, stdin: BinaryIO | None) -> Intake:
    """Payments of bank files and of the payments table together."""
    intake = read_bank_files(job.bank_files, tables.bank_accounts, stdin, tables.lockbox_layouts)
    if job.payments is None:
        intake.require_usable()
    return add_payments_table(intake, tables.payments)


def _without_seen(intake: Intake, memory: RunMemory) -> Intake:
    """`intake` without the payments of earlier runs, which are counted and said to be there."""
    left = memory.without_seen(intake.payments, intake.remittances)
    counted = {"already_processed": left.seen_count} if left.seen_count else {}
    remembered = InputFile(
        role="memory",
        source_file="",
        content_hash=memory.content_hash,
        rows=len(memory),
        format="parquet",
    )
    return msgspec.structs.replace(
        intake,
        payments=left.payments,
        remittances=left.remittances,
        exceptions=ExceptionBatch.concat([intake.exceptions, exception_batch(left.exceptions)]),
        counted_rows=intake.counted_rows | counted,
        inputs=(*intake.inputs, remembered),
    )


def _with_learned(intake: Intake, learned: PayerMemory) -> Intake:
    """`intake` whose inputs tell which learned facts the run depends on."""
    if not len(learned.facts):
        return intake
    known = InputFile(
        role="learned_facts",
        source_file="",
        content_hash=learned.content_hash,
        rows=len(learned.facts),
        format="parquet",
    )
    return msgspec.structs.replace(intake, inputs=(*intake.inputs, known))


def _latest_booking_date(payments: PaymentBatch) -> datetime.date | None:
    latest: datetime.date | None = pc.max(payments.record_batch.column("booking_date")).as_py()
    return latest


def _run_tables(match_input: MatchInput, intake: Intake, result: MatchResult) -> RunTables:
    return RunTables(
        payments=match_input.payments,
        outcomes=result.outcomes,
        remittances=RemittanceBatch.concat([match_input.remittances, result.joined]),
        applications=result.applications,
        reversals=result.reversals,
        exceptions=ExceptionBatch.concat([intake.exceptions, result.exceptions]),
        control_checks=intake.control_checks,
        diagnostics=intake.diagnostics,
    )


def _summary(match_input: MatchInput, run: RunTables, tables: _Tables, intake: Intake) -> Summary:
    policy = msgspec.json.encode(match_input.policy, order="sorted")
    return summarise(
        run,
        match_input.open_items,
        as_of=match_input.as_of.isoformat() if match_input.as_of else None,
        versions=Versions(
            tieout=metadata.version("tieout"),
            policy=POLICY_VERSION,
            policy_hash=hashlib.sha256(policy).hexdigest(),
            calibration_hash=outcome_hash(match_input.calibration),
            precision_hash=outcome_hash(match_input.precision),
        ),
        inputs=[*tables.inputs, *intake.inputs],
        counted_rows=intake.counted_rows | tables.counted_rows,
        counts={
            "open_items": len(match_input.open_items),
            "customers": len(match_input.customers),
            "advice_lines": len(match_input.advices),
            "files_read": len(intake.files),
            "files_refused": len(intake.refused),
        },
    )


def _write(
    job: MatchingJob,
    match_input: MatchInput,
    run: RunTables,
    summary: Summary,
    clock: StageClock,
    cores: CoreMap,
) -> Timings:
    """Write the run where it is to be written; the timings include the writing of its tables."""
    if job.out is None:
        return _timings(clock)
    explain: dict[str, Batch] = {
        "advices": match_input.advices,
        "customers": match_input.customers,
        "open_items": match_input.open_items,
    }
    timings: list[Timings] = []

    def documents() -> dict[str, bytes]:
        timings.append(_timings(clock))
        return {
            "summary.json": _json_document(summary),
            "timings.json": _json_document(timings[0]),
            EXPLAIN_POLICY: msgspec.json.encode(match_input.policy, order="sorted"),
        }

    write_run(
        Path(job.out),
        output_tables(run, cores),
        file_format=job.format,
        documents=documents,
        explain=explain,
        overwrite=job.overwrite,
        map_ordered=cores,
    )
    return timings[0]


def _json_document(content: Summary | Timings) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _timings(clock: StageClock) -> Timings:
    total = clock.stop()
    stages = [
        StageTiming(
            stage,
            round(seconds, 6),
            clock.rows[stage],
            round(clock.rows[stage] / seconds, 1) if seconds and clock.rows[stage] else None,
        )
        for stage, seconds in clock.seconds.items()
    ]
    return Timings(
        stages=stages, total_seconds=round(total, 6), peak_memory_bytes=peak_memory_bytes()
    )
