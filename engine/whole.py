"""What is true of all open items, told to a match that sees a part of them.

A match of some customers' payments against their items decides what a match of all would, if it is
told what it cannot see: how often an amount, or a key of a reference, occurs elsewhere; what
document numbers look like; how old the ledgers are; and by when items are usually paid. Everything
here is counted, so parts can be counted apart, anywhere, and added up (`ItemCounts`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from engine.accident import STEPS, AmountCounts, round_counts
from engine.batches import NO_DATE
from engine.due_habits import DueDays
from engine.reference_keys import common_shapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from engine.batches import OpenItemBatch
    from engine.due_habits import PaidAges
    from engine.readings import NumberShape
    from engine.reference_keys import Documents

__all__ = ["ItemCounts", "Whole"]


class ItemCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of some items, to be added up: how many; amounts by currency and roundness; document
    numbers by shape; day of the youngest document by company; open items by due day.
    """

    items: int = 0
    roundness: dict[str, list[int]] = {}
    shapes: dict[int, int] = {}
    youngest: dict[str, int] = {}
    due: dict[int, int] = {}

    @classmethod
    def of(cls, items: OpenItemBatch, documents: Documents) -> Self:
        """Count `items`, whose references were read as `documents`."""
        code, currencies = items.codes("currency")
        owner, companies = items.codes("company_id")
        rounded = round_counts(code, items.int64("original_minor"), len(currencies))
        day = items.days("document_date")
        last = np.full(len(companies), NO_DATE, dtype=np.int64)
        np.maximum.at(last, owner, day)
        due = items.days("due_date")[items.int64("open_minor") > 0]
        return cls(
            items=len(items),
            roundness=dict(zip(currencies, rounded.tolist(), strict=False)),
            shapes=_added([documents.shape_counts.T.tolist()]),
            youngest=dict(zip(companies, last.tolist(), strict=True)),
            due=dict(Counter(due[due != NO_DATE].tolist())),
        )

    @classmethod
    def total(cls, parts: Iterable[ItemCounts]) -> Self:
        """The counts of all `parts` together."""
        parts = list(parts)
        youngest: dict[str, int] = {}
        roundness: dict[str, list[int]] = {}
        for part in parts:
            for name, day in part.youngest.items():
                youngest[name] = max(youngest.get(name, day), day)
            for name, counts in part.roundness.items():
                before = roundness.get(name, [0] * len(counts))
                roundness[name] = [one + two for one, two in zip(before, counts, strict=True)]
        return cls(
            items=sum(part.items for part in parts),
            roundness=roundness,
            shapes=_added(part.shapes.items() for part in parts),
            youngest=youngest,
            due=_added(part.due.items() for part in parts),
        )

    def number_shapes(self) -> tuple[NumberShape, ...]:
        """What document numbers look like."""
        found = np.array([*self.shapes.items()], dtype=np.int64).reshape(-1, 2).T
        return common_shapes(found, self.items)

    def due_days(self) -> DueDays:
        """On which days what is open is due."""
        due = np.array(sorted(self.due.items()), dtype=np.int64).reshape(-1, 2)
        return DueDays(due[:, 0], np.concatenate([[0], due[:, 1].cumsum()]))

    def whole(
        self,
        companies: Sequence[str],
        recurring: tuple[NDArray[np.int64], NDArray[np.int64]],
        repeats: NDArray[np.int64],
        frequent_keys: NDArray[np.uint64],
        frequent_amounts: NDArray[np.uint64],
    ) -> Whole:
        """What these counts, those of all items, tell a part; `companies` are all there are,
        sorted; `recurring`: amounts of several items (`amount_keys`), and how many have each;
        `repeats`: per currency, amounts that stand once in a ledger, and twice.
        """
        currencies = sorted(self.roundness)
        by_company = [self.youngest.get(name, NO_DATE) for name in companies]
        youngest = [*by_company, max(self.youngest.values(), default=NO_DATE)]
        rounded = [*(self.roundness[name] for name in currencies), [0] * STEPS]
        return Whole(
            companies=tuple(companies),
            currencies=tuple(currencies),
            shapes=self.number_shapes(),
            frequent_keys=frequent_keys,
            frequent_amounts=frequent_amounts,
            amounts=AmountCounts(
                round_counts=np.array(rounded, dtype=np.int64),
                key=recurring[0],
                count=recurring[1],
                repeats=np.append(repeats, [[0, 0]], axis=0),
            ),
            youngest=np.array(youngest, dtype=np.int64),
            due=self.due_days(),
        )


def _added(pairs: Iterable[Iterable[tuple[int, int]]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for one in pairs:
        for key, count in one:
            total[key] = total.get(key, 0) + count
    return total


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about all items of a run.

    companies, currencies: all there are, sorted; shapes: what document numbers look like;
    frequent_keys, frequent_amounts: sorted keys of references, and of currency and amount, of so
    many items that they find none of them; amounts: how round they are, and which recur; youngest:
    day of the youngest document of each company, and of all; due: on which days items are due;
    payments: how many there are; paid: at which age items are paid, odds: of payments that amounts
    must decide (`engine.unlisted`), both None until all references have decided.
    """

    companies: tuple[str, ...]
    currencies: tuple[str, ...]
    shapes: tuple[NumberShape, ...]
    frequent_keys: NDArray[np.uint64]
    frequent_amounts: NDArray[np.uint64]
    amounts: AmountCounts
    youngest: NDArray[np.int64]
    due: DueDays
    payments: int = 0
    paid: PaidAges | None = None
    odds: NDArray[np.int64] | None = None
