"""Remittance advice from files: tables of the contract, payers' own tables, advice of banks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.batches import AdviceBatch
from parsers.bank_files import parse_bank_file
from parsers.errors import TableError
from parsers.remittance_files import RemittanceFile, read_remittance_file
from parsers.remittance_presets import DateOrder, DecimalSign, Settings, read_preset
from parsers.remittance_tables import SPREADSHEETS, TEXTS
from parsers.table_files import TABLE_FORMATS
from parsers.table_identity import in_key_order, table_hash
from tieout.given_files import InputFile

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "RemittanceInputs",
    "RemittanceOptions",
    "read_one_remittance_file",
    "read_remittances",
]

_PRESET_FILE = ".toml"


class RemittanceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How payers' tables are read: a preset by name or file, formats that values do not prove."""

    preset: str | Path | None = None
    decimal: DecimalSign | None = None
    date: DateOrder | None = None

    def settings(self) -> Settings:
        """The settings of the parsers; raises `FileNotFoundError` or `TableError`."""
        preset = None
        if self.preset is not None:
            name = str(self.preset)
            is_file = name.lower().endswith(_PRESET_FILE)
            content = Path(name).read_text(encoding="utf-8") if is_file else None
            preset = read_preset(name, content)
        return Settings(preset=preset, decimal=self.decimal, date=self.date)


class RemittanceInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The advice of all files, each content once, and what a summary says of them.

    `counted_rows` are rows that are no lines, by what they are.
    """

    advices: AdviceBatch
    inputs: tuple[InputFile, ...] = ()
    counted_rows: dict[str, int] = {}


def read_remittances(
    paths: Sequence[str | Path], options: RemittanceOptions | None = None
) -> RemittanceInputs:
    """Read the files `paths`; raises `FileNotFoundError` or `TableError`."""
    options = options or RemittanceOptions()
    settings = options.settings()
    advices: dict[str, AdviceBatch] = {}
    inputs: list[InputFile] = []
    counted: dict[str, int] = {}
    for path in paths:
        found = read_one_remittance_file(path, settings)
        batch = in_key_order(found.advices)
        content_hash = str(batch.text("file_id")[0]) if len(batch) else table_hash(batch)
        is_known = content_hash in advices
        advices[content_hash] = batch
        suffix = Path(path).suffix.lstrip(".").lower()
        inputs.append(
            InputFile(
                role="remittances",
                source_file=Path(path).name,
                content_hash=content_hash,
                rows=0 if is_known else len(batch),
                format=found.preset or suffix,
                state="repeated" if is_known else "read",
            )
        )
        for reason, rows in () if is_known else found.counted_rows.items():
            name = f"remittances_{reason}"
            counted[name] = counted.get(name, 0) + rows
    ordered = [advices[key] for key in sorted(advices)]
    return RemittanceInputs(
        advices=AdviceBatch.concat(ordered),
        inputs=tuple(inputs),
        counted_rows=dict(sorted(counted.items())),
    )


def read_one_remittance_file(path: str | Path, settings: Settings) -> RemittanceFile:
    """Read `path`: a table by its extension, else advice as banks send it (remt.001, EDI 820)."""
    name, content = Path(path).name, Path(path).read_bytes()
    if Path(name).suffix.lower() in (*TABLE_FORMATS, *TEXTS, *SPREADSHEETS):
        return read_remittance_file(name, content, settings)
    parsed = parse_bank_file(content, name)
    if len(parsed.payments):
        message = f"{name}: holds payments ({parsed.dialect}); give it as a bank file"
        raise TableError(message)
    return RemittanceFile(advices=parsed.advices, source=parsed.dialect)
