"""Several matches in one pass, each with the result it has alone.

Most of what a match of one payment costs is the same for a hundred. So payments of several callers
are matched together, as long as none of them has anything to do with another's: payments meet in
families of customers (`engine.groups`), so two matches that touched no family in common had no part
in each other. Those that did are matched again, apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
import numpy as np

from engine import arrow_functions as arrow
from engine.batches import NO_DATE, Batch, LearnedFactBatch, PaymentBatch, RemittanceBatch
from engine.intake import day_number
from engine.match_input import MatchInput, MatchResult
from engine.matcher import match_traceably
from engine.row_texts import places
from engine.segments import first_of_runs, pick

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.match_input import StageObserver
    from engine.matcher import Matched
    from engine.reference_slots import ReferenceSlots, SharedReferences
    from engine.resident import Resident

__all__ = ["Apart", "PartResult", "Parts", "match_apart", "match_at_once", "match_parts"]

_TABLES: Final = ("outcomes", "applications", "reversals", "exceptions")


class Apart(msgspec.Struct, frozen=True, kw_only=True):
    """One of several matches: its payments, their remittance lines, its day."""

    payments: PaymentBatch
    remittances: RemittanceBatch = msgspec.field(default_factory=RemittanceBatch.empty)
    as_of: datetime.date | None = None


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Several matches as one table: rows of payments and of remittance lines, the match each row
    belongs to (0 … count-1, ascending), and the day of each match (days since 1970).

    Two matches may bring the same payment; within one, keys differ.
    """

    payments: PaymentBatch
    lines: RemittanceBatch
    owner: NDArray[np.int64]
    line_owner: NDArray[np.int64]
    day: NDArray[np.int64]

    @classmethod
    def of(cls, parts: Sequence[Apart]) -> Self:
        """The given matches, in their order; at least one."""
        return cls.cut(
            PaymentBatch.concat_distinct([part.payments for part in parts]),
            RemittanceBatch.concat_distinct([part.remittances for part in parts]),
            [len(part.payments) for part in parts],
            [len(part.remittances) for part in parts],
            [part.as_of for part in parts],
        )

    @classmethod
    def cut(
        cls,
        payments: PaymentBatch,
        lines: RemittanceBatch,
        payment_counts: Sequence[int],
        line_counts: Sequence[int],
        as_of: Sequence[datetime.date | None],
    ) -> Self:
        """Matches that stand in one table, one after the other."""
        owner = np.arange(len(as_of)).repeat(payment_counts)
        day = np.full(len(as_of), NO_DATE, dtype=np.int64)
        np.maximum.at(day, owner, payments.days("booking_date"))
        for number, given in enumerate(as_of):
            if given is not None:
                day[number] = day_number(given)
        return cls(
            payments=payments,
            lines=lines,
            owner=owner,
            line_owner=np.arange(len(as_of)).repeat(line_counts),
            day=day,
        )

    def __len__(self) -> int:
        """Number of matches."""
        return len(self.day)

    def only(self, numbers: Sequence[int]) -> Self:
        """The given matches, in ascending order."""
        if len(numbers) == len(self):
            return self
        place = np.full(len(self), -1, dtype=np.int64)
        place[numbers] = np.arange(len(numbers))
        owner, line_owner = place[self.owner], place[self.line_owner]
        rows, lines = (owner >= 0).nonzero()[0], (line_owner >= 0).nonzero()[0]
        return type(self)(
            payments=self.payments.take(rows),
            lines=self.lines.take(lines),
            owner=owner[rows],
            line_owner=line_owner[lines],
            day=self.day[numbers],
        )


class PartResult(msgspec.Struct, frozen=True):
    """The result of one match: rows `bounds[table]` of each table of `together`, which may hold
    those of others too.
    """

    together: MatchResult
    bounds: dict[str, tuple[int, int]]

    def alone(self) -> MatchResult:
        """The rows of this match only."""
        tables: dict[str, Any] = {}
        for name, (start, end) in self.bounds.items():
            whole: Batch = getattr(self.together, name)
            tables[name] = whole.slice(start, end - start)
        return MatchResult(**tables)


def match_apart(
    resident: Resident,
    parts: Sequence[Apart],
    observe: StageObserver,
    learned: LearnedFactBatch | None = None,
) -> list[PartResult]:
    """The result of each of `parts`, in their order, as `match_payments` gives it for that one.

    `learned` are facts about payers, the same for all.
    """
    return match_parts(resident, Parts.of(parts), observe, learned) if parts else []


def match_parts(
    resident: Resident,
    parts: Parts,
    observe: StageObserver,
    learned: LearnedFactBatch | None = None,
) -> list[PartResult]:
    """As `match_apart`, of matches that stand in one table already."""
    results = _in_waves(resident, parts, observe, learned, enough=len(parts))
    return [results[number] for number in range(len(parts))]


def match_at_once(
    resident: Resident, parts: Parts, observe: StageObserver
) -> list[PartResult | None]:
    """As `match_parts`, of half of `parts` at least; None for the few that would hold up the
    others, because each of them must be matched apart.
    """
    results = _in_waves(resident, parts, observe, None, enough=(len(parts) + 1) // 2)
    return [results.get(number) for number in range(len(parts))]


def _in_waves(
    resident: Resident,
    parts: Parts,
    observe: StageObserver,
    learned: LearnedFactBatch | None,
    enough: int,
) -> dict[int, PartResult]:
    """Results by number, wave after wave until there are `enough`."""
    results: dict[int, PartResult] = {}
    waves = _at_first(parts)
    while waves and len(results) < enough:
        wave = sorted(waves.pop(0))
        chosen = parts.only(wave)
        matched = match_traceably(_joined(resident, chosen, learned), observe)
        met = _met(matched, chosen.owner[matched.intake.order], len(chosen))
        found = _split(matched.result, chosen)
        results |= {number: found[place] for place, number in enumerate(wave) if not met[place]}
        waves += _without_meetings(wave, met)
    return results


def _at_first(parts: Parts) -> list[list[int]]:
    """Waves to try: all together, but for those that bring a payment another one has brought, and
    for returns, which look for their payment among all others.
    """
    if len(parts) == 1:
        return [[0]]
    returned = parts.payments.int64("amount_minor") < 0
    encoded = arrow.dictionary_encode(parts.payments.text("payment_id"))
    if len(encoded.dictionary) == len(encoded) and not np.count_nonzero(returned):
        return [list(range(len(parts)))]
    alone = np.zeros(len(parts), dtype=np.bool_)
    alone[parts.owner[returned]] = True
    row = encoded.indices.to_numpy()
    # Codes count up in order of first appearance: what sets no new maximum was there before.
    repeated = np.diff(np.maximum.accumulate(row), prepend=-1) == 0
    alone[parts.owner[repeated]] = True
    waves = [(~alone).nonzero()[0].tolist(), *([one] for one in alone.nonzero()[0].tolist())]
    return [wave for wave in waves if wave]


def _without_meetings(wave: list[int], met: list[set[int]]) -> list[list[int]]:
    """Waves of those of `wave` that met another one, so that in none of them two meet again."""
    waves: list[tuple[list[int], set[int]]] = []
    for number, families in zip(wave, met, strict=True):
        if not families:
            continue
        fit = next((one for one in waves if one[1].isdisjoint(families)), None)
        if fit is None:
            waves.append(([number], set(families)))
        else:
            fit[0].append(number)
            fit[1].update(families)
    return [members for members, _ in waves]


def _joined(resident: Resident, parts: Parts, learned: LearnedFactBatch | None) -> MatchInput:
    """One match of all payments, each on the day of its own."""
    return MatchInput.against(
        resident,
        parts.payments,
        remittances=parts.lines,
        days=parts.day[parts.owner],
        learned=LearnedFactBatch.empty() if learned is None else learned,
    )


def _met(matched: Matched, owner: NDArray[np.int64], count: int) -> list[set[int]]:
    """Per part the families it touched that another one touched too; `owner` is the part of each
    payment in the order of the intake.
    """
    if count == 1:
        return [set()]
    payment, family = _touched(matched)
    known = family >= 0
    part, family = owner[payment[known]], family[known]
    order = np.lexsort((part, family))
    part, family = part[order], family[order]
    met: list[set[int]] = [set() for _ in range(count)]
    if len(part):
        kept = first_of_runs(family, part)
        part, family = part[kept], family[kept]
        run = first_of_runs(family).cumsum() - 1
        shared = np.bincount(run)[run] > 1
        for one, of in zip(part[shared].tolist(), family[shared].tolist(), strict=True):
            met[one].add(of)
    return met


def _touched(matched: Matched) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Families each payment had to do with: (payment, family), -1 where there is none."""
    intake, index = matched.intake, matched.intake.index
    every = np.arange(len(intake.payments))
    directory = intake.directory
    pairs = [
        (every, pick(directory.family, customer, none=-1))
        for customer in (intake.payers.payer, intake.payers.nearest, intake.payers.rival)
    ]
    situations = (intake.situation, *(one.situation for one in matched.rounds))
    readings: list[ReferenceSlots | SharedReferences] = [intake.situation.shared]
    for situation in situations:
        # Most rounds read nothing anew.
        if not any(situation.slots is known for known in readings):
            readings.append(situation.slots)
    pairs += [(one.payment, pick(index.family, one.item, none=-1)) for one in readings]
    for one in matched.rounds:
        rows = one.candidates.rows
        if len(rows):
            pairs.append((one.candidates.payment[rows.candidate], index.family[rows.item]))
    payment, family = (np.concatenate(columns) for columns in zip(*pairs, strict=True))
    return payment, family


def _split(result: MatchResult, parts: Parts) -> list[PartResult]:
    """The rows of each part side by side, and where they stand."""
    ids = parts.payments.text("payment_id")
    tables: dict[str, Any] = {}
    bounds: dict[str, list[int]] = {}
    for name in _TABLES:
        batch: Batch = getattr(result, name)
        tables[name] = batch
        if not len(batch) or len(parts) == 1:
            bounds[name] = [0, *([len(batch)] * len(parts))]
            continue
        # Outcomes stand in the order of the payments.
        part = parts.owner
        if name != "outcomes":
            part = parts.owner[places(batch.text("payment_id"), ids)]
            order = part.argsort(kind="stable")
            part, tables[name] = part[order], batch.take(order)
        bounds[name] = part.searchsorted(np.arange(len(parts) + 1)).tolist()
    together = MatchResult(**tables)
    return [
        PartResult(together, {name: (edge[at], edge[at + 1]) for name, edge in bounds.items()})
        for at in range(len(parts))
    ]
