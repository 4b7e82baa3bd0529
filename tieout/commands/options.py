"""Options several commands share, each written once."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.ledger_inputs import LedgerOptions

__all__ = [
    "bank_accounts_option",
    "gate_options",
    "json_option",
    "ledger_options",
    "outcome_options",
    "preset_options",
    "progress_option",
    "remittance_format_options",
    "table_options",
]

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

_DECIMALS: Final = click.Choice([".", ","])
_DATES: Final = click.Choice(["DMY", "MDY", "YMD"])

_REMITTANCE_FORMAT: Final = (
    click.option(
        "--remittance-preset",
        help="How the columns of --remittances are headed: a preset's name or a TOML file.",
    ),
    click.option(
        "--remittance-decimal",
        type=_DECIMALS,
        help="What stands before the decimals, where the amounts do not prove it.",
    ),
    click.option(
        "--remittance-date",
        type=_DATES,
        help="Order of day, month and year, where the dates do not prove it.",
    ),
)
_PRESET: Final = (
    click.option(
        "--preset",
        help="The ERP that exported --open-items and --customers, or a TOML file.",
    ),
    click.option("--preset-decimal", type=_DECIMALS, help="As --remittance-decimal."),
    click.option("--preset-date", type=_DATES, help="As --remittance-date."),
    click.option("--preset-currency", default="", help="Currency where no column says it."),
    click.option("--preset-company", default="", help="Company where no column says it."),
)
_OUTCOMES: Final = (
    click.option(
        "--calibration",
        metavar="PATH",
        help="What `tieout calibrate --fit` wrote.  [as the policy says]",
    ),
    click.option(
        "--precision",
        metavar="PATH",
        help="What `tieout calibrate --ledger` wrote.  [as the policy says]",
    ),
)


class _Share(click.ParamType[Decimal]):
    """A share between 0 and 1, exactly as written."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """`value` as a decimal; anything else is a usage error."""
        try:
            share = Decimal(str(value))
        except InvalidOperation:
            share = Decimal(-1)
        if not 0 <= share <= 1:
            self.fail(f"{value!r} is no share between 0 and 1, such as 0.85", param, ctx)
        return share


_GATES: Final = (
    click.option(
        "--max-exceptions",
        type=click.IntRange(min=0),
        help="Exit 3 where more payments and files need a clerk.",
    ),
    click.option(
        "--min-value-rate",
        type=_Share(),
        help="Exit 3 where a smaller share (0 to 1) of the cash of any currency was decided.",
    ),
)
_PAYMENTS: Final = click.option(
    "--payments", type=_PATH, help="Payments parsed elsewhere, as a table."
)
_CUSTOMERS: Final = click.option("--customers", type=_PATH, help="Customers, as a table.")


def table_options(*, open_items_help: str, is_required: bool) -> Callable[[AnyCommand], AnyCommand]:
    """The tables beside bank files: `--payments`, `--open-items`, `--customers`,
    `--bank-accounts`.
    """
    items = click.option("--open-items", type=_PATH, required=is_required, help=open_items_help)
    return lambda command: _with(command, (_PAYMENTS, items, _CUSTOMERS, bank_accounts_option))


def remittance_format_options(command: AnyCommand) -> AnyCommand:
    """How payers' advice is written: `--remittance-preset`, `-decimal`, `-date`."""
    return _with(command, _REMITTANCE_FORMAT)


def preset_options(command: AnyCommand) -> AnyCommand:
    """How an ERP exported items and customers: `--preset`, and what its columns do not say."""
    return _with(command, _PRESET)


def outcome_options(command: AnyCommand) -> AnyCommand:
    """What outcomes taught, instead of what the policy names: `--calibration`, `--precision`."""
    return _with(command, _OUTCOMES)


def gate_options(command: AnyCommand) -> AnyCommand:
    """What a result must reach: `--max-exceptions`, `--min-value-rate`."""
    return _with(command, _GATES)


def ledger_options(
    *,
    preset: str | None,
    preset_decimal: Any,
    preset_date: Any,
    preset_currency: str,
    preset_company: str,
) -> LedgerOptions:
    """What `preset_options` said."""
    from tieout.ledger_inputs import LedgerOptions

    return LedgerOptions(
        preset=preset,
        decimal=preset_decimal,
        date=preset_date,
        currency=preset_currency,
        company_id=preset_company,
        option="--preset-",
    )


def _with(command: AnyCommand, options: Sequence[Callable[[AnyCommand], AnyCommand]]) -> AnyCommand:
    # Options added last stand first in the help.
    for option in reversed(options):
        command = option(command)
    return command
