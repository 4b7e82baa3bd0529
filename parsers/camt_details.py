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

from parsers.camt_remittance import RemittanceLine, read_remittance
from parsers.camt_xml import LOCAL_NAMES, account_of, clean, code_of, text_of

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
    sentence. `has_return` tells of a `RtrInf`.
    """

    columns: dict[str, str]
    lines: list[RemittanceLine]
    notes: list[tuple[str, str]]
    has_return: bool = False


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
    columns["payer_name"], columns["payer_account"] = _payer(
        parts.get("RltdPties"), account, returned is not None
    )
    return DetailFacts(columns, remittance.lines, remittance.notes, returned is not None)


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


def _payer(element: _Element | None, account: str, is_return: bool) -> tuple[str, str]:  # noqa: FBT001 - one caller, which names the fact
    debtor = debtor_account = creditor = creditor_account = ultimate = None
    for child in () if element is None else element:
        role = LOCAL_NAMES[child.tag]
        if role == "Dbtr":
            debtor = child
        elif role == "DbtrAcct":
            debtor_account = child
        elif role == "UltmtDbtr":
            ultimate = child
        elif role == "Cdtr":
            creditor = child
        elif role == "CdtrAcct":
            creditor_account = child
    name = _party_name(debtor)
    payer_account = account_of(debtor_account)
    if is_return and (debtor is None or (account and payer_account == account)):
        return _party_name(creditor) or name, account_of(creditor_account)
    return name or _party_name(ultimate), payer_account


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
    """The return's reason code and sentences, each on its own line."""
    lines = []
    for child in element:
        name = LOCAL_NAMES[child.tag]
        if name in {"Rsn", "RtrRsn"}:
            lines.append(code_of(child))
        elif name in {"AddtlInf", "AddtlRtrRsnInf"}:
            lines.append(clean(child.text))
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
    return DetailFacts(
        columns,
        [line for detail in details for line in detail.lines],
        [note for detail in details for note in detail.notes],
        any(detail.has_return for detail in details),
    )
