"""Writes remt.001 messages of any version, prefix and envelope."""

from __future__ import annotations

from xml.sax.saxutils import escape

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:remt.001.001.{version:02d}"


def message(*advices, version=5, prefix="", envelope="", message_id="MSG-1", declaration="UTF-8"):
    """A message with `advices` (texts of `RmtInf` contents)."""
    body = "".join(f"<RmtInf>{one}</RmtInf>" for one in advices)
    header = f"<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>2026-09-14T08:00:00</CreDtTm></GrpHdr>"
    text = f"<RmtAdvc>{header}{body}</RmtAdvc>"
    space = NAMESPACE.format(version=version)
    if prefix:
        text = text.replace("</", f"</{prefix}:").replace("<", f"<{prefix}:")
        text = text.replace(f"<{prefix}:/{prefix}:", f"</{prefix}:")
        text = f'<{prefix}:Document xmlns:{prefix}="{space}">{text}</{prefix}:Document>'
    else:
        text = f'<Document xmlns="{space}">{text}</Document>'
    if envelope:
        text = f"<{envelope}><AppHdr><BizMsgIdr>B</BizMsgIdr></AppHdr>{text}</{envelope}>"
    return f'<?xml version="1.0" encoding="{declaration}"?>\n{text}\n'


def element(name, *content, currency=""):
    attribute = f' Ccy="{currency}"' if currency else ""
    return f"<{name}{attribute}>{''.join(content)}</{name}>"


def payment(
    amount="1300.00",
    currency="EUR",
    payer="ACME GmbH",
    date="2026-09-14",
    references=None,
    wrap="{}",
):
    """`OrgnlPmtInf`; `references` are elements of `Refs` by name."""
    refs = "".join(element(name, escape(text)) for name, text in (references or {}).items())
    money = element("InstdAmt", amount, currency=currency) if amount else ""
    return element(
        "OrgnlPmtInf",
        element("Refs", refs),
        element("Amt", money) if money else "",
        element("ReqdExctnDt", wrap.format(date)) if date else "",
        element("Dbtr", element("Nm", escape(payer))) if payer else "",
    )


def document(number, remitted=None, due=None, discount=None, kind="CINV", *, typed=False):
    """A `Strd` about one document, amounts by element or (`typed`) by code as from .06 on."""
    amounts = ""
    for name, code, value in (
        ("DuePyblAmt", "DUPA", due),
        ("DscntApldAmt", "APDS", discount),
        ("RmtdAmt", "RMTD", remitted),
    ):
        if value is None:
            continue
        money = element("Amt", value, currency="EUR")
        if typed:
            amounts += element("RmtAmtAndTp", element("Tp", element("Cd", code)), money)
        elif name == "DscntApldAmt":
            amounts += element(name, money)
        else:
            amounts += element(name, value, currency="EUR")
    kinds = element("Tp", element("CdOrPrtry", element("Cd", kind)))
    about = element("RfrdDocInf", kinds, element("Nb", escape(number)))
    return element("Strd", about, element("RfrdDocAmt", amounts) if amounts else "")
