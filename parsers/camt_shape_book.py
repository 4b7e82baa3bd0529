"""The shapes of one file that are known so far; it only ever grows, by what was learned."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from parsers.camt_markup import distinct
from parsers.camt_shapes import learn_entry, learn_structure

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from parsers.byte_slices import Offsets
    from parsers.camt_markup import EntryMarkup
    from parsers.camt_shapes import EntryPlan, StructurePlan
    from parsers.camt_vocabulary import Vocabulary

__all__ = ["ShapeBook"]

_SHAPES_MAX: Final = 20_000
"""Shapes remembered. A plan takes about 2 KiB; a file with more shapes is no bank's."""

_CURRENCY: Final = re.compile(rb' Ccy="([A-Z]{3})">\Z')
_Plan = TypeVar("_Plan")


class ShapeBook:
    """Plans by shape. A shape met once is not worth learning: the second time it is.

    Several threads may use a book at once: what they put in is a function of its key alone.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        """An empty book for a document with those tags."""
        self.vocabulary = vocabulary
        self._plans: dict[Hashable, EntryPlan | StructurePlan | None] = {}
        self._met: set[Hashable] = set()
        self._currencies: dict[int, str] = {}

    def entry_plan(
        self,
        key: int,
        markup: EntryMarkup,
        entry: int,
        detail: int | None,
        *,
        is_several: bool,
        has_text: bool,
        count: int,
    ) -> EntryPlan | None:
        """How `count` details, or bare entries, of this shape are read; None: with care."""
        return self._plan(
            key,
            count,
            lambda: learn_entry(markup, entry, detail, is_several=is_several, has_text=has_text),
        )

    def structure_plan(
        self, key: tuple[int, str], markup: EntryMarkup, structure: int, count: int
    ) -> StructurePlan | None:
        """How `count` structures of this shape are read; None: with care."""
        return self._plan(key, count, lambda: learn_structure(markup, structure, key[1]))

    def _plan(self, key: Hashable, count: int, learn: Callable[[], _Plan | None]) -> _Plan | None:
        if key in self._plans:
            return self._plans[key]  # type: ignore[return-value]  # keys of one kind of plan
        if (count < 2 and key not in self._met) or len(self._plans) >= _SHAPES_MAX:
            if len(self._met) < _SHAPES_MAX:
                self._met.add(key)
            return None
        plan = learn()
        self._plans[key] = plan  # type: ignore[assignment]  # keys of one kind of plan
        return plan

    def currencies(self, markup: EntryMarkup) -> tuple[list[str], Offsets]:
        """Currencies of the entries' own amounts, and for each entry which of them is its.

        The empty one is that of entries whose shape tells none.
        """
        met = distinct(markup.entries.shapes)
        found = []
        for shape, entry in zip(met.keys.tolist(), met.first.tolist(), strict=True):
            code = self._currencies.get(shape)
            if code is None:
                code = self._first_currency(markup, entry)
                if len(self._currencies) < _SHAPES_MAX:
                    self._currencies[shape] = code
            found.append(code)
        codes = sorted(set(found))
        number = np.array([codes.index(code) for code in found], np.int64)
        return codes, number[met.number]

    def _first_currency(self, markup: EntryMarkup, entry: int) -> str:
        units = markup.entries
        name = f"<{self.vocabulary.prefix}Amt ".encode()
        for tag in units.tags[units.firsts[entry] : units.firsts[entry + 1]].tolist():
            written = markup.content[int(markup.starts[tag]) : int(markup.stops[tag])]
            if written.startswith(name):
                currency = _CURRENCY.search(written)
                return currency[1].decode() if currency else ""
        return ""
