"""What the text of one statement line says: facts of the payer, and what the payer wrote.

Read one by one, whatever the bank's way to structure it (`mt94x_dialects`). A text nobody
understands stays text, line by line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.mt94x_codewords import is_codeword_text, read_codewords
from parsers.mt94x_dialects import (
    COLON_KEYS,
    LABEL_DIALECTS,
    NAME_FACTS,
    NUMBERED_LINES,
    PURPOSE_WIDTH,
    SEPA_KEYS,
    SUBFIELD_SEPARATORS,
    SUBFIELDS,
    LabelDialect,
)
from parsers.mt94x_facts import (
    BLANKS,
    TextFacts,
    account_of,
    is_iban,
    joined_lines,
    one_line,
    pieces,
    put_fact,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LINE_WIDTH", "read_line_text", "unwrapped"]

LINE_WIDTH: Final = 65
"""Characters of a line of `:86:`: one so long is cut, and goes on in the next."""

_CODED_HEAD: Final = re.compile(rf"[ \t]*(\d{{3}})?([{re.escape(SUBFIELD_SEPARATORS)}])(?=\d\d)")
_KEY: Final = re.compile("(" + "|".join(SEPA_KEYS) + r")\+|(" + "|".join(sorted(COLON_KEYS)) + "):")
_INLINE_KEY: Final = re.compile(r"(?<![A-Za-z0-9])(?:EREF|SVWZ)\+")
_LABELS: Final = {
    dialect.trigger: re.compile(
        r"(?:^|(?<=[\s;/]))("
        + "|".join(re.escape(label) for label in sorted(dialect.labels, key=len, reverse=True))
        + ")"
    )
    for dialect in LABEL_DIALECTS
}
_LABEL_ENDS: Final = " \t\n;/"
_ADDRESS_AFTER: Final = re.compile(r"[ \t]{2,}")


def read_line_text(
    fields: Sequence[Sequence[str]], numbered: Sequence[str], reference: str
) -> TextFacts:
    """Facts of the `:86:` fields and the `:NS:` lines of one statement line.

    Each field is its lines; `reference` is the account owner's reference of `:61:`.
    """
    if numbered:
        return _read_numbered(numbered, [line for field in fields for line in field])
    lines = [line for field in fields for line in field if line.strip(BLANKS)]
    if not lines:
        return TextFacts()
    if _CODED_HEAD.match(lines[0]):
        return _read_subfields(lines)
    joined = "".join(lines)
    return read_codewords(joined) if is_codeword_text(joined) else _read_plain(lines, reference)


def _read_plain(lines: Sequence[str], reference: str) -> TextFacts:
    """Text without subfields or codewords: it may hold keys or labels."""
    text = joined_lines(unwrapped(lines))
    if _INLINE_KEY.search(text):
        found = TextFacts(dialect="subfields")
        facts: dict[str, str] = {}
        _read_keys(text, set(), facts, found)
        return _filled(found, facts)
    for dialect in LABEL_DIALECTS:
        if dialect.trigger in text:
            return _read_labels("\n".join(unwrapped(lines)), dialect)
    return _read_free(text, reference)


def unwrapped(lines: Sequence[str]) -> list[str]:
    """`lines` with those that fill their width joined to what follows."""
    found: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on:
            found[-1] += line
        else:
            found.append(line)
        goes_on = len(line) == LINE_WIDTH
    return found


def _filled(found: TextFacts, facts: dict[str, str]) -> TextFacts:
    for fact, value in facts.items():
        setattr(found, fact, value)
    return found


def _read_free(text: str, reference: str) -> TextFacts:
    """Lines as they are; one that begins with the reference names who has that account."""
    found = TextFacts()
    first, _, rest = text.partition("\n")
    if len(reference) > 8 and first.startswith(reference + " "):
        digits = reference if is_iban(reference) else reference.replace(".", "")
        if is_iban(reference) or digits.isdigit():
            found.payer_account = reference
            found.payer_name = one_line(first[len(reference) :])
            text = rest
    found.text = text
    return found


# Subfields


def _read_subfields(lines: Sequence[str]) -> TextFacts:
    """`166?00GUTSCHRIFT?20EREF+…?30BIC?31IBAN?32NAME?33NAME`."""
    text = _without_breaks(lines)
    head = _CODED_HEAD.match(text)
    assert head is not None  # noqa: S101 - the caller looked
    found = TextFacts(dialect="subfields", gvc=head[1] or "")
    parts = re.split(re.escape(head[2]) + r"(\d\d)", text[head.start(2) :])
    numbers, values = parts[1::2], parts[2::2]
    known = dict(zip(numbers, values, strict=True))
    roles = dict(SUBFIELDS)
    if "38" in known:
        roles |= dict.fromkeys(("60", "61", "62", "63"), "aside")
    facts: dict[str, str] = {}
    names: list[str] = []
    purpose: list[tuple[int, str]] = []
    for number, value in zip(numbers, values, strict=True):
        role = roles.get(number, "aside")
        if role == "text":
            purpose.append((int(number), value))
        elif role == "payer_name":
            names.append(value)
        elif role == "return_reason":
            found.return_reason = value.strip(BLANKS)
    put_fact(facts, "payer_name", _joined_parts(names))
    account = known.get("38", "").replace(" ", "") or account_of(
        known.get("30", "").strip(BLANKS), known.get("31", "").replace(" ", "")
    )
    put_fact(facts, "payer_account", account)
    written, starts = _purpose_text(purpose)
    _read_keys(written, starts, facts, found)
    return _filled(found, facts)


def _without_breaks(lines: Sequence[str]) -> str:
    """The lines as one: where some are full, one that is short by one lost a blank at its end."""
    if all(len(line) != LINE_WIDTH for line in lines):
        return "".join(lines)
    last = len(lines) - 1
    return "".join(
        [
            line + " " if len(line) == LINE_WIDTH - 1 and number < last else line
            for number, line in enumerate(lines)
        ]
    )


def _joined_parts(parts: Sequence[str]) -> str:
    """Parts of a name: one that fills its width goes on in the next."""
    text = ""
    for part in parts:
        text += part if len(part) >= PURPOSE_WIDTH else part + " "
    return text


def _purpose_text(purpose: Sequence[tuple[int, str]]) -> tuple[str, set[int]]:
    """Subfields of the purpose as lines, and where in them each subfield begins.

    One that fills its width goes on in the next number; where one character lacks it was a blank.
    """
    text, starts, before, width = "", set(), -1, 0
    for number, value in purpose:
        follows = number == before + 1 or (number, before) == (60, 29)
        if text:
            if not follows or width < PURPOSE_WIDTH - 1:
                text += "\n"
            elif width == PURPOSE_WIDTH - 1:
                text += " "
        starts.add(len(text))
        text += value
        before, width = number, len(value)
    return text, starts


def _read_keys(text: str, starts: set[int], facts: dict[str, str], found: TextFacts) -> None:
    """Keys such as `EREF+` in the purpose: a key begins a word or a subfield."""
    cuts = [
        cut
        for cut in _KEY.finditer(text)
        if cut.start() in starts or not cut.start() or not text[cut.start() - 1].isalnum()
    ]
    kept = [text[: cuts[0].start()] if cuts else text]
    for cut, value, whole in pieces(text, cuts):
        fact = SEPA_KEYS[cut[1] or cut[2]]
        found.is_sepa = found.is_sepa or cut[1] is not None
        if fact == "text":
            kept.append(value)
            continue
        head, rest = (value, "") if fact in NAME_FACTS else _first_line(value)
        kept.append(rest if put_fact(facts, fact, head) else whole)
    found.text = joined_lines("\n".join(kept).split("\n"))


def _first_line(text: str) -> tuple[str, str]:
    """The first line of `text`, and what follows it."""
    first, _, rest = text.partition("\n")
    return first, rest


# Labels and numbered lines


def _read_labels(text: str, dialect: LabelDialect) -> TextFacts:
    """`LABEL value` pieces; a name ends where two blanks begin the address."""
    found = TextFacts(dialect="labels")
    facts: dict[str, str] = {}
    cuts = list(_LABELS[dialect.trigger].finditer(text))
    kept = [text[: cuts[0].start()].strip(_LABEL_ENDS)] if cuts else [text]
    for cut, rest, whole in pieces(text, cuts):
        fact = dialect.labels[cut[1]]
        value = rest.strip(_LABEL_ENDS)
        if fact == "text":
            kept.append(one_line(value))
            continue
        if fact in NAME_FACTS:
            value = _ADDRESS_AFTER.split(value, maxsplit=1)[0]
            traced = re.search(rf" ({dialect.trace})$", value) if dialect.trace else None
            if traced is not None:
                put_fact(facts, "trace_number", traced[1])
                value = value[: traced.start()]
        if not put_fact(facts, fact, value):
            kept.append(one_line(whole.strip(_LABEL_ENDS)))
    found.text = joined_lines("\n".join(kept).split("\n"))
    return _filled(found, facts)


def _read_numbered(numbered: Sequence[str], further: Sequence[str]) -> TextFacts:
    """Lines of `:NS:`, each with its number in front."""
    found = TextFacts(dialect="numbered")
    facts: dict[str, str] = {}
    names: list[str] = []
    kept: list[str] = []
    bank = account = ""
    for line in numbered:
        role = NUMBERED_LINES.get(line[:2], "aside") if line[:2].isdigit() else "text"
        value = line[2:].strip(BLANKS) if line[:2].isdigit() else line
        if role == "text":
            kept.append(value)
        elif role == "payer_name":
            names.append(value)
        elif role == "payer_bank":
            bank = value
        elif role == "payer_account":
            account = value
    put_fact(facts, "payer_name", _joined_parts(names))
    put_fact(facts, "payer_account", account_of(bank, account))
    found.text = joined_lines([*kept, *further])
    return _filled(found, facts)
