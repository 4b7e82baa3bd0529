"""Remittance information of a camt detail: text lines and structured lines, every version alike.

Amounts of a referred document have four roles (due, discount, credit note, remitted) whether the
version names them by element (up to .11) or by type code (`RmtAmtAndTp`, from .12).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from engine.errors import MoneyError
from parsers.camt_xml import LOCAL_NAMES, clean, code_of, minor_of, parts_of, text_of
from parsers.check_digits import judge_reference

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = [
    "Amounts",
    "CreditorReference",
    "Remittance",
    "RemittanceLine",
    "Structure",
    "judge_creditor_reference",
    "read_remittance",
    "read_structure",
]

_TEXT_LENGTH_MAX: Final = 140
"""Length of one `Ustrd` by the schema: a line that fills it goes on in the next."""

_ROLE_OF_ELEMENT: Final = {
    "DuePyblAmt": "due",
    "DscntApldAmt": "discount",
    "CdtNoteAmt": "credit_note",
    "RmtdAmt": "remitted",
}
_ROLE_OF_CODE: Final = {
    "DUPA": "due",
    **dict.fromkeys(("APDS", "DISC", "DSCA", "STDS", "TMDS"), "discount"),
    **dict.fromkeys(("CREN", "CRNA"), "credit_note"),
    **dict.fromkeys(("REMI", "RMTA", "RMTD"), "remitted"),
}
_KIND_OF_DOCUMENT: Final = {
    "CREN": "credit_memo",
    "CNFA": "credit_memo",
    "PUOR": "purchase_order",
}
_KIND_OF_CREDITOR_REFERENCE: Final = {"PUOR": "purchase_order", "DISP": "document"}


class RemittanceLine(msgspec.Struct):
    """One reference the payer names; amounts in minor units of the payment's currency."""

    reference: str
    reference_kind: str
    amount_minor: int | None = None
    discount_minor: int = 0
    deduction_minor: int = 0
    deduction_reason: str = ""


class Remittance(msgspec.Struct):
    """What a detail says about its purpose. `notes` are pairs of diagnostic code and sentence."""

    text: list[str]
    lines: list[RemittanceLine]
    notes: list[tuple[str, str]]


class CreditorReference(msgspec.Struct, frozen=True):
    """A `CdtrRefInf`: the reference, what kind of line it is, its stated type and issuer."""

    reference: str
    kind: str
    code: str
    issuer: str


class Amounts(msgspec.Struct):
    """Amounts of the documents of one `Strd` by role; a role is absent where not named.

    `adjustments` are amounts withheld (negative: added), each with its reason.
    """

    roles: dict[str, int]
    adjustments: list[tuple[int, str]]

    def settle(self, line: RemittanceLine) -> None:
        """Put cash, discount and deduction on the document they belong to."""
        roles = self.roles
        remitted, due = roles.get("remitted"), roles.get("due")
        discount, credit_note = roles.get("discount", 0), roles.get("credit_note", 0)
        withheld = self._withheld() if self.adjustments else 0
        if line.reference_kind == "credit_memo":
            stated = roles.get("remitted", roles.get("credit_note", due))
            line.amount_minor = None if stated is None else -abs(stated)
        elif remitted is not None or due is None:
            line.amount_minor = remitted
        else:
            line.amount_minor = due - discount - credit_note - withheld
        line.discount_minor = discount
        line.deduction_minor = withheld
        if self.adjustments:
            line.deduction_reason = "; ".join(filter(None, (why for _, why in self.adjustments)))

    def _withheld(self) -> int:
        """Sum of the adjustments; their sign is turned where only that makes the document foot."""
        withheld = sum(amount for amount, _ in self.adjustments)
        if "due" not in self.roles or "remitted" not in self.roles:
            return withheld
        short = self.roles["due"] - self.roles["remitted"]
        short -= self.roles.get("discount", 0) + self.roles.get("credit_note", 0)
        return -withheld if short == -withheld else withheld


class Structure(msgspec.Struct):
    """One `Strd` as written.

    `documents` are its referred documents that have a number, `document_count` counts all;
    `amounts` stand for the whole, `own_amounts` for the document of that place (`LineDtls`).
    `further` are texts, `others` lines that stand beside the documents (`GrnshmtRmt`).
    """

    documents: list[RemittanceLine]
    document_count: int
    amounts: Amounts | None
    own_amounts: dict[int, Amounts]
    creditor: CreditorReference | None
    further: list[str]
    others: list[RemittanceLine]
    notes: list[tuple[str, str]]


def read_remittance(element: _Element | None, currency: str, country: str) -> Remittance:
    """Read a `RmtInf` element of a payment in `currency`; `country` is that of our account."""
    found = Remittance([], [], [])
    further: list[str] = []
    written: list[str] = []
    for child in () if element is None else element:
        name = LOCAL_NAMES[child.tag]
        if name == "Ustrd":
            if child.text:
                written.append(child.text)
        elif name == "Strd":
            structure = read_structure(child, currency)
            further.extend(structure.further)
            _add_structure(structure, country, found)
    found.text.extend(_joined(written) if len(written) > 1 else map(clean, written))
    found.text.extend(further)
    return found


def _joined(written: list[str]) -> list[str]:
    """The text lines; one cut at the schema's length is joined with its continuation."""
    lines: list[str] = []
    is_cut = False
    for text in written:
        if is_cut:
            lines[-1] += text
        else:
            lines.append(text)
        is_cut = len(text) == _TEXT_LENGTH_MAX
    return [line for line in map(clean, lines) if line]


def read_structure(element: _Element, currency: str) -> Structure:
    """Read a `Strd` of a payment in `currency`."""
    found = Structure([], 0, None, {}, None, [], [], [])
    for child in element:
        name = LOCAL_NAMES[child.tag]
        if name == "RfrdDocInf":
            found.document_count += 1
            _read_document(child, currency, found)
        elif name == "RfrdDocAmt":
            found.amounts = found.amounts or Amounts({}, [])
            _read_amounts(child, currency, found.amounts, found)
        elif name == "CdtrRefInf":
            found.creditor = _creditor_reference(child)
        elif name == "AddtlRmtInf" and child.text:
            found.further.append(clean(child.text))
        elif name == "TaxRmt":
            found.further.append(
                " ".join(filter(None, (clean(node.text) for node in child.iter())))
            )
        elif name == "GrnshmtRmt":
            _read_garnishment(child, currency, found)
    return found


def _add_structure(structure: Structure, country: str, found: Remittance) -> None:
    """Make lines of a `Strd` and put them behind those found before."""
    found.notes.extend(structure.notes)
    lines = structure.documents
    creditor = structure.creditor
    if creditor is not None:
        note = judge_creditor_reference(creditor, country)
        if note is not None:
            found.notes.append(note)
        lines = [*lines, RemittanceLine(creditor.reference, creditor.kind)]
    for place, amounts in structure.own_amounts.items():
        amounts.settle(lines[place])
    if structure.amounts is not None:
        documents = structure.document_count
        if lines and documents <= 1:
            structure.amounts.settle(lines[0])
        elif not structure.own_amounts:
            where = f"{documents} documents" if documents else "no document"
            sentence = f"one amount stands for {where}; the lines carry no amount"
            found.notes.append(("CAMT-REMITTANCE", sentence))
    found.lines.extend(lines)
    found.lines.extend(structure.others)


def judge_creditor_reference(creditor: CreditorReference, country: str) -> tuple[str, str] | None:
    """Diagnostic code and sentence where the check digits of a reference do not hold."""
    judgement = judge_reference(
        creditor.reference, type_code=creditor.code, issuer=creditor.issuer, country=country
    )
    if judgement is None or judgement.holds:
        return None
    sentence = f"the check digit of {creditor.reference!r} fails the {judgement.scheme} rule"
    return "CAMT-CHECKDIGIT", sentence


def _read_document(element: _Element, currency: str, found: Structure) -> None:
    """Take a `RfrdDocInf` with its number; amounts of its `LineDtls` add up to its own."""
    number = code = ""
    amounts = Amounts({}, [])
    for child in element:
        name = LOCAL_NAMES[child.tag]
        if name in {"Nb", "RfrdDocNb"}:
            number = clean(child.text)
        elif name in {"Tp", "RfrdDocTp"}:
            code = code_of(child)
        elif name == "LineDtls":
            _read_line_details(child, currency, amounts, found)
    if not number:
        return
    if amounts.roles or amounts.adjustments:
        found.own_amounts[len(found.documents)] = amounts
    found.documents.append(RemittanceLine(number, _KIND_OF_DOCUMENT.get(code, "document")))


def _read_line_details(
    element: _Element, currency: str, amounts: Amounts, found: Structure
) -> None:
    """Add up the amounts of a document's line; its numbers and description become text."""
    words: list[str] = []
    for child in element:
        name = LOCAL_NAMES[child.tag]
        if name == "Amt":
            _read_amounts(child, currency, amounts, found)
        elif name == "Id":
            words.append(text_of(parts_of(child).get("Nb")))
        elif name == "Desc":
            words.append(text_of(child))
    text = " ".join(filter(None, words))
    if text:
        found.further.append(text)


def _read_garnishment(element: _Element, currency: str, found: Structure) -> None:
    parts = parts_of(element)
    number = text_of(parts.get("RefNb"))
    if not number:
        return
    line = RemittanceLine(number, "document")
    if "RmtdAmt" in parts:
        line.amount_minor = _minor(parts["RmtdAmt"], currency, found)
    found.others.append(line)


def _creditor_reference(element: _Element) -> CreditorReference | None:
    parts = parts_of(element)
    reference = text_of(parts.get("Ref", parts.get("CdtrRef")))
    if not reference:
        return None
    kind = parts.get("Tp", parts.get("CdtrRefTp"))
    code = code_of(kind)
    line_kind = _KIND_OF_CREDITOR_REFERENCE.get(code, "creditor_reference")
    return CreditorReference(reference, line_kind, code, text_of(parts_of(kind).get("Issr")))


def _read_amounts(element: _Element, currency: str, amounts: Amounts, found: Structure) -> None:
    roles = amounts.roles
    for child in element:
        name = LOCAL_NAMES[child.tag]
        role = _ROLE_OF_ELEMENT.get(name)
        if role is None:
            if name == "RmtAmtAndTp":
                role = _ROLE_OF_CODE.get(code_of(parts_of(child).get("Tp")))
            elif name == "AdjstmntAmtAndRsn":
                _read_adjustment(child, currency, amounts, found)
            if role is None:
                continue
        minor = _minor(child, currency, found)
        if minor is not None:
            roles[role] = roles.get(role, 0) + minor


def _read_adjustment(element: _Element, currency: str, amounts: Amounts, found: Structure) -> None:
    parts = parts_of(element)
    minor = _minor(element, currency, found)
    if minor is None:
        return
    reason = " ".join(filter(None, (text_of(parts.get("Rsn")), text_of(parts.get("AddtlInf")))))
    added = text_of(parts.get("CdtDbtInd")) == "CRDT"
    amounts.adjustments.append((-minor if added else minor, reason))


def _minor(element: _Element, currency: str, found: Structure) -> int | None:
    """The amount in `element` or its `Amt`; None, with a note, in another currency."""
    amount = element
    if len(element):
        for child in element:
            if LOCAL_NAMES[child.tag] == "Amt":
                amount = child
    stated = amount.get("Ccy", currency)
    if stated != currency:
        sentence = f"an amount in {stated} on a payment in {currency} is left out"
        found.notes.append(("CAMT-REMITTANCE", sentence))
        return None
    try:
        return minor_of(amount, currency)
    except MoneyError as error:
        found.notes.append(("CAMT-REMITTANCE", f"an amount is left out: {error}"))
        return None
