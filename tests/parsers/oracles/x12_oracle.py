"""A slow and obvious reader of EDI 820 and 823: splits text, shares no code with the fast one."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation


@dataclass
class Order:
    """One BPR and the lines below it."""

    form: str
    elements: list[str] = field(default_factory=list)
    trace: str = ""
    payer: str = ""
    lines: list[tuple[str, Decimal | None]] = field(default_factory=list)

    def at(self, number):
        """An element of BPR, empty where it is absent."""
        return self.elements[number] if number < len(self.elements) else ""

    @property
    def cents(self):
        """Amount in cents, None where it is no number."""
        return cents(self.at(2))

    @property
    def is_payment(self):
        """Money that comes with the order."""
        if not self.elements or not self.cents or self.at(3) == "D" or self.at(4) == "NON":
            return False
        return self.form == "823" or self.at(1) not in {"I", "H", "P"}


def cents(token):
    """Decimal text as cents."""
    try:
        return int(Decimal(token.strip()) * 100)
    except InvalidOperation:
        return None


def segments(content):
    """Lists of elements, by separators taken from the ISA or assumed."""
    text = content.decode("utf-8-sig", "surrogateescape")
    start = text.find("ISA")
    if start < 0:
        element, end = "*", "\\" if "\\" in text else "~"
    else:
        text = text[start:]
        element = text[3]
        rest = text.split(element, 16)[16]
        end = rest[1]
    found = []
    for raw in text.split(end):
        piece = raw.strip(" \t\r\n\\\x1a")
        if piece:
            found.append([one.strip() for one in piece.split(element)])
    return found


def orders(content):
    """All orders of a file, in order; ADX below an RMR belong to its line and are left out."""
    found: list[Order] = []
    form, below = "820", False
    for piece in segments(content):
        name = piece[0]
        if name == "ST":
            form = piece[1]
            found.append(Order(form))
        elif form in {"820", "823"}:
            below = _take(found, form, piece, below=below)
    return [order for order in found if order.elements or order.lines]


def _take(found, form, piece, *, below):
    """Put a segment where it belongs; gives whether an RMR of the same entity stands before."""
    name, last = piece[0], found[-1] if found else Order(form)
    if name == "BPR":
        if not found or last.elements or last.lines:
            found.append(Order(form))
        found[-1].elements = piece
    elif name == "TRN" and not last.trace:
        last.trace = piece[2]
    elif name == "N1" and piece[1] == "PR" and not last.payer:
        last.payer = piece[2]
    elif name == "RMR":
        amount = piece[4] if len(piece) > 4 else ""
        last.lines.append((piece[2], cents(amount) if amount else None))
    elif name == "ADX" and (not below or len(piece) > 4):
        last.lines.append((piece[4] if len(piece) > 4 else "", cents(piece[1])))
    return name == "RMR" or (below and name not in {"ENT", "BPR", "ST"})
