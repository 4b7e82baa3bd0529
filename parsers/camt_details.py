"""The payment facts of one camt transaction detail: parties, references, texts, lines.

Roles stay as in the original transaction: the payer is the debtor, also where the entry is a
reversal. Only a return whose debtor is absent or ourselves names the payer as creditor.

References become columns like this: AcctSvcrRef → bank_reference (the entry's where the detail has
none), InstrId → customer_reference, EndToEndId → end_to_end_id, ChqNb → check_number, UETR → uetr,
and the first of ClrSysRef, MktInfrstrctrTxId and TxId → trace_number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from parsers.camt_charges import charges_minor, foreign_amounts
from parsers.camt_codes import read_transaction_code
from parsers.camt_remittance import RemittanceLine, read_remittance
from parsers.camt_xml import LOCAL_NAMES, account_of, clean, code_of, parts_of, text_at, text_of

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["DetailFacts", "merge_details", "read_detail"]

_NOT_PROVIDED: Final = frozenset({"NOTPROVIDED", "NOT PROVIDED", "NONREF"})
_COLUMN_OF_REFERENCE: Final = {
    "AcctSvcrRef": "bank_reference",
    "InstrId": "customer_reference",
    "EndToEndId": "end_to_end_id",
    "ChqNb": "check_number",
    "UETR": "uetr",
}
_TRACES: Final = ("ClrSysRef", "MktInfrstrctrTxId", "TxId")
_ORIGINALS: Final = ("EndToEndId", "TxId", "InstrId", "ChqNb", "PmtInfId", "AcctSvcrRef")


class DetailFacts(msgspec.Struct):
    """What a detail says beside its amount.

    `columns` are columns of a payment by name (text), `notes` pairs of diagnostic code and
    sentence. `has_return` tells of a `RtrInf`. `instructed_minor` is what the payer ordered, in
    `instructed_currency` of the columns, `charges_minor` what was taken out of the payment.
    """

    columns: dict[str, str]
    lines: list[RemittanceLine]
    notes: list[tuple[str, str]]
    has_return: bool = False
    instructed_minor: int | None = None
    charges_minor: int | None = None


def read_detail(
    parts: dict[str, _Element], *, account: str, currency: str, further_text: str
) -> DetailFacts:
    """Facts of a `TxDtls` given as its children by name.

    `account` is ours, `currency` the payment's; `further_text` (of the entry) is used where the
    detail brings no remittance text.
    """
    columns: dict[str, str] = {}
    if "Refs" in parts:
        _read_references(parts["Refs"], columns)
    remittance = read_remittance(parts.get("RmtInf"), currency, account[:2])
    text = remittance.text
    if not text:
        own = text_of(parts.get("AddtlTxInf"))
        text = [line for line in dict.fromkeys((own, further_text)) if line]
    returned = parts.get("RtrInf")
    if returned is not None:
        text.extend(_return_text(returned))
    columns["remittance_text"] = "\n".join(text)
    is_return = returned is not None
    _read_parties(parts.get("RltdPties"), account, columns, is_return=is_return)
    columns["remittance_id"] = _remittance_id(parts)
    instructed, stated, rate = foreign_amounts(parts, currency)
    columns["instructed_currency"], columns["exchange_rate"] = stated, rate
    return DetailFacts(
        columns,
        remittance.lines,
        remittance.notes,
        is_return,
        instructed,
        charges_minor(parts, currency),
    )


def _remittance_id(parts: dict[str, _Element]) -> str:
    """The id of the advice that is sent apart: the first `RltdRmtInf` that has one."""
    last = parts.get("RltdRmtInf")
    parent = None if last is None else last.getparent()
    for child in () if parent is None else parent:
        if LOCAL_NAMES[child.tag] == "RltdRmtInf":
            found = text_at(child, "RmtId")
            if found:
                return found
    return ""


def _read_references(element: _Element, columns: dict[str, str]) -> None:
    references: dict[str, str] = {}
    for child in element:
        text = clean(child.text)
        if not text or text.upper() in _NOT_PROVIDED:
            continue
        name = LOCAL_NAMES[child.tag]
        references[name] = text
        column = _COLUMN_OF_REFERENCE.get(name)
        if column is not None:
            columns[column] = text
    for name in _TRACES:
        if name in references:
            columns["trace_number"] = references[name]
            break
    for name in _ORIGINALS:
        if name in references:
            columns["original_reference"] = references[name]
            break


def _read_parties(
    element: _Element | None, account: str, columns: dict[str, str], *, is_return: bool
) -> None:
    """Who paid, from which account, and on whose behalf."""
    roles = parts_of(element)
    debtor, creditor = roles.get("Dbtr"), roles.get("Cdtr")
    name, payer_account = _party_name(debtor), account_of(roles.get("DbtrAcct"))
    ultimate = _party_name(roles.get("UltmtDbtr"))
    if is_return and (debtor is None or (account and payer_account == account)):
        name, payer_account = _party_name(creditor) or name, account_of(roles.get("CdtrAcct"))
        ultimate = _party_name(roles.get("UltmtCdtr"))
    elif not name:
        name = ultimate
    columns["payer_name"], columns["payer_account"] = name, payer_account
    columns["ultimate_payer_name"] = ultimate


def _party_name(element: _Element | None) -> str:
    """The name of a party, or of the party or agent it wraps (from version .07 on), or nothing."""
    for child in () if element is None else element:
        name = LOCAL_NAMES[child.tag]
        if name == "Nm":
            return clean(child.text)
        if name in {"Pty", "Agt", "FinInstnId"}:
            found = _party_name(child)
            if found:
                return found
    return ""


def _return_text(element: _Element) -> list[str]:
    """The return's reason, its sentences and the code of the original, each on its own line."""
    lines = []
    for child in element:
        name = LOCAL_NAMES[child.tag]
        if name in {"Rsn", "RtrRsn"}:
            lines.append(code_of(child))
        elif name in {"AddtlInf", "AddtlRtrRsnInf"}:
            lines.append(clean(child.text))
        elif name == "OrgnlBkTxCd":
            lines.append(read_transaction_code(child, {}).type_code)
    return [line for line in lines if line]


def merge_details(details: list[DetailFacts]) -> DetailFacts:
    """What several details agree on, for the one payment of an entry that cannot be split.

    Columns on which they differ are empty; texts and lines are all kept, in order.
    """
    columns: dict[str, Any] = {}
    for name in sorted({name for detail in details for name in detail.columns}):
        values = {detail.columns.get(name, "") for detail in details}
        columns[name] = values.pop() if len(values) == 1 else ""
    texts = [line for detail in details for line in detail.columns["remittance_text"].split("\n")]
    columns["remittance_text"] = "\n".join(dict.fromkeys(filter(None, texts)))
    instructed = [one for one in details if one.instructed_minor is not None]
    columns["instructed_currency"] = columns["exchange_rate"] = ""
    if len(instructed) == 1:
        for name in ("instructed_currency", "exchange_rate"):
            columns[name] = instructed[0].columns[name]
    charges = [one.charges_minor for one in details if one.charges_minor is not None]
    return DetailFacts(
        columns,
        [line for detail in details for line in detail.lines],
        [note for detail in details for note in detail.notes],
        any(detail.has_return for detail in details),
        instructed[0].instructed_minor if len(instructed) == 1 else None,
        sum(charges) if charges else None,
    )
