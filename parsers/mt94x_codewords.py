"""Text of codewords between slashes, as Dutch and Belgian banks and Citi write it.

    /EREF/E2E-42//CNTP/NL91ABNA0417164300/ABNANL2A/ACME BV///REMI/USTD//INVOICE 42/

A value goes on to the next codeword and may hold slashes of its own. `/NAME/` belongs to the party
named before it. `/REMI/` is free (`USTD//…`, or plain) or a structured creditor reference
(`STRD/CUR/9001…`).
"""

from __future__ import annotations

import re
from typing import Final

from parsers.mt94x_dialects import CODEWORDS, SEPA_CODEWORDS, TRANSFER_METHODS
from parsers.mt94x_facts import BLANKS, TextFacts, joined_lines, money_of, pieces, put_fact

__all__ = ["CODEWORD_PATTERN", "is_codeword_text", "read_codewords"]

CODEWORD_PATTERN: Final = "/(" + "|".join(sorted(CODEWORDS, key=len, reverse=True)) + ")(?=/)"

_CODEWORD: Final = re.compile(CODEWORD_PATTERN)
_ENDS: Final = BLANKS + "/"
_FREE: Final = re.compile(r"(?:USTD)?//|USTD/")
_STRUCTURED: Final = re.compile(r"STRD/([A-Z]{0,4})/([^/]+)")


def is_codeword_text(text: str) -> bool:
    """Whether `text` begins with a codeword, or holds two."""
    found = _CODEWORD.search(text)
    if found is None:
        return False
    return not text[: found.start()].strip(_ENDS) or (
        _CODEWORD.search(text, found.end()) is not None
    )


def read_codewords(text: str) -> TextFacts:
    """The facts of `text`, lines already joined."""
    found = TextFacts(dialect="codewords")
    facts: dict[str, str] = {}
    cuts = list(_CODEWORD.finditer(text))
    kept = [text[: cuts[0].start()].strip(_ENDS) if cuts else text]
    side = "payer_name"
    for cut, rest, _ in pieces(text, cuts):
        word, value = cut[1], rest[1:]
        role = CODEWORDS[word]
        found.is_sepa = found.is_sepa or word in SEPA_CODEWORDS
        if role in {"party", "ultimate_party", "other_party"}:
            side = {"ultimate_party": "ultimate_payer_name", "other_party": "aside"}.get(
                role, "payer_name"
            )
        elif role == "name":
            if not put_fact(facts, side, value.strip(_ENDS)):
                kept.append(value.strip(_ENDS))
        elif role == "remittance":
            _read_remittance(value, found, kept)
        else:
            side = "payer_name" if role == "counterparty" else side
            ends = BLANKS if role == "counterparty" else _ENDS  # an account may be left out
            _read_value(role, value.strip(ends), found, facts, kept)
    for fact, value in facts.items():
        setattr(found, fact, value)
    found.text = joined_lines(kept)
    return found


def _read_remittance(value: str, found: TextFacts, kept: list[str]) -> None:
    """`USTD//text`, `STRD/type/reference`, or text."""
    structured = _STRUCTURED.match(value)
    if structured is not None and found.creditor is None:
        found.creditor = (structured[2].strip(BLANKS), structured[1])
        value = value[structured.end() :]
    else:
        free = _FREE.match(value)
        value = value[free.end() :] if free is not None else value
    kept.append(value.strip(_ENDS))


def _read_value(
    role: str, value: str, found: TextFacts, facts: dict[str, str], kept: list[str]
) -> None:
    """A codeword that is neither a party nor remittance."""
    if role == "text":
        kept.append(value)
    elif role == "counterparty":
        parts = value.split("/")
        put_fact(facts, "payer_account", parts[0])
        if len(parts) > 2:
            put_fact(facts, "payer_name", parts[2])
    elif role == "return_reason":
        found.has_return = True
        found.return_reason = value
    elif role == "transfer":
        name = value.upper()
        found.method = next(
            (way for start, way in TRANSFER_METHODS.items() if name.startswith(start)), ""
        )
    elif role in {"instructed", "charges"}:
        money = money_of(value)
        if money is None:
            kept.append(value)
        elif role == "instructed":
            found.instructed = found.instructed or money
        else:
            found.charges = found.charges or money
    elif not put_fact(facts, role, value):
        kept.append(value)
