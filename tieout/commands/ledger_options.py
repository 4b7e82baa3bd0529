"""Options of commands that read a ledger's tables and send them to a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.ledger_inputs import LedgerOptions

__all__ = ["export_options", "ledger_options", "preset_options", "sending_options"]


def ledger_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of a file that an ERP exported."""
    options = (
        click.option("--preset", help="The ERP it comes from, or a TOML file; see presets."),
        click.option(
            "--decimal", type=click.Choice([".", ","]), help="What stands before the decimals."
        ),
        click.option(
            "--date", type=click.Choice(["DMY", "MDY", "YMD"]), help="Order of day, month, year."
        ),
        click.option("--currency", default="", help="Currency where no column says it."),
        click.option("--company", default="", help="Company where no column says it."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def export_options(
    *, preset: str | None, decimal: Any, date: Any, currency: str, company: str
) -> LedgerOptions:
    """What `ledger_options` said."""
    from tieout.ledger_inputs import LedgerOptions

    return LedgerOptions(
        preset=preset, decimal=decimal, date=date, currency=currency, company_id=company
    )


def preset_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and how the answer is printed."""
    json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
    return ledger_options(json(command))


def sending_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of an import."""
    options = (
        click.option("--snapshot", is_flag=True, help="FILE is all there is in its companies."),
        click.option("--dry-run", is_flag=True, help="Say what would change, change nothing."),
        click.option("--request-id", default="", help="Your own key of this import."),
    )
    for option in reversed(options):
        command = option(command)
    return command
