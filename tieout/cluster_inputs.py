"""How the files of a run on a cluster are read: as `tieout match` reads them, by the same options.

What options name (layouts, presets, tables of outcomes) is read once, where the command runs, and
travels to the tasks as data.
"""

from __future__ import annotations

import hashlib
import tomllib
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from cluster.hooks import MergedBankFiles
from cluster.places import Place, files_below, local_copy
from engine import batches
from engine.batches import AdviceBatch, BankAccountBatch, Batch, PaymentBatch, PaymentOutcomeBatch
from parsers.archives import open_members
from parsers.byte_source import BytesSource, content_hash
from parsers.ledger_presets import LedgerSettings  # noqa: TC001 - msgspec reads the annotation
from parsers.lockbox_layouts import LockboxLayout  # noqa: TC001 - as above
from parsers.parsed_file import ParsedFile
from parsers.read_options import ReadOptions
from parsers.remittance_tables import SPREADSHEETS, TEXTS
from parsers.table_files import TABLE_FORMATS
from parsers.table_identity import in_key_order
from tieout.given_files import GivenFile
from tieout.intake import ReadFile, add_payments_table, merge_files, read_given_file
from tieout.ledger_inputs import LedgerOptions, customers_of, open_items_of
from tieout.outcome_tables import read_outcomes
from tieout.own_layouts import read_own_layouts
from tieout.policy_files import read_policy_file, rules_of
from tieout.remittance_inputs import RemittanceOptions, read_remittances
from tieout.run_tables import RunTables, output_tables
from tieout.sources import FileSpool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from engine.batches import CustomerBatch, OpenItemBatch
    from engine.outcomes import Outcomes
    from parsers.table_files import TableContent

__all__ = [
    "ClusterReading",
    "merge_bank_files",
    "policy_of",
    "read_remittance_places",
    "reading_of",
    "refused_bank_file",
]

_OF_FILES: Final = ("exceptions", "control_checks", "diagnostics")


class ClusterReading(msgspec.Struct, frozen=True, kw_only=True):
    """Own layouts of lockbox files; how an ERP's exports are read (None: tables of the contract).

    Its methods are what tasks call.
    """

    lockbox_layouts: tuple[LockboxLayout, ...] = ()
    ledger: LedgerSettings | None = None

    @property
    def key(self) -> str:
        """Hash of all of it."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    @property
    def table_endings(self) -> tuple[str, ...]:
        """Extensions of tables; an ERP exports spreadsheets and texts as well."""
        exports = () if self.ledger is None else (*TEXTS, *SPREADSHEETS)
        return tuple(sorted({*TABLE_FORMATS, *exports}))

    def open_items(self, table: TableContent) -> OpenItemBatch:
        """The open items of a table; raises `TableError`."""
        return open_items_of(table, self.ledger)

    def customers(self, table: TableContent) -> CustomerBatch:
        """The customers of a table; raises `TableError`."""
        return customers_of(table, self.ledger)

    def bank_file(self, name: str, content: bytes, accounts: BankAccountBatch) -> list[Any]:
        """What a bank file, or an archive of some, holds; whatever its reader cannot stand refuses
        it.

        Batches cannot be pickled: they travel as their record batches.
        """
        options = ReadOptions(bank_accounts=accounts, lockbox_layouts=self.lockbox_layouts)
        read = []
        for member in open_members(BytesSource(content), name, FileSpool):
            if member.source is None:
                read.append(ReadFile("", member.name, None, str(member.error)))
                continue
            given = GivenFile(content_hash(member.source), member.name, member.source)
            try:
                read.append(read_given_file(given, options))
            except Exception as error:  # noqa: BLE001 - one file must not stop a night's run
                sentence = f"{member.name}: its reader failed ({type(error).__name__}: {error})"
                read.append(ReadFile(given.file_hash, member.name, None, sentence))
        return [
            (one.file_hash, one.source_file, one.error, None if one.parsed is None else _bare(one))
            for one in read
        ]


def refused_bank_file(name: str, content: bytes, why: str) -> list[Any]:
    """What `ClusterReading.bank_file` gives for a file that nothing can be read of, and why."""
    return [(content_hash(BytesSource(content)), name, why, None)]


def reading_of(lockbox_layout: str | None, ledger: LedgerOptions) -> ClusterReading:
    """What the options say; layouts and a preset are read from paths or URIs.

    Raises `FileNotFoundError`, `LayoutError` or `TableError`.
    """
    own = None if lockbox_layout is None else read_own_layouts(local_copy(Place.of(lockbox_layout)))
    preset = _local_preset(ledger.preset)
    ledger = msgspec.structs.replace(ledger, preset=preset)
    return ClusterReading(
        lockbox_layouts=() if own is None else own.layouts,
        ledger=None if preset is None else ledger.settings(),
    )


def _local_preset(name: str | Path | None) -> str | Path | None:
    """A preset by its name, or its file on this machine."""
    is_file = str(name).lower().endswith(".toml")
    return local_copy(Place.of(str(name))) if name is not None and is_file else name


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


def merge_bank_files(
    found: list[Any], accounts: BankAccountBatch, payments: PaymentBatch
) -> MergedBankFiles:
    """All bank files of a run, and `payments` of tables, as `tieout match` puts them together."""
    read = [
        ReadFile(file_hash, name, None if bare is None else _whole(bare), error)
        for file_hash, name, error, bare in found
    ]
    ordered = sorted(read, key=lambda file: (file.file_hash, file.source_file))
    intake = add_payments_table(merge_files(ordered, accounts), in_key_order(payments))
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


def policy_of(
    name: str | None, calibration: str | None = None, precision: str | None = None
) -> tuple[dict[str, Any], Outcomes]:
    """The rules at a path or URI as they are written, and the outcomes named there or given instead
    of them; raises `PolicyFileError` where they are none, `OutcomeFileError` or
    `FileNotFoundError`.
    """
    rules: dict[str, Any] = {}
    files: list[Path | None] = [None, None]
    if name is not None:
        place = Place.of(name)
        path = local_copy(place)
        read_policy_file(path)
        rules, named = rules_of(tomllib.loads(path.read_text(encoding="utf-8")))
        named_files = (named.calibration, named.precision)
        files = [_beside(place, one) if one else None for one in named_files]
    given = [one and local_copy(Place.of(one)) for one in (calibration, precision)]
    return rules, read_outcomes(*(one or other for one, other in zip(given, files, strict=True)))


def _beside(place: Place, name: str) -> Path:
    """The file called `name`, relative to the file at `place`, on this machine."""
    is_whole = "://" in name or name.startswith("/")
    return local_copy(Place.of(name) if is_whole else Place(place.uri.rsplit("/", 1)[0]) / name)


def read_remittance_places(
    names: Sequence[str], options: RemittanceOptions | None = None
) -> AdviceBatch:
    """Remittance advice of the files `names` (paths or URIs)."""
    files = [file.uri for name in names for file in files_below(name, ())]
    paths = [local_copy(Place(uri)) for uri in files]
    options = options or RemittanceOptions()
    options = msgspec.structs.replace(options, preset=_local_preset(options.preset))
    return read_remittances(paths, options).advices if paths else AdviceBatch.empty()
