"""Candidates: possible sets of open items for payments, as strategies propose them.

A candidate belongs to one payment and has one row per open item. Strategies fill in what they know
(items, cash, discount); `engine.settle` judges the differences, `engine.resolver` decides.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
import numpy as np

from engine.segments import segment_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "AMBIGUOUS",
    "NOT_PROVEN",
    "NOT_SEARCHED",
    "STRATEGIES",
    "UNIQUENESS",
    "UNIQUE_AMOUNTS",
    "UNIQUE_SET",
    "WITHHELD",
    "WITHHELD_BY_PRECISION",
    "WITHHELD_BY_SHADOW",
    "CandidateRows",
    "Candidates",
    "strategy_code",
]

STRATEGIES: Final = (
    "processor_payout",
    "remittance_detail",
    "references",
    "references_net",
    "references_mixed",
    "reference",
    "installment",
    "repaired_reference",
    "single_amount",
    "single_amount_net",
    "single_amount_charged",
    "balance",
    "past_due",
    "statement",
    "payment_term",
    "due_until",
    "due_from",
    "due_window",
    "all_but_one",
    "all_but_two",
    "all_but_three",
    "subset_sum",
    "subset_sum_net",
    "subset_sum_mixed",
    "oldest_first",
)
"""Strategies, strongest evidence first; a candidate's `strategy` is an index into this."""

UNIQUENESS: Final = ("not_searched", "unique_set", "unique_amounts", "ambiguous", "not_proven")
NOT_SEARCHED, UNIQUE_SET, UNIQUE_AMOUNTS, AMBIGUOUS, NOT_PROVEN = range(5)


WITHHELD: Final = ("", "shadow", "precision")
"""What kept back a candidate that would have been applied: shadow mode, its strategy's record."""

WITHHELD_BY_SHADOW, WITHHELD_BY_PRECISION = 1, 2


def strategy_code(name: str) -> int:
    """Index of a strategy in `STRATEGIES`."""
    return STRATEGIES.index(name)


class CandidateRows(msgspec.Struct, frozen=True, kw_only=True):
    """One entry per open item of a candidate; amounts in minor units.

    candidate: which candidate; line: remittance line row or -1; cash: what of the payment goes on
    the item; discount, deduction, write_off: what closes besides; reason: code into
    `engine.settle.REASONS` for the deduction or write-off.
    """

    candidate: NDArray[np.int64]
    item: NDArray[np.int64]
    line: NDArray[np.int64]
    cash: NDArray[np.int64]
    discount: NDArray[np.int64]
    deduction: NDArray[np.int64]
    write_off: NDArray[np.int64]
    reason: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.candidate)

    @classmethod
    def of(
        cls,
        candidate: NDArray[np.int64],
        item: NDArray[np.int64],
        cash: NDArray[np.int64],
        line: NDArray[np.int64] | None = None,
        discount: NDArray[np.int64] | None = None,
    ) -> Self:
        """Rows with no deduction or write-off yet."""
        zero = np.zeros(len(candidate), dtype=np.int64)
        return cls(
            candidate=candidate,
            item=item,
            line=zero - 1 if line is None else line,
            cash=cash,
            discount=zero if discount is None else discount,
            deduction=zero,
            write_off=zero,
            reason=zero,
        )

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """The given rows."""
        return type(self)(**{name: getattr(self, name)[rows] for name in self.__struct_fields__})

    def closes(self) -> NDArray[np.int64]:
        """What each row takes off its item's open amount."""
        return self.cash + self.discount + self.deduction + self.write_off


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """One entry per candidate, and the rows of all of them.

    automatic: evidence suffices without a clerk; stopped: only a gate of policy is in its way;
    contends: it may not be decided, yet names its items so that nobody else may have them; wrong:
    estimated probability that it is wrong; fits: how many different sets of items fit as well
    (counting this one); code: exception code to raise with it (index into
    `engine.exception_codes.CODES`, 0 none); weight: prior weight of this very set, for those found
    by amount (see `engine.accident`), else 0; surplus: cash beyond what its items can take, known
    once differences are settled; withheld: index into `WITHHELD`.
    """

    payment: NDArray[np.int64]
    strategy: NDArray[np.int64]
    uniqueness: NDArray[np.int64]
    automatic: NDArray[np.bool_]
    stopped: NDArray[np.bool_]
    contends: NDArray[np.bool_]
    wrong: NDArray[np.float64]
    fits: NDArray[np.int64]
    code: NDArray[np.int64]
    weight: NDArray[np.float64]
    surplus: NDArray[np.int64]
    withheld: NDArray[np.int64]
    rows: CandidateRows

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.payment)

    @classmethod
    @cache
    def none(cls) -> Self:
        """No candidates: the same each time."""
        whole = np.empty(0, dtype=np.int64)
        return cls(
            payment=whole,
            strategy=whole,
            uniqueness=whole,
            automatic=whole.astype(np.bool_),
            stopped=whole.astype(np.bool_),
            contends=whole.astype(np.bool_),
            wrong=whole.astype(np.float64),
            fits=whole,
            code=whole,
            weight=whole.astype(np.float64),
            surplus=whole,
            withheld=whole,
            rows=CandidateRows.of(whole, whole, whole),
        )

    @classmethod
    def of(
        cls,
        payment: NDArray[np.int64],
        strategy: str,
        rows: CandidateRows,
        *,
        uniqueness: int | NDArray[np.int64] = NOT_SEARCHED,
        automatic: bool | NDArray[np.bool_] = False,
        wrong: float | NDArray[np.float64] = 0.0,
        fits: int | NDArray[np.int64] = 1,
        code: int | NDArray[np.int64] = 0,
        weight: float | NDArray[np.float64] = 0.0,
    ) -> Self:
        """Candidates of one strategy; scalars stand for all of them."""
        count = len(payment)
        if not count:
            return cls.none()
        return cls(
            payment=payment,
            strategy=np.full(count, strategy_code(strategy), dtype=np.int64),
            uniqueness=_column(uniqueness, count, np.int64),
            automatic=_column(automatic, count, np.bool_),
            stopped=np.zeros(count, dtype=np.bool_),
            contends=np.zeros(count, dtype=np.bool_),
            wrong=_column(wrong, count, np.float64),
            fits=_column(fits, count, np.int64),
            code=_column(code, count, np.int64),
            weight=_column(weight, count, np.float64),
            surplus=np.zeros(count, dtype=np.int64),
            withheld=np.zeros(count, dtype=np.int64),
            rows=rows,
        )

    def at(self, kept: NDArray[np.bool_]) -> Self:
        """The candidates where `kept`, renumbered, with their rows."""
        if kept.all():
            return self
        if not np.count_nonzero(kept):
            return self.none()
        number = kept.cumsum() - 1
        rows = self.rows.at(kept[self.rows.candidate])
        columns = {
            name: getattr(self, name)[kept] for name in self.__struct_fields__ if name != "rows"
        }
        renumbered = msgspec.structs.replace(rows, candidate=number[rows.candidate])
        return type(self)(**columns, rows=renumbered)

    def cash(self) -> NDArray[np.int64]:
        """Cash each candidate applies."""
        return segment_sum(self.rows.cash, self.rows.candidate, len(self))

    def item_count(self) -> NDArray[np.int64]:
        """Items of each candidate."""
        return np.bincount(self.rows.candidate, minlength=len(self))

    @classmethod
    def concat(cls, several: Sequence[Self]) -> Self:
        """All candidates of `several`, rows renumbered."""
        several = [one for one in several if len(one)]
        if len(several) < 2:
            return several[0] if several else cls.none()
        offsets = np.cumsum([0, *(len(one) for one in several)])
        rows = {
            name: np.concatenate([getattr(one.rows, name) for one in several])
            for name in CandidateRows.__struct_fields__
            if name != "candidate"
        }
        candidate = np.concatenate(
            [one.rows.candidate + shift for one, shift in zip(several, offsets, strict=False)]
        )
        columns = {
            name: np.concatenate([getattr(one, name) for one in several])
            for name in cls.__struct_fields__
            if name != "rows"
        }
        return cls(**columns, rows=CandidateRows(candidate=candidate, **rows))


def _column(value: Any, count: int, kind: type[Any]) -> NDArray[Any]:
    """`value` of each candidate, or one value for all, as an array of its own."""
    if isinstance(value, np.ndarray) and value.ndim:
        return value.astype(kind)
    return np.full(count, value, dtype=kind)
