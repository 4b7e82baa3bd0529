"""What a payment says, with the bytes of its record each fact was read from.

The reader of a file decides what a payment says; here its facts are found again in the raw record,
so that a person can be shown where each of them stands. A fact that was derived, or that the record
only implies, has no place and is left out.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from parsers.record_nodes import plain_record, record_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from parsers.record_nodes import Node

__all__ = ["LOCATED_COLUMNS", "RecordFact", "record_facts"]

LOCATED_COLUMNS: Final = (
    "type_code",
    "bank_reference",
    "customer_reference",
    "payer_name",
    "payer_account",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
)
"""Columns of a payment that are looked for, beside its amount, its text and its references."""

_COMPOSED: Final = frozenset({"payer_account", "type_code"})
_JOINED_MAX: Final = 12
"""Lines of a record that one value may run over."""


class RecordFact(NamedTuple):
    """One fact of a payment: a column (`amount`, `reference`, `remittance_text` line by line).

    `key` is what announces the value in the record, as written; `spans` are byte ranges of the
    record, in order. `dialect` names the table of keys, where one was used.
    """

    name: str
    key: str
    value: str
    spans: tuple[tuple[int, int], ...]
    dialect: str = ""


def record_facts(
    raw: bytes,
    source_format: str,
    dialect: str,
    payment: Mapping[str, Any],
    references: Sequence[str] = (),
) -> tuple[RecordFact, ...]:
    """The facts of `payment` in its record `raw`, in the order they stand there.

    `payment` has columns of a payment by name, among them `amount` as a decimal number;
    `references` are those of its remittance lines.
    """
    raw = plain_record(raw, source_format)
    nodes = record_nodes(raw, source_format, dialect)
    finder = _Finder(raw, _of_one_group(nodes, _values(payment, references)))
    for name in LOCATED_COLUMNS:
        finder.find(name, str(payment.get(name) or ""))
    for line in str(payment.get("remittance_text") or "").split("\n"):
        finder.find("remittance_text", line)
    for reference in references:
        finder.find("reference", reference)
    amount = payment.get("amount")
    if amount is not None:
        finder.find_amount(Decimal(str(amount)))
    return tuple(sorted(finder.facts, key=lambda fact: (fact.spans, fact.name)))


def _values(payment: Mapping[str, Any], references: Iterable[str]) -> set[str]:
    """Everything that is looked for, as text."""
    values = {str(payment.get(name) or "") for name in LOCATED_COLUMNS} | set(references)
    values |= set(str(payment.get("remittance_text") or "").split("\n"))
    return values - {""}


def _of_one_group(nodes: list[Node], wanted: set[str]) -> list[Node]:
    """The pieces all transactions of a record share, and those of the one that fits best."""
    groups = sorted({node.group for node in nodes} - {0})
    if not groups:
        return nodes
    hits = {
        group: len({node.value for node in nodes if node.group == group} & wanted)
        for group in groups
    }
    best = max(groups, key=lambda group: (hits[group], -group))
    return [node for node in nodes if node.group == best] + [
        node for node in nodes if not node.group
    ]


class _Finder:
    """Finds values in the pieces of a record; no piece is used twice for one column."""

    def __init__(self, raw: bytes, nodes: list[Node]) -> None:
        self._raw = raw
        self._nodes = nodes
        self._used: set[tuple[str, tuple[tuple[int, int], ...]]] = set()
        self.facts: list[RecordFact] = []

    def find(self, name: str, value: str) -> None:
        """Find `value`: as a piece, as several in a row, in two halves, or inside a piece."""
        value = " ".join(value.split())
        if not value:
            return
        for search in (self._whole, self._several, self._halves, self._inside):
            found = list(search(name, value))
            if found:
                self.facts += found
                self._used.update((name, fact.spans) for fact in found)
                return

    def find_amount(self, amount: Decimal) -> None:
        """Find the amount however it is written: digits alone imply decimals."""
        named = [node for node in self._nodes if node.name == "amount"]
        for node in (*named, *self._nodes):
            if abs(amount) in _amounts(node.value):
                self.facts.append(RecordFact("amount", node.key, node.value, node.spans))
                return

    def _free(self, name: str, spans: tuple[tuple[int, int], ...]) -> bool:
        return (name, spans) not in self._used

    def _whole(self, name: str, value: str) -> Iterator[RecordFact]:
        same = [
            node
            for node in self._nodes
            if " ".join(node.value.split()) == value and self._free(name, node.spans)
        ]
        for node in sorted(same, key=lambda node: (node.name != name, not node.key))[:1]:
            yield RecordFact(name, node.key, value, node.spans, node.dialect)

    def _several(self, name: str, value: str) -> Iterator[RecordFact]:
        """Pieces in a row that give the value, with or without a blank between them."""
        squeezed = value.replace(" ", "")
        for first, node in enumerate(self._nodes):
            joined = node.value.replace(" ", "")
            if not joined or not squeezed.startswith(joined):
                continue
            spans = list(node.spans)
            for after in self._nodes[first + 1 : first + _JOINED_MAX]:
                piece = after.value.replace(" ", "")
                if after.spans[0][0] < spans[-1][1] or not squeezed.startswith(joined + piece):
                    continue
                joined += piece
                spans += after.spans
                if joined == squeezed:
                    yield RecordFact(name, node.key, value, tuple(spans), node.dialect)
                    return

    def _halves(self, name: str, value: str) -> Iterator[RecordFact]:
        """Routing and account, or the parts of a code, which stand apart in the record."""
        halves = value.split("/") if name in _COMPOSED else []
        found = [fact for half in halves for fact in self._whole(name, half)]
        if len(halves) > 1 and len(found) == len(halves):
            yield from found

    def _inside(self, name: str, value: str) -> Iterator[RecordFact]:
        """A part of a piece; its blanks may be line breaks there."""
        words = (re.escape(word.encode()) for word in value.split())
        pattern = re.compile(rb"(?<![0-9A-Za-z])" + rb"\s+".join(words) + rb"(?![0-9A-Za-z])")
        keyed = [node for node in self._nodes if node.name == name]
        for node in (*keyed, *self._nodes):
            for start, stop in node.spans:
                for found in pattern.finditer(self._raw, start, stop):
                    if self._free(name, (found.span(),)):
                        spans = (found.span(),)
                        yield RecordFact(name, node.key, value, spans, node.dialect)
                        return


def _amounts(text: str) -> set[Decimal]:
    """What `text` may mean as an amount: with its decimals, or with two, none or three implied."""
    plain = text.strip().lstrip("+-").replace(",", ".")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        return set()
    if not number.is_finite() or not plain.replace(".", "").isdecimal():
        return set()
    if "." in plain:
        return {number}
    return {number.scaleb(-places) for places in (0, 2, 3, 4)}
