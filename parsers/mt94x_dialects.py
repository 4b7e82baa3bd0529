"""How banks structure the text of a statement line (`:86:`), as tables.

Four ways are known: numbered subfields (`?20…`, also with other separators), codewords between
slashes (`/EREF/…/REMI/…`), labels with a colon (`TYT.: …`), and numbered lines (`:NS:`). What a
part means is one of these facts:

    payer_name, payer_account, payer_bank    who paid
    ultimate_payer_name                      on whose behalf
    end_to_end_id, customer_reference,       references
    trace_number, uetr, original_reference
    text                                     what the payer wrote
    return_reason                            why money went back
    posting_text                             the bank's name for the kind of line
    party, ultimate_party, counterparty, …   groups of the codewords, see `mt94x_codewords`
    aside                                    dates, mandates, banks, ourselves: no column
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = [
    "CODEWORDS",
    "COLON_KEYS",
    "LABEL_DIALECTS",
    "NAME_FACTS",
    "NUMBERED_LINES",
    "PLACEHOLDERS",
    "PURPOSE_WIDTH",
    "SEPA_CODEWORDS",
    "SEPA_KEYS",
    "SUBFIELDS",
    "SUBFIELD_SEPARATORS",
    "TRANSFER_METHODS",
    "LabelDialect",
]

PLACEHOLDERS: Final = frozenset(
    {"NONREF", "NONE", "NOTPROVIDED", "NOT PROVIDED", "EREF", "PREF", "MARF", "KREF", "KREF+"}
)
"""What stands where a reference would, and is none; some point to the text."""

SUBFIELD_SEPARATORS: Final = "?<>~^|!@"
"""`?` in Germany, Austria and elsewhere; `<`, `~` and `^` in Poland; `>` in the Netherlands."""

PURPOSE_WIDTH: Final = 27
"""Characters of a subfield: one so long goes on in the next."""

SUBFIELDS: Final[dict[str, str]] = {
    "00": "posting_text",
    **{str(number): "text" for number in (*range(20, 30), *range(60, 64))},
    "30": "payer_bank",
    "31": "payer_account",
    "32": "payer_name",
    "33": "payer_name",
    "34": "return_reason",
    "38": "payer_iban",
}
"""Number of a subfield → fact; all others are aside.

Where 38 names the payer's IBAN (Poland, Luxembourg), 60 to 63 are the payer's address.
"""

SEPA_KEYS: Final[dict[str, str]] = {
    "EREF": "end_to_end_id",
    "KREF": "customer_reference",
    "MREF": "aside",
    "CRED": "aside",
    "DEBT": "aside",
    "COAM": "aside",
    "OAMT": "aside",
    "PURP": "aside",
    "SQTP": "aside",
    "ABWE": "aside",
    "BIC": "aside",
    "BREF": "aside",
    "RREF": "aside",
    "ABWA": "ultimate_payer_name",
    "IBAN": "payer_account",
    "SVWZ": "text",
    "MTLG": "text",
}
"""Key before `+` inside subfields 20 to 29 and 60 to 63 → fact."""

COLON_KEYS: Final = frozenset(
    {"EREF", "KREF", "MREF", "CRED", "SVWZ", "ABWA", "ABWE", "IBAN", "BIC", "MTLG"}
)
"""Keys that some banks follow by a colon."""

NAME_FACTS: Final = frozenset({"payer_name", "ultimate_payer_name"})
"""Facts that may go on over several short subfields."""

CODEWORDS: Final[dict[str, str]] = {
    "EREF": "end_to_end_id",
    "PREF": "customer_reference",
    "KREF": "customer_reference",
    "IREF": "aside",
    "UETR": "uetr",
    "RREF": "original_reference",
    "MARF": "aside",
    "CSID": "aside",
    "ORDP": "party",
    "BENM": "party",
    "ULTD": "ultimate_party",
    "ULTB": "other_party",
    "ULTC": "other_party",
    "CNTP": "counterparty",
    "NAME": "name",
    "IBAN": "payer_account",
    "ACCW": "payer_account",
    "BIC": "aside",
    "ADDR": "aside",
    "REMI": "remittance",
    "RTRN": "return_reason",
    "TRTP": "transfer",
    "TRCD": "aside",
    "PURP": "aside",
    "ISDT": "aside",
    "SVCL": "aside",
    "EXCH": "exchange_rate",
    "OCMT": "instructed",
    "CHGS": "charges",
    "PT": "aside",
    "PY": "text",
    "BO": "payer_name",
    "BI": "aside",
    "BN": "aside",
    "OB": "aside",
    "CTC": "aside",
}
"""Codeword between slashes → fact (the last six are Citi's)."""

SEPA_CODEWORDS: Final = frozenset({"EREF", "IBAN", "MARF", "CSID"})
"""Codewords of SEPA payments: a transfer in euro that has one is no wire."""

TRANSFER_METHODS: Final = {
    "SEPA INCASSO": "sepa",
    "SEPA OVERBOEKING": "sepa",
    "SEPA": "sepa",
    "IDEAL": "instant",
    "INSTANT": "instant",
}
"""Beginning of what `/TRTP/` names → method."""

NUMBERED_LINES: Final[dict[str, str]] = {
    **{f"{number:02}": "text" for number in range(1, 15)},
    "15": "payer_name",
    "16": "payer_name",
    "33": "payer_bank",
    "34": "payer_account",
}
"""First two characters of a line of `:NS:` → fact; all others are aside."""


class LabelDialect(msgspec.Struct, frozen=True):
    """Labels of a bank; its text is read by them where it holds the `trigger`.

    `trace` is the shape of the bank's own reference at the end of a name.
    """

    trigger: str
    labels: dict[str, str]
    trace: str = ""


LABEL_DIALECTS: Final[tuple[LabelDialect, ...]] = (
    LabelDialect(
        "Z RACH.:",
        {
            "ID IPH:": "text",
            "Z RACH.:": "payer_account",
            "OD:": "payer_name",
            "TYT.:": "text",
            "TNR:": "trace_number",
        },
    ),
    LabelDialect(
        "AUFTRAGGEBER:",
        {"AUFTRAGGEBER:": "payer_name", "MITTEILUNGEN:": "text", "REFERENZEN:": "text"},
        r"\d{6}CH\d{8}",
    ),
    LabelDialect(
        "NAAM:",
        {
            "IBAN:": "payer_account",
            "REK:": "payer_account",
            "BIC:": "aside",
            "NAAM:": "payer_name",
            "OMSCHRIJVING:": "text",
            "KENMERK:": "end_to_end_id",
        },
    ),
)
"""mBank; PostFinance; Dutch banks that write SEPA facts in columns."""
