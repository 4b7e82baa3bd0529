"""Several matches in one pass, each with the result it has alone.

Most of what a match of one payment costs is the same for a hundred. So payments of several callers
are matched together, as long as none of them has anything to do with another's: payments meet in
families of customers (`engine.groups`), so two matches that touched no family in common had no part
in each other. Those that did are matched again, apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import Batch, PaymentBatch, RemittanceBatch
from engine.intake import last_day
from engine.match_input import MatchInput, MatchResult
from engine.matcher import match_traceably
from engine.segments import first_of_runs, pick

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.match_input import StageObserver
    from engine.matcher import Matched
    from engine.resident import Resident

__all__ = ["Apart", "PartResult", "match_apart"]

_TABLES: Final = ("outcomes", "applications", "reversals", "exceptions")


class Apart(msgspec.Struct, frozen=True, kw_only=True):
    """One of several matches: its payments, their remittance lines, its day."""

    payments: PaymentBatch
    remittances: RemittanceBatch = msgspec.field(default_factory=RemittanceBatch.empty)
    as_of: datetime.date | None = None


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
            rows = whole.record_batch.slice(start, end - start)
            tables[name] = type(whole).of_distinct(rows)
        return MatchResult(**tables)


def match_apart(
    resident: Resident, parts: Sequence[Apart], observe: StageObserver
) -> list[PartResult]:
    """The result of each of `parts`, in their order, as `match_payments` gives it for that one."""
    results: dict[int, PartResult] = {}
    waves = _at_first(parts)
    while waves:
        wave = waves.pop()
        chosen = [parts[number] for number in wave]
        matched = match_traceably(_joined(resident, chosen), observe)
        owner = np.repeat(np.arange(len(chosen)), [len(part.payments) for part in chosen])
        met = _met(matched, owner[matched.intake.order], len(chosen))
        found = _split(matched.result, chosen, owner)
        results |= {number: found[place] for place, number in enumerate(wave) if not met[place]}
        waves += _without_meetings(wave, met)
    return [results[number] for number in range(len(parts))]


def _at_first(parts: Sequence[Apart]) -> list[list[int]]:
    """Waves to try: all together, but for those that bring a payment another one has brought, and
    for returns, which look for their payment among all others.
    """
    seen: set[str] = set()
    together: list[int] = []
    waves = [together]
    for number, part in enumerate(parts):
        ids = part.payments.strings("payment_id")
        returned = bool((part.payments.int64("amount_minor") < 0).any())
        if returned or not seen.isdisjoint(ids):
            waves.append([number])
        else:
            together.append(number)
            seen.update(ids)
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


def _joined(resident: Resident, parts: Sequence[Apart]) -> MatchInput:
    """One match of all payments, each on the day of its own."""
    sizes = [len(part.payments) for part in parts]
    days = [last_day(part.payments, part.as_of) for part in parts]
    return MatchInput.against(
        resident,
        PaymentBatch.concat_distinct([part.payments for part in parts]),
        remittances=RemittanceBatch.concat_distinct([part.remittances for part in parts]),
        days=np.repeat(np.array(days, dtype=np.int64), sizes),
    )


def _met(matched: Matched, owner: NDArray[np.int64], count: int) -> list[set[int]]:
    """Per part the families it touched that another one touched too; `owner` is the part of each
    payment in the order of the intake.
    """
    payment, family = _touched(matched)
    known = family >= 0
    part, family = owner[payment[known]], family[known]
    order = np.lexsort((part, family))
    part, family = part[order], family[order]
    met: list[set[int]] = [set() for _ in range(count)]
    if len(part):
        kept = first_of_runs(family, part)
        part, family = part[kept], family[kept]
        run = np.cumsum(first_of_runs(family)) - 1
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
    for situation in (intake.situation, *(one.situation for one in matched.rounds)):
        pairs += [
            (found.payment, pick(index.family, found.item, none=-1))
            for found in (situation.slots, situation.shared)
        ]
    for one in matched.rounds:
        rows = one.candidates.rows
        pairs.append((one.candidates.payment[rows.candidate], index.family[rows.item]))
    payment, family = (np.concatenate(columns) for columns in zip(*pairs, strict=True))
    return payment, family


def _split(
    result: MatchResult, parts: Sequence[Apart], owner: NDArray[np.int64]
) -> list[PartResult]:
    """The rows of each part side by side, and where they stand."""
    ids = pa.concat_arrays([part.payments.text("payment_id") for part in parts])
    tables: dict[str, Any] = {}
    bounds: dict[str, list[int]] = {}
    for name in _TABLES:
        batch: Batch = getattr(result, name)
        row = pc.index_in(batch.text("payment_id"), value_set=ids)
        part = owner[row.to_numpy(zero_copy_only=False)] if len(batch) else owner[:0]
        order = np.argsort(part, kind="stable")
        tables[name] = batch.take(order)
        bounds[name] = np.searchsorted(part[order], np.arange(len(parts) + 1)).tolist()
    together = MatchResult(**tables)
    return [
        PartResult(together, {name: (edge[at], edge[at + 1]) for name, edge in bounds.items()})
        for at in range(len(parts))
    ]
