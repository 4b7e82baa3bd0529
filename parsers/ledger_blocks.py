"""Lists whose customer stands above the table: a block of labels and values for each customer.

A list for people names the customer once, in lines of its own (`Customer  100234`), and then the
items, which have no column for it. A preset says which labels those lines have (`above`). Only what
is no column of the table is taken from there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.remittance_presets import normal_header

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsers.spreadsheets import Cell

__all__ = ["BlockFact", "BlockLabels", "is_rule"]

_GAP: Final = re.compile(r"\s*:\s*|\s{2,}")
"""What parts a label from its value within one cell: a colon, or the blanks of a column."""

_RULES: Final = frozenset("-=_*+|. ")


class BlockFact(NamedTuple):
    """What a line above the table says: the column it fills, its label, the value."""

    role: str
    label: str
    value: Cell


class BlockLabels:
    """Finds the lines that say something about the rows below them."""

    def __init__(self, above: Mapping[str, Sequence[str]], columns: Mapping[str, int]) -> None:
        """Look for the labels of `above` whose role is none of the table's `columns`."""
        self._roles = {
            normal_header(label): role
            for role, labels in above.items()
            if role not in columns
            for label in labels
        }

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._roles)

    def needs(self, role: str) -> bool:
        """Whether `role` stands above the table or nowhere."""
        return role in self._roles.values()

    def facts(self, cells: Sequence[Cell]) -> list[BlockFact]:
        """What the row `cells` says; nothing where it is no such line."""
        filled = [cell for cell in cells if cell != ""]
        if len(filled) == 1 and isinstance(filled[0], str):
            filled = list(_GAP.split(filled[0].strip()))
        if len(filled) % 2:
            return []
        labels = [normal_header(str(cell)) for cell in filled[::2]]
        return [
            BlockFact(self._roles[name], str(label).rstrip(" :"), value)
            for name, label, value in zip(labels, filled[::2], filled[1::2], strict=True)
            if name in self._roles
        ]


def is_rule(filled: Sequence[Cell]) -> bool:
    """Whether the cells are a line drawn under or between rows; stars alone mark a total."""
    drawn = all(isinstance(cell, str) and set(cell) <= _RULES for cell in filled)
    return drawn and not (filled and set(str(filled[0])) == {"*"})
