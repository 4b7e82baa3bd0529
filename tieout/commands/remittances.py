"""`tieout remittances`: how payers' tables of remittance advice are understood."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.commands.options import json_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.remittance_files import RemittanceFile

__all__ = ["presets_command", "preview_command", "remittances_command"]

_SHOWN = 5
_PREVIEW_HELP = """Show how FILE would be read by `tieout match --remittances`.

The preset that fits, the column each header is taken for, the format of amounts and dates and the
first lines; rows that are no lines are counted. Nothing is written.

\b
Examples:
  tieout remittances preview advice.xlsx
  tieout remittances preview avis.csv --preset german --decimal ,

\b
Exit codes:
  0   it can be read
  65  it cannot; the message says what is missing
  66  no such file
"""


@click.group("remittances", help="Remittance advice as payers send it: presets, preview.")
def remittances_command() -> None:
    """Group the commands."""


@remittances_command.command("presets", help="List the presets that come with Tieout.")
@json_option
def presets_command(*, as_json: bool) -> None:
    """Print name and title of each preset."""
    import msgspec

    from parsers.remittance_presets import shipped_presets

    presets = shipped_presets()
    if as_json:
        click.echo(msgspec.json.encode(presets))
        return
    for name, preset in presets.items():
        click.echo(f"{name:<22}  {preset.title}")


@remittances_command.command("preview", help=_PREVIEW_HELP)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--preset", help="A preset's name or a TOML file.")
@click.option("--decimal", type=click.Choice([".", ","]), help="Sign before the decimals.")
@click.option("--date", type=click.Choice(["DMY", "MDY", "YMD"]), help="Order of dates.")
@json_option
def preview_command(
    *, file: Path, preset: str | None, decimal: Any, date: Any, as_json: bool
) -> None:
    """Read the file and print what was understood."""
    import msgspec

    from tieout.remittance_inputs import RemittanceOptions, read_one_remittance_file

    options = RemittanceOptions(preset=preset, decimal=decimal, date=date)
    found = read_one_remittance_file(file, options.settings())
    if as_json:
        click.echo(msgspec.json.encode(_as_data(found), enc_hook=str))
        return
    click.echo("\n".join(_report(found)))


def _as_data(found: RemittanceFile) -> dict[str, Any]:
    return {
        "preset": found.preset,
        "source": found.source,
        "header": found.header_place,
        "columns": found.columns,
        "counted_rows": found.counted_rows,
        "lines": len(found.advices),
        "advices": len(set(_advice_keys(found))),
        "first_lines": _first_lines(found),
    }


def _advice_keys(found: RemittanceFile) -> list[tuple[str, int]]:
    return list(
        zip(
            found.advices.strings("remittance_id"),
            found.advices.int64("advice_number").tolist(),
            strict=True,
        )
    )


def _first_lines(found: RemittanceFile) -> list[dict[str, str]]:
    """The first lines, amounts as decimal text, without what they do not say."""
    from parsers.value_formats import scaled_text

    lines = []
    for row in found.advices.record_batch.slice(0, _SHOWN).to_pylist():
        line = {}
        for name, value in row.items():
            if value in ("", None, 0) or name in {"file_id", "source_file", "advice_number"}:
                continue
            is_money = name.endswith("_minor")
            text = scaled_text(value) if is_money else str(value)
            line[name.replace("_minor", "_amount") if name != "amount_minor" else "amount"] = text
        lines.append(line)
    return lines


def _report(found: RemittanceFile) -> Iterator[str]:
    keys = _advice_keys(found)
    how = f"preset {found.preset}" if found.preset else "columns of a remittances table"
    yield f"{len(found.advices)} lines of {len(set(keys))} advices; {how}"
    if found.source:
        header = f", header in {found.header_place}" if found.header_place else ""
        yield f"read as {found.source}{header}"
    for column in found.columns:
        form = f"  ({column.format})" if column.format else ""
        yield f"  {column.header} → {column.role or 'left aside'}{form}"
    for reason, rows in found.counted_rows.items():
        yield f"  {rows} rows counted as {reason}"
    for line in _first_lines(found):
        yield "  " + "  ".join(f"{name} {value}" for name, value in line.items())
