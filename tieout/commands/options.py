"""Options several commands share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["bank_accounts_option", "json_option", "progress_option", "table_options"]

AnyCommand = TypeVar("AnyCommand", bound="Callable[..., Any]")

_PATH: Final = click.Path(path_type=Path, allow_dash=True)

bank_accounts_option: Final = click.option(
    "--bank-accounts", type=_PATH, help="Our own bank accounts, as a table."
)
"""Which company an account collects for."""

json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on stdout."
)
"""For programs that read what a command says."""

progress_option: Final = click.option(
    "--progress",
    type=click.Choice(["auto", "plain", "none"]),
    default="auto",
    help="auto: a bar where stderr is a terminal; plain: one line per stage.",
)
"""How a long command tells how far it is."""

_PAYMENTS: Final = click.option(
    "--payments", type=_PATH, help="Payments parsed elsewhere, as a table."
)
_CUSTOMERS: Final = click.option("--customers", type=_PATH, help="Customers, as a table.")


def table_options(*, open_items_help: str, is_required: bool) -> Callable[[AnyCommand], AnyCommand]:
    """The tables beside bank files: `--payments`, `--open-items`, `--customers`,
    `--bank-accounts`.
    """
    items = click.option("--open-items", type=_PATH, required=is_required, help=open_items_help)

    def add(command: AnyCommand) -> AnyCommand:
        # Options added last stand first in the help.
        for option in (bank_accounts_option, _CUSTOMERS, items, _PAYMENTS):
            command = option(command)
        return command

    return add
