r"""What a payer wrote: keyed text lines and X12 addenda inside bank text, to facts and lines.

Banks put one fact per text line: `ORG:=ACME`, `ORIG ACCT:…/…`, `EREF: …`, `OBI:=INVOICE 4711`; ACH
addenda carry X12 segments such as `RMR*IV*INV-1**139.87*142.72*2.85\`. Facts go to their columns,
segments become remittance lines, and what the payer wrote stays, line by line, as text. A line
nobody understands stays in the text as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from parsers.x12_remittance import RemittanceEntry, add_adjustment, read_open_item

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BANK_DESCRIPTORS",
    "INLINE_KEY_PATTERN",
    "TEXT_KEYS",
    "PayerText",
    "key_of",
    "read_payer_text",
]

_TEXT, _ASIDE = "text", "aside"

TEXT_KEYS: Final[dict[str, str]] = {
    key: fact
    for fact, keys in (
        ("payer_name", "ORG|ORG NAME|ORIG CO NAME|ORIG NAME|ORIGINATOR|ORIGINATOR NAME|DBNM|PAYER"),
        ("payer_account", "ORG ID|ORIG ACCT|ORIG ACCOUNT|DACT|PAYER ACCOUNT"),
        ("payer_routing", "DABA|ORIG ABA"),
        ("payee_name", "CRNM"),
        ("payee_account", "CACT"),
        ("payee_routing", "CABA"),
        ("end_to_end_id", "EREF|E2E|END TO END ID|ENDTOENDID"),
        ("check_number", "CHKN|CHECK NO|CHECK NUMBER|CHK NO|CHECK SERIAL NUMBER"),
        ("trace_number", "TRACE#|TRACE NO|TRACE NUMBER|TRACE|FED NO|IMAD"),
        ("uetr", "UETR"),
        (_TEXT, "OBI|REMARK|REMARKS|REMI|REMITTANCE INFO|RFB|ADDENDA|CO ENTRY DESCR|IND ID"),
        (_ASIDE, "BNF|BNF ID|BNF NAME|BNF ADDRESS|BNF ACCT|BNF ADDR|SENDER BNK|SENDER ID|REC FI"),
        (_ASIDE, "REC ID|ORG ADDRESS|ORG ADDR|CBIC|DBIC|DESC DATE|SEC|EED|IND NAME|ORIG ID"),
    )
    for key in keys.split("|")
}
"""Key of a text line (before `:` or `:=`) → the fact it gives.

`text` is what the payer wrote; `aside` concerns banks, dates or ourselves and has no column: it
stays in the file at the payment's offset. On a returned payment the payee is the payer.
"""

BANK_DESCRIPTORS: Final = frozenset(
    {
        "ACH CREDIT",
        "ACH CREDIT PAYMENT",
        "ACH CREDIT RECEIVED",
        "INCOMING MONEY TRANSFER",
        "INCOMING WIRE",
        "LOCKBOX DEPOSIT",
        "PREAUTHORIZED ACH CREDIT",
        "RTP CREDIT",
        "WIRE CREDIT",
        "WIRE TRANSFER CREDIT",
    }
)
"""What banks write on every row of a kind; the type code says the same."""

_INLINE_KEYS: Final = (
    "ORIG CO NAME|ORIG ACCT|ORIG ID|DESC DATE|CO ENTRY DESCR|SEC|TRACE#|EED|IND ID|IND NAME|TRN"
    "|CHECK NO|CHECK NUMBER"
)
INLINE_KEY_PATTERN: Final = f"(?:^| )(?:{_INLINE_KEYS}):"
"""A key that may stand within a line; as Arrow and `re` understand it."""

_INLINE: Final = re.compile(f"(?:^|(?<= ))({_INLINE_KEYS}):")
_SEGMENT: Final = re.compile(
    r"(?:RMR|ADX|REF|DTM|TRN|ENT|N1|N3|N4|BPR|ISA|IEA|GS|GE|ST|SE|NTE|PER|CUR|IT1|SAC|SLN)\*"
)
_SEGMENT_END: Final = re.compile(r"[\\~]")
_BLANKS: Final = " \t"
_COMPANY_KEY: Final = "ORIG CO NAME"


class PayerText(msgspec.Struct):
    """The facts of one payment's text; `odd` holds addenda values that could not be read."""

    payer_name: str = ""
    payer_account: str = ""
    end_to_end_id: str = ""
    check_number: str = ""
    trace_number: str = ""
    uetr: str = ""
    text: str = ""
    lines: list[RemittanceEntry] = []  # msgspec copies mutable defaults
    odd: list[str] = []  # msgspec copies mutable defaults


def read_payer_text(texts: Iterable[str], exponent: int, *, is_return: bool = False) -> PayerText:
    """Facts, remittance lines and remaining text of `texts`, one entry per line of the source.

    `exponent` is the decimal places of the payment's currency.
    """
    facts: dict[str, str] = {}
    kept: list[str] = []
    addenda = ""
    for piece in texts:
        if "*" in piece or addenda:
            before, segments = _split_segments(piece, is_open=_is_open(addenda))
            addenda += segments
            if not before:
                continue
        else:
            before = piece
        if ":" in before:
            _read_keyed(before, facts, kept)
        else:
            kept.append(before.strip(_BLANKS))
    found = PayerText()
    if addenda:
        _read_addenda(addenda, exponent, found, facts, kept)
    if facts:
        _fill(found, facts, is_return=is_return)
    found.text = "\n".join([line for line in kept if line and line not in BANK_DESCRIPTORS])
    return found


@lru_cache(maxsize=4096)
def key_of(head: str) -> tuple[str | None, str]:
    """The fact that text before a colon announces (None: no key), and what stands before its key.

    `ACH CREDIT ORIG CO NAME` announces `payer_name` behind the text `ACH CREDIT`.
    """
    fact = TEXT_KEYS.get(head.strip(_BLANKS).upper())
    if fact is not None:
        return fact, ""
    before, key, rest = head.rpartition(_COMPANY_KEY)
    if key and not rest and before.endswith(" ") and not _INLINE.search(before):
        return "payer_name", before.strip(_BLANKS)
    return None, ""


def _fill(found: PayerText, facts: dict[str, str], *, is_return: bool) -> None:
    """Put `facts` into their fields; the payer of a return is who the money went back to."""
    side = "payee" if is_return and "payee_name" in facts else "payer"
    found.payer_name = facts.get(f"{side}_name", "")
    account = facts.get(f"{side}_account", "")
    routing = facts.get(f"{side}_routing", "")
    found.payer_account = f"{routing}/{account}" if routing and account else account
    found.end_to_end_id = facts.get("end_to_end_id", "")
    found.check_number = facts.get("check_number", "")
    found.trace_number = facts.get("trace_number", "")
    found.uetr = facts.get("uetr", "")


def _read_keyed(piece: str, facts: dict[str, str], kept: list[str]) -> None:
    """A line with a colon: `KEY: value`, several keys within it, or text of the payer."""
    head, _, value = piece.partition(":")
    fact, prefix = key_of(head)
    if fact is None or (":" in value and _INLINE.search(piece)):
        _read_inline(piece, facts, kept)
        return
    if prefix:
        kept.append(prefix)
    _set_fact(fact, value.lstrip("="), piece, facts, kept)


def _read_inline(piece: str, facts: dict[str, str], kept: list[str]) -> None:
    """A line that does not begin with a lone key: keys within it, or text of the payer."""
    cuts = list(_INLINE.finditer(piece))
    if not cuts:
        kept.append(piece.strip(_BLANKS))
        return
    kept.append(piece[: cuts[0].start()].strip(_BLANKS))
    stops = [*(cut.start() for cut in cuts[1:]), len(piece)]
    for cut, stop in zip(cuts, stops, strict=True):
        part = piece[cut.start() : stop]
        _set_fact(TEXT_KEYS.get(cut[1], _TEXT), piece[cut.end() : stop], part, facts, kept)


def _set_fact(fact: str, value: str, piece: str, facts: dict[str, str], kept: list[str]) -> None:
    """Put one keyed value where it belongs; a second value of a fact stays in the text whole."""
    value = value.strip(_BLANKS)
    if fact == _TEXT:
        kept.append(value)
    elif fact in facts:
        kept.append(piece.strip(_BLANKS))
    elif fact != _ASIDE:
        facts[fact] = value


def _is_open(addenda: str) -> bool:
    """Whether the last segment of `addenda` has not ended."""
    return bool(addenda) and addenda[-1] not in "\\~\n"


def _split_segments(piece: str, *, is_open: bool) -> tuple[str, str]:
    """(`text`, `segments`) of a line: what stands before its first X12 segment, and the rest.

    A line that goes on with an open segment belongs to it whole; a new segment closes it.
    """
    found = _SEGMENT.search(piece)
    if found is not None:
        start = found.start()
        if start and piece[start - 1].isalnum():
            return piece, "\n" if is_open else ""
        if is_open and start and piece[start - 1] in "\\~":
            return "", piece
        return piece[:start].strip(_BLANKS), ("\n" if is_open else "") + piece[start:]
    if is_open and ("*" in piece or _SEGMENT_END.search(piece)) and ":=" not in piece:
        return "", piece
    return piece, "\n" if is_open else ""


def _read_addenda(
    addenda: str, exponent: int, found: PayerText, facts: dict[str, str], kept: list[str]
) -> None:
    """Segments to remittance lines and facts; segments without a column stay in the text."""
    for segment in re.split(r"[\\~\n]", addenda):
        elements = segment.strip(_BLANKS).split("*")
        name = elements[0]
        if name == "RMR":
            found.lines.append(read_open_item(elements, exponent, found.odd))
        elif name == "ADX":
            add_adjustment(found.lines, elements, exponent, found.odd)
        elif name == "TRN" and len(elements) > 2:
            facts.setdefault("trace_number", elements[2])
        elif name == "N1" and elements[1:2] == ["PR"] and len(elements) > 2:
            facts.setdefault("payer_name", elements[2])
        elif segment:
            kept.append(segment.strip(_BLANKS))
