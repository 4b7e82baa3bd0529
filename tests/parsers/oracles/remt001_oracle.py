"""Lines of remt.001 advice by the standard library's tree, one question at a time."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from decimal import Decimal


def lines(text):
    """(id, end-to-end id, uetr, check, payer, payment amount, reference, amount) of each line."""
    found = []
    root = ET.fromstring(text)  # noqa: S314 - text this test wrote itself
    for advice in root.iter():
        if name_of(advice) != "RmtInf":
            continue
        original = first(advice, "OrgnlPmtInf")
        about = (
            value(advice, "RmtId") or value(root, "MsgId"),
            *(value(original, name) for name in ("EndToEndId", "UETR", "ChqNb")),
            value(first(original, "Dbtr"), "Nm"),
            scaled(value(original, "InstdAmt")),
        )
        structured = [one for one in advice if name_of(one) == "Strd"]
        for one in structured:
            amounts = first(one, "RfrdDocAmt")
            paid = value(amounts, "RmtdAmt") or typed(amounts, "RMTD")
            due = value(amounts, "DuePyblAmt") or typed(amounts, "DUPA")
            less = value(first(amounts, "DscntApldAmt"), "Amt") or typed(amounts, "APDS")
            amount = scaled(paid)
            if amount is None and due:
                amount = scaled(due) - (scaled(less) or 0)
            found.append((*about, value(first(one, "RfrdDocInf"), "Nb"), amount))
        if not structured:
            texts = [one.text for one in advice if name_of(one) == "Ustrd"]
            found.extend((*about, one, None) for one in texts)
    return found


def name_of(element):
    return element.tag.rpartition("}")[2]


def first(element, name):
    for one in () if element is None else element.iter():
        if name_of(one) == name:
            return one
    return None


def value(element, name):
    found = first(element, name)
    return "" if found is None else (found.text or "").strip()


def typed(amounts, code):
    for one in () if amounts is None else amounts:
        if name_of(one) == "RmtAmtAndTp" and value(one, "Cd") == code:
            return value(one, "Amt")
    return ""


def scaled(text):
    return int(Decimal(text) * 10_000) if text else None
