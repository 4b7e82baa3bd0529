r"""What a payer wrote: keyed text lines and X12 addenda inside bank text, to facts and lines.

Banks put one fact per text line: `ORG:=ACME`, `ORIG ACCT:…/…`, `EREF: …`, `OBI:=INVOICE 4711`; ACH
addenda carry X12 segments such as `RMR*IV*INV-1**139.87*142.72*2.85\`. Facts go to their columns,
segments become remittance lines, and what the payer wrote stays, line by line, as text. A line
nobody understands stays in the text as it is. The keys stand in `text_dialects.toml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from parsers.text_facts import TextReading
from parsers.x12_remittance import RemittanceEntry, add_adjustment, read_open_item

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PayerText", "payer_columns", "read_payer_text"]

_COLUMNS: Final = frozenset(
    {"payer_name", "payer_account", "end_to_end_id", "check_number", "trace_number", "uetr"}
)


class PayerText(msgspec.Struct):
    """The facts of one payment's text; `odd` holds addenda values that could not be read."""

    payer_name: str = ""
    payer_account: str = ""
    end_to_end_id: str = ""
    check_number: str = ""
    trace_number: str = ""
    uetr: str = ""
    text: str = ""
    lines: list[RemittanceEntry] = []  # msgspec copies mutable defaults
    odd: list[str] = []  # msgspec copies mutable defaults


def read_payer_text(texts: Iterable[str], exponent: int, *, is_return: bool = False) -> PayerText:
    """Facts, remittance lines and remaining text of `texts`, one entry per line of the source.

    `exponent` is the decimal places of the payment's currency.
    """
    reading = TextReading(texts, is_return=is_return)
    found = PayerText()
    for elements in reading.segments:
        if elements[0] == "RMR":
            found.lines.append(read_open_item(elements, exponent, found.odd))
        else:
            add_adjustment(found.lines, elements, exponent, found.odd)
    for name, value in payer_columns(reading.values()).items():
        setattr(found, "text" if name == "remittance_text" else name, value)
    return found


def payer_columns(facts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The columns of a payment that facts of its text (name, value) fill; others are absent."""
    columns: dict[str, str] = {}
    texts: list[str] = []
    routing = ""
    for name, value in facts:
        if name == "text":
            texts.append(value)
        elif name == "payer_routing":
            routing = value
        elif name in _COLUMNS:
            columns[name] = value
    if routing and columns.get("payer_account"):
        columns["payer_account"] = f"{routing}/{columns['payer_account']}"
    if texts:
        columns["remittance_text"] = "\n".join(filter(None, texts))
    return columns
