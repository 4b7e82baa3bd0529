"""A slow, obvious reader of camt files: which booked credits stand in them, at the finest level.

It shares nothing with the parser: the standard library's XML, one recursive description of the
file as plain dictionaries, decimals instead of minor units.
"""

from __future__ import annotations

import io
from collections import Counter
from decimal import Decimal
from xml.etree import ElementTree as ET

RETURNS = {
    "ARET",
    "AREV",
    "CQRV",
    "PRDD",
    "RCDD",
    "RPCR",
    "RRTN",
    "UDFT",
    "UPCQ",
    "UPCT",
    "UPDD",
    "XPCQ",
}


def plain(element):
    """Element → dictionary of lists of children by local name, with its text and currency."""
    described = {"#text": (element.text or "").strip(), "#ccy": element.attrib.get("Ccy", "")}
    for child in element:
        described.setdefault(child.tag.split("}")[-1], []).append(plain(child))
    return described


def every(node, *path):
    """All descriptions at `path`."""
    nodes = [node]
    for name in path:
        nodes = [child for parent in nodes for child in parent.get(name, [])]
    return nodes


def word(node, *path):
    """The text at `path`, empty where there is none."""
    found = every(node, *path)
    return found[-1]["#text"] if found else ""


def statements(content):
    """Every statement, report or notification of the file, described."""
    found = []
    for _, element in ET.iterparse(io.BytesIO(content)):  # noqa: S314 - test inputs only
        if element.tag.split("}")[-1] in {"Stmt", "Rpt", "Ntfctn"}:
            found.append(plain(element))
    return found


def is_booked(entry):
    status = word(entry, "Sts", "Cd") or word(entry, "Sts", "Prtry") or word(entry, "Sts")
    return status in {"", "BOOK"}


def details_of(entry):
    return every(entry, "TxDtls") + every(entry, "NtryDtls", "TxDtls")


def amount_in(detail, currency):
    """The first amount of the detail that is in the entry's currency."""
    places = [("Amt",)]
    places += [
        ("AmtDtls", name, "Amt") for name in ("TxAmt", "CntrValAmt", "AnncdPstngAmt", "InstdAmt")
    ]
    for place in places:
        for node in every(detail, *place):
            if node["#ccy"] in {"", currency}:
                return Decimal(node["#text"])
    return None


def undoes(entry, detail):
    code = word(detail, "BkTxCd", "Domn", "Fmly", "SubFmlyCd")
    code = code or word(entry, "BkTxCd", "Domn", "Fmly", "SubFmlyCd")
    return (
        word(entry, "RvslInd") in {"true", "1"} or bool(every(detail, "RtrInf")) or code in RETURNS
    )


def rows_of(entry, account_currency):
    """(currency, signed amount) of each payment or return the entry holds."""
    amount = every(entry, "Amt")[0]
    currency = amount["#ccy"] or account_currency
    whole = Decimal(amount["#text"])
    credit = word(entry, "CdtDbtInd") == "CRDT"
    details = details_of(entry)
    parts = [(detail, amount_in(detail, currency)) for detail in details]
    fits = False
    if len(parts) > 1 and all(part is not None for _, part in parts):
        turned = {"CRDT": 1, "DBIT": -1, "": 1 if credit else -1}
        signed = [turned[word(detail, "CdtDbtInd")] * part for detail, part in parts]
        wanted = whole if credit else -whole
        if sum(signed) == wanted:
            fits = True
        elif sum(part for _, part in parts) == whole:
            signed = [part if credit else -part for _, part in parts]
            fits = True
    if not fits:
        parts = [(details[0] if len(details) == 1 else {}, whole)]
        signed = [whole if credit else -whole]
        if len(details) > 1:
            parts = [({"RtrInf": [node for d in details for node in every(d, "RtrInf")]}, whole)]
    rows = []
    for (detail, _), value in zip(parts, signed, strict=True):
        if value > 0 or (value == 0 and credit) or credit or undoes(entry, detail):
            rows.append((currency, value))
    return rows


def references_of(detail):
    """References the payer names in a detail, as written."""
    found = []
    for strd in every(detail, "RmtInf", "Strd"):
        found += [word(one, "Nb") or word(one, "RfrdDocNb") for one in every(strd, "RfrdDocInf")]
        found += [word(one, "Ref") or word(one, "CdtrRef") for one in every(strd, "CdtrRefInf")]
        found += [word(one, "RefNb") for one in every(strd, "GrnshmtRmt")]
    return [" ".join(reference.split()) for reference in found if reference]


def booked_references(content):
    """Counter of references of all payments and returns of the file."""
    found = Counter()
    for statement in statements(content):
        account_currency = word(statement, "Acct", "Ccy")
        for entry in every(statement, "Ntry"):
            details = details_of(entry)
            if not is_booked(entry) or not rows_of(entry, account_currency):
                continue
            credit = word(entry, "CdtDbtInd") == "CRDT"
            kept = [one for one in details if credit or undoes(entry, one)]
            if (
                not credit
                and len(kept) < len(details)
                and len(rows_of(entry, account_currency)) == 1
            ):
                kept = details
            for detail in kept:
                found.update(references_of(detail))
    return found


def booked_rows(content):
    """Counter of (currency, signed amount) over all payments and returns of the file."""
    found = Counter()
    for statement in statements(content):
        account_currency = word(statement, "Acct", "Ccy")
        for entry in every(statement, "Ntry"):
            if is_booked(entry):
                found.update(rows_of(entry, account_currency))
    return found


def unit_count(content):
    """Rows of the file at the finest level: details, and entries without details."""
    return sum(
        max(1, len(details_of(entry)))
        for statement in statements(content)
        for entry in every(statement, "Ntry")
    )
