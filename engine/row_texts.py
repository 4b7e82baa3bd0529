"""Texts of rows, composed the same whether rows are few or many.

A function of Arrow's costs some ten microseconds however few rows there are, and a row of a result
is made of two dozen texts. So the texts of a few rows are a list, those of many a column of
Arrow's, and each function here does the same to both.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.currencies import amount_text
from engine.money import money_texts
from engine.text_columns import texts_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "FEW_ROWS",
    "Names",
    "Texts",
    "amounts",
    "appended",
    "as_column",
    "interleaved",
    "joined",
    "numbers",
    "places",
    "taken",
]

Texts: TypeAlias = "list[str] | pa.StringArray"

FEW_ROWS: Final = 32
"""So many rows are read one by one in the time that Arrow takes to begin."""


class Names:
    """Constant texts, looked up by their number."""

    __slots__ = ("_column", "_names")

    def __init__(self, names: Sequence[str]) -> None:
        """The texts in order of their numbers, from 0 on."""
        self._names = tuple(names)
        self._column = pa.array(names, pa.string())

    def of(self, numbers: NDArray[np.int64]) -> Texts:
        """The text of each number, empty where it is below 0."""
        if len(numbers) > FEW_ROWS:
            return texts_at(self._column, numbers)
        return [self._names[number] if number >= 0 else "" for number in numbers.tolist()]


def taken(texts: Texts, rows: NDArray[np.int64]) -> Texts:
    """The texts at `rows`, empty where a row is below 0."""
    if isinstance(texts, list):
        return [texts[row] if row >= 0 else "" for row in rows.tolist()]
    if len(rows) > FEW_ROWS:
        return texts_at(texts, rows)
    return [texts[row].as_py() if row >= 0 else "" for row in rows.tolist()]


def places(texts: pa.StringArray, among: pa.StringArray) -> NDArray[np.int64]:
    """The first place of each text in `among`, which has all of them."""
    if max(len(texts), len(among)) > FEW_ROWS:
        found: NDArray[np.int32] = pc.index_in(texts, value_set=among).to_numpy()
        return found.astype(np.int64)
    known = among.to_pylist()
    return np.array([known.index(text) for text in texts.to_pylist()], dtype=np.int64)


def numbers(values: NDArray[np.int64]) -> Texts:
    """Each number in decimal."""
    if len(values) > FEW_ROWS:
        return pa.array(values).cast(pa.string())
    return list(map(str, values.tolist()))


def amounts(minor: NDArray[np.int64], exponents: NDArray[np.int64]) -> Texts:
    """Amounts in minor units as decimal text in major units (`money_texts`); shapes equal."""
    if len(minor) > FEW_ROWS:
        return money_texts(minor, exponents)
    return list(map(amount_text, minor.tolist(), exponents.tolist()))


def joined(*pieces: Texts | str) -> Texts:
    """What stands side by side as one text per row; one text stands for all rows. At least one
    piece has rows.
    """
    if any(isinstance(piece, list) for piece in pieces):
        columns: list[Any] = [
            repeat(piece) if isinstance(piece, str) else piece for piece in pieces
        ]
        return list(map("".join, zip(*columns, strict=False)))
    return pc.binary_join_element_wise(*pieces, "")


def appended(text: Texts, applies: NDArray[np.bool_], *pieces: Texts | str) -> Texts:
    """`text`, and behind it the `pieces` of the row where that applies."""
    rows = applies.nonzero()[0]
    if not len(rows):
        return text
    longer = joined(
        taken(text, rows), *(one if isinstance(one, str) else taken(one, rows) for one in pieces)
    )
    if not isinstance(text, list):
        return pc.replace_with_mask(text, pa.array(applies), as_column(longer))
    changed = text.copy()
    for row, one in zip(rows.tolist(), longer, strict=True):
        changed[row] = one
    return changed


def interleaved(parts: Sequence[Texts], places: Sequence[NDArray[np.int64]]) -> Texts:
    """The texts of all `parts` in the order of their `places`, which are all rows."""
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate(places), kind="stable")
    if all(isinstance(part, list) for part in parts) and len(order) <= FEW_ROWS:
        every = [text for part in parts for text in part]
        return [every[row] for row in order.tolist()]
    return taken(pa.concat_arrays([as_column(part) for part in parts]), order)


def as_column(texts: Texts) -> pa.StringArray:
    """The texts as a column."""
    return pa.array(texts, pa.string()) if isinstance(texts, list) else texts
