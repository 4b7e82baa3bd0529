"""What a run on a cluster hands in and gives out, in the tables of `tieout match`."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from cluster.hooks import Hooks, MergedBankFiles
from cluster.places import Place, files_below, local_copy
from engine import batches
from engine.batches import (
    AdviceBatch,
    BankAccountBatch,
    Batch,
    PaymentBatch,
    PaymentOutcomeBatch,
    RemittanceBatch,
)
from engine.outcomes import Outcomes
from parsers.archives import open_members
from parsers.byte_source import BytesSource, content_hash
from parsers.parsed_file import ParsedFile
from parsers.read_options import ReadOptions
from tieout.given_files import GivenFile
from tieout.intake import ReadFile, merge_files, read_given_file
from tieout.outcome_tables import read_outcomes
from tieout.policy_files import read_policy_file, rules_of
from tieout.remittance_inputs import RemittanceOptions, read_remittances
from tieout.run_tables import TABLE_ORDER, RunTables, output_tables
from tieout.sources import FileSpool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from engine.batches import ExceptionBatch
    from engine.match_input import MatchInput, MatchResult

__all__ = [
    "cluster_hooks",
    "merge_bank_files",
    "policy_of",
    "read_one_bank_file",
    "read_remittance_places",
    "tables_of_exceptions",
    "tables_of_match",
]

_OF_FILES: Final = ("exceptions", "control_checks", "diagnostics")
_OF_PAYMENTS: Final = ("payments", "remittance_lines", "applications", "reversals", "exceptions")


def cluster_hooks(advices: AdviceBatch) -> Hooks:
    """The hooks of a run whose result has the tables of a run directory."""
    nothing = RunTables(payments=PaymentBatch.empty(), outcomes=PaymentOutcomeBatch.empty())
    return Hooks(
        tell=tables_of_match,
        tell_notes=tables_of_exceptions,
        schemas={name: table.rows.schema for name, table in output_tables(nothing).items()},
        order=TABLE_ORDER,
        advices=advices,
        read_bank_file=read_one_bank_file,
        merge_bank_files=merge_bank_files,
    )


def read_one_bank_file(name: str, content: bytes, accounts: BankAccountBatch) -> list[Any]:
    """What a bank file, or an archive of some, holds; whatever its reader cannot stand refuses it.

    Batches cannot be pickled: they travel as their record batches.
    """
    read = []
    for member in open_members(BytesSource(content), name, FileSpool):
        if member.source is None:
            read.append(ReadFile("", member.name, None, str(member.error)))
            continue
        given = GivenFile(content_hash(member.source), member.name, member.source)
        try:
            read.append(read_given_file(given, ReadOptions(bank_accounts=accounts)))
        except Exception as error:  # noqa: BLE001 - one file must not stop a night's run
            sentence = f"{member.name}: its reader failed ({type(error).__name__}: {error})"
            read.append(ReadFile(given.file_hash, member.name, None, sentence))
    return [
        (one.file_hash, one.source_file, one.error, None if one.parsed is None else _bare(one))
        for one in read
    ]


def _bare(read: ReadFile) -> dict[str, Any]:
    values = msgspec.structs.asdict(read.parsed) if read.parsed is not None else {}
    return {
        name: (type(value).__name__, value.record_batch) if isinstance(value, Batch) else value
        for name, value in values.items()
    }


def _whole(bare: dict[str, Any]) -> ParsedFile:
    values = {
        name: getattr(batches, value[0]).of_distinct(value[1])
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], pa.RecordBatch)
        else value
        for name, value in bare.items()
    }
    return ParsedFile(**values)


def merge_bank_files(found: list[Any], accounts: BankAccountBatch) -> MergedBankFiles:
    """All bank files of a run together, as `tieout match` merges them."""
    read = [
        ReadFile(file_hash, name, None if bare is None else _whole(bare), error)
        for file_hash, name, error, bare in found
    ]
    ordered = sorted(read, key=lambda file: (file.file_hash, file.source_file))
    intake = merge_files(ordered, accounts)
    run = RunTables(
        payments=PaymentBatch.empty(),
        outcomes=PaymentOutcomeBatch.empty(),
        exceptions=intake.exceptions,
        control_checks=intake.control_checks,
        diagnostics=intake.diagnostics,
    )
    made = output_tables(run)
    return MergedBankFiles(
        payments=intake.payments,
        remittances=intake.remittances,
        advices=intake.advices,
        refused=[(file.source_file, file.message) for file in intake.refused],
        tables={name: made[name].rows for name in _OF_FILES},
    )


def policy_of(name: str | None) -> tuple[dict[str, Any], Outcomes]:
    """The rules at a path or URI as they are written, and the outcomes named there; raises
    `PolicyFileError` where they are none, `OutcomeFileError` or `FileNotFoundError`.
    """
    if name is None:
        return {}, Outcomes()
    place = Place.of(name)
    path = local_copy(place)
    read_policy_file(path)
    rules, named = rules_of(tomllib.loads(path.read_text(encoding="utf-8")))
    files = [_beside(place, one) if one else None for one in (named.calibration, named.precision)]
    return rules, read_outcomes(*files)


def _beside(place: Place, name: str) -> Path:
    """The file called `name`, relative to the file at `place`, on this machine."""
    is_whole = "://" in name or name.startswith("/")
    return local_copy(Place.of(name) if is_whole else Place(place.uri.rsplit("/", 1)[0]) / name)


def read_remittance_places(names: Sequence[str]) -> AdviceBatch:
    """Remittance advice of the files `names` (paths or URIs)."""
    files = [file.uri for name in names for file in files_below(name, ())]
    paths = [local_copy(Place(uri)) for uri in files]
    return read_remittances(paths, RemittanceOptions()).advices if paths else AdviceBatch.empty()


def tables_of_match(match_input: MatchInput, result: MatchResult) -> dict[str, pa.Table]:
    """The tables of the payments of one match."""
    run = RunTables(
        payments=match_input.payments,
        outcomes=result.outcomes,
        remittances=RemittanceBatch.concat([match_input.remittances, result.joined]),
        applications=result.applications,
        reversals=result.reversals,
        exceptions=result.exceptions,
    )
    made = output_tables(run)
    return {name: made[name].rows for name in _OF_PAYMENTS}


def tables_of_exceptions(exceptions: ExceptionBatch) -> dict[str, pa.Table]:
    """The table of exceptions that concern no payment."""
    run = RunTables(
        payments=PaymentBatch.empty(), outcomes=PaymentOutcomeBatch.empty(), exceptions=exceptions
    )
    return {"exceptions": output_tables(run)["exceptions"].rows}
