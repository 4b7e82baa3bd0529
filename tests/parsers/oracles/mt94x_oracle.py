"""A slow, obvious reader of MT940 and MT942 for tests: lines, a few conditions, decimal numbers.

Written from the message's field list, not from the reader under test; no shared code. It knows the
order of fields in a message, takes what cannot begin a field for text, and adds up what it reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

HEAD = {"20", "21", "25", "25P", "28", "28C", "13", "13D"}
KNOWN = {*HEAD, "34F", "60F", "60M", "61", "62F", "62M", "64", "65", "86", "90C", "90D", "NS"}
NO_REFERENCE = {"NONREF", "", "EREF", "PREF", "KREF+"}
RETURNED_CREDITS = {"009", "108", "109", "110", "111", "193"}


@dataclass
class OracleRow:
    """One statement line that could be read."""

    mark: str
    amount: Decimal
    type: str
    reference: str
    bank_reference: str
    text: list[str] = field(default_factory=list)

    @property
    def kind(self):
        """What cash application makes of it."""
        if self.mark[0] == "E":
            return "expected"
        gvc = re.match(r" ?(\d{3})[?<>~^]\d\d", self.text[0]) if self.text else None
        went_back = (
            self.type[1:] == "RTI"
            or (gvc is not None and gvc[1] in RETURNED_CREDITS)
            or "/RTRN/" in "".join(self.text)
        )
        if self.mark == "D" and not went_back:
            return "debit"
        if not self.amount:
            return "zero_amount"
        return "payment" if self.mark in {"C", "RD"} else "return"

    @property
    def signed(self):
        """Its effect on the balance."""
        return self.amount if self.mark in {"C", "RD"} else -self.amount


@dataclass
class OracleStatement:
    """One message, as far as it goes."""

    account: str = ""
    opening: Decimal | None = None
    closing: Decimal | None = None
    currencies: set[str] = field(default_factory=set)
    rows: list[OracleRow] = field(default_factory=list)
    summaries: dict[str, tuple[int, Decimal]] = field(default_factory=dict)

    @property
    def foots(self):
        """Whether the balances agree with the lines; None where they cannot be compared."""
        if self.opening is None or self.closing is None or len(self.currencies) > 1:
            return None
        moved = sum((row.signed for row in self.rows if row.mark[0] != "E"), Decimal(0))
        return self.opening + moved == self.closing


def number(token):
    """`2500,00` as a decimal number."""
    return Decimal("0" + token.replace(",", "."))


def fields_of(text):
    """(tag, lines) of everything, in order; what cannot be a tag continues the field before."""
    found = []
    lines = re.split("\r\n|\r|\n", text)
    for at, line in enumerate(lines):
        tag = re.match(r":(\d\d[A-Z]?|NS):", line)
        inside = next((name for name, _ in reversed(found) if name not in {"86", "NS"}), "") == "61"
        name = tag[1] if tag else ""
        if re.match(r"-[\x00-\x20]*$|-\}|-X{3}|\{1:|:940:", line):
            found.append(("end", [line]))
        elif name in HEAD and inside:
            follows = lines[at + 1] if at + 1 < len(lines) else ""
            if name == "20" and re.match(r":(21|25P?|28C?|60[FM]|13D?|34F):", follows):
                found.append((name, [line[4:]]))
            else:
                found[-1][1].append(line)
        elif name in KNOWN:
            found.append((name, [line[len(name) + 2 :]]))
        elif len(name) == 3:
            found.append(("unknown", [line]))
        elif found:
            found[-1][1].append(line)
    return found


def read_row(lines):
    """A statement line, or None."""
    found = re.match(
        r"\d{6}(?:\d{4}|    )? *(RC|RD|EC|ED|C|D)[A-Z]?([\d.,]+)([A-Z][A-Z0-9 ]{3})?(.*)", lines[0]
    )
    if not found:
        return None
    reference, slashes, bank = found[4].partition("//")
    if not slashes and len(reference) > 16 and "  " in reference[:17] + " ":
        reference = reference[:16]
    for line in lines[1:]:
        if line.startswith("//") and not bank:
            bank = line[2:]
    bank = "" if bank.strip() in NO_REFERENCE else bank.strip()
    if not bank and len(lines) > 1 and re.fullmatch(r"\d{16,}", lines[1].strip()):
        bank = lines[1].strip()
    reference = "" if reference.strip() in NO_REFERENCE else reference.strip()
    return OracleRow(found[1], number(found[2]), found[3] or "", reference, bank)


def read(content):
    """The statements of a file; lines outside of one stand in a statement of their own."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    statements = []
    current = None
    row = None
    for tag, lines in fields_of(text):
        value = lines[0].strip()
        if tag in {"end", "20"}:
            current = row = None
        if tag == "20":
            current = OracleStatement()
            statements.append(current)
        elif tag == "61":
            if current is None or current.closing is not None:
                current = OracleStatement()
                statements.append(current)
            row = read_row(lines)
            if row is not None:
                current.rows.append(row)
        elif tag == "86" and row is not None:
            row.text.extend(line for line in lines if line.strip())
        elif current is None or tag in {"NS", "unknown"}:
            continue
        else:
            row = None
            read_head(current, tag, value)
    return statements


def read_head(statement, tag, value):
    """A field that is no statement line."""
    balance = re.match(r"([CD])\d{6}([A-Z]{3})?([\d.,]+)$", value)
    summary = re.match(r"(\d+)([A-Z]{3})([\d.,]+)$", value)
    if tag in {"60F", "60M", "62F", "62M"} and balance:
        amount = number(balance[3]) * (1 if balance[1] == "C" else -1)
        if balance[2]:
            statement.currencies.add(balance[2])
        if tag[:2] == "60":
            statement.opening = amount
        else:
            statement.closing = amount
    elif tag in {"90C", "90D"} and summary:
        statement.summaries[tag] = (int(summary[1]), number(summary[3]))
    elif tag in {"25", "25P"}:
        statement.account = value
