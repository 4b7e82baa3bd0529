"""What may go through without a clerk: of what strategies are sure of, what nothing else forbids.

Three kinds are told apart. What may not be decided for a reason of its own (two payers, a customer
nobody takes money for, a strategy with a bad record) *contends*: it settles nothing, and yet nobody
with a weaker claim may have the items it names. What only policy *stops*, because somebody is to be
asked first, is settled like everything else and then waits. The rest is decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.candidates import WITHHELD_BY_PRECISION, Candidates, strategy_code
from engine.exception_codes import code_number
from engine.gates import GATES
from engine.segments import first_of_runs, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.intake import Intake
    from engine.resolver import Resolution
    from engine.situation import Situation

__all__ = ["permitted", "spoken_for", "without_contended"]

_MISTYPED: Final = 0.01
"""One number in thirty is mistyped; of those, in a dense series, every third is another item's."""


def _without_refused(intake: Intake, candidates: Candidates) -> Candidates:
    """`candidates` without the very sets a clerk refused for their payment."""
    if not intake.refused:
        return candidates
    ids = intake.payments.text("payment_id")
    asked = pc.is_in(ids, value_set=pa.array(list(intake.refused), pa.string()))
    rows = candidates.rows
    owner = candidates.payment[rows.candidate]
    at = asked.to_numpy(zero_copy_only=False)[owner].nonzero()[0]
    sets: dict[tuple[str, int], list[str]] = {}
    for payment, candidate, item in zip(
        ids.take(pa.array(owner[at])).to_pylist(),
        rows.candidate[at].tolist(),
        intake.index.text("open_item_id", rows.item[at]).to_pylist(),
        strict=True,
    ):
        sets.setdefault((payment, candidate), []).append(item)
    kept = np.ones(len(candidates), dtype=np.bool_)
    for (payment, candidate), items in sets.items():
        kept[candidate] = tuple(sorted(items)) not in intake.refused[payment]
    return candidates.at(kept)


def permitted(
    intake: Intake, situation: Situation, candidates: Candidates
) -> tuple[Candidates, NDArray[np.bool_]]:
    """`candidates`, automatic only as far as intake and payer let them be; and which gates of
    policy stop which of those (gates × candidates).
    """
    if not len(candidates):
        return candidates, np.zeros((len(GATES), 0), dtype=np.bool_)
    candidates = _without_refused(intake, candidates)
    rule = situation.rule[candidates.payment]
    automatic = candidates.automatic & ~intake.held[candidates.payment]
    automatic &= candidates.wrong <= situation.rules.wrong_budget[rule]
    # Of several items paid short nobody can tell which one: only what closes all of them is clear.
    unclear = (candidates.strategy == strategy_code("reference")) & (candidates.item_count() > 1)
    rows = candidates.rows
    if np.count_nonzero(unclear):
        left = (situation.remaining[rows.item] != rows.closes()) | (rows.discount != 0)
        unclear &= segment_sum(left.astype(np.int64), rows.candidate, len(candidates)) > 0
        automatic &= ~unclear
    # Of an advice whose invoices are not there its credits alone would be left: less than nothing.
    automatic &= candidates.cash() >= 0
    claims = automatic & (candidates.weight == 0)
    candidates = _with_mistyped(intake, situation, candidates)
    automatic &= candidates.wrong <= situation.rules.wrong_budget[rule]
    # Money in an account nobody has listed may be any company's, whatever it names.
    if len(intake.directory.companies) > 1:
        automatic &= ~intake.homeless[candidates.payment]
    # Two facts that name two payers, or a customer nobody should take money for unasked.
    automatic &= ~intake.payers.conflict[candidates.payment]
    automatic &= ~(intake.payers.stale[candidates.payment] & (candidates.weight > 0))
    idle = np.zeros(len(candidates), dtype=np.bool_)
    idle[rows.candidate[intake.idle[situation.index.customer[rows.item]]]] = True
    automatic &= ~idle
    rules = situation.rules
    refused = automatic & intake.precision.refused(
        candidates.strategy, rules.wrong_budget[rule], rules.precision[rule]
    )
    automatic &= ~refused
    stopped = intake.gates.of(candidates, situation.index) & automatic
    allowed = msgspec.structs.replace(
        candidates,
        automatic=automatic,
        contends=candidates.contends | (claims & ~automatic),
        stopped=stopped.any(axis=0),
        withheld=np.where(refused, WITHHELD_BY_PRECISION, 0),
        code=np.where(refused, code_number("POL-CONFIDENCE"), candidates.code),
    )
    return allowed, stopped


def _with_mistyped(intake: Intake, situation: Situation, candidates: Candidates) -> Candidates:
    """`candidates` with the doubt that the one number named is mistyped and somebody else's item of
    the same amount: where nothing says who paid. That is nothing where amounts are rare. Who
    decides nothing so is nobody, or somebody whose relation to the customer is not known.
    """
    lone = (candidates.weight == 0) & (situation.claimed_family[candidates.payment] < 0)
    lone &= candidates.automatic & (candidates.item_count() == 1)
    rows = candidates.rows
    at = lone[rows.candidate].nonzero()[0]
    if not len(at):
        return candidates
    of, item, index = rows.candidate[at], rows.item[at], situation.index
    alike, _ = intake.resident.habits.recurrence(
        index.original_minor[item], index.currency[item], index.customer[item]
    )
    wrong, code = candidates.wrong.copy(), candidates.code.copy()
    wrong[of] = np.maximum(wrong[of], _MISTYPED * alike)
    payment = candidates.payment[of]
    doubted = wrong[of] > situation.rules.wrong_budget[situation.rule[payment]]
    nobody, stranger = code_number("PAY-UNKNOWN"), code_number("PAY-THIRD")
    code[of[doubted]] = np.where(situation.nameless[payment[doubted]], nobody, stranger)
    return msgspec.structs.replace(candidates, wrong=wrong, code=code)


def spoken_for(candidates: Candidates, resolution: Resolution) -> NDArray[np.int64]:
    """Items, in ascending order, that payments name in full and that nobody settles: because the
    payment may not be decided, or because several want the same.
    """
    open_claims = candidates.contends | resolution.contested
    return np.sort(candidates.rows.item[open_claims[candidates.rows.candidate]])


def without_contended(
    situation: Situation, candidates: Candidates, resolution: Resolution
) -> Resolution:
    """`resolution` without what a payer who is not the items' own customer would settle, where an
    undecided payment of somebody else names the same items: both go to a clerk. The items' own
    customer settles them all the same, unless the other payment pays them whole and came days
    before, or is of a payer nobody knows: then it may be his own, and this the second one.
    """
    if not np.count_nonzero(candidates.contends) or not np.count_nonzero(resolution.accepted):
        return resolution
    rows = candidates.rows
    owner = candidates.payment[rows.candidate]
    own = situation.payer_family[owner] == situation.index.family[rows.item]
    at = candidates.contends[rows.candidate].nonzero()[0]
    strange = (~own & resolution.accepted[rows.candidate]).nonzero()[0]
    # The least and the greatest payment that contends for an item: one of them is another's.
    order = at[np.lexsort((owner[at], rows.item[at]))]
    item = rows.item[order]
    first = item.searchsorted(rows.item[strange], side="left")
    last = item.searchsorted(rows.item[strange], side="right")
    wanted = last > first
    strange, first, last = strange[wanted], first[wanted], last[wanted]
    others = (owner[order[first]] != owner[strange]) | (owner[order[last - 1]] != owner[strange])
    lost = np.zeros(len(candidates), dtype=np.bool_)
    lost[rows.candidate[strange[others]]] = True
    mine = (own & resolution.accepted[rows.candidate]).nonzero()[0]
    lost[rows.candidate[mine[_paid_before(situation, candidates, at, mine)]]] = True
    return msgspec.structs.replace(
        resolution,
        accepted=resolution.accepted & ~lost,
        contested=resolution.contested | lost,
    )


def _paid_before(
    situation: Situation, candidates: Candidates, at: NDArray[np.int64], mine: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of the rows `mine` pay an item that one of the rows `at` pays whole, days before or,
    where its payer is not known, on that day.
    """
    rows = candidates.rows
    owner = candidates.payment[rows.candidate]
    day = situation.pay_day[owner]
    claimed = day - (situation.payer_family[owner] < 0)
    whole = at[rows.closes()[at] == situation.remaining[rows.item[at]]]
    if not len(whole):
        return np.zeros(len(mine), dtype=np.bool_)
    order = whole[np.lexsort((claimed[whole], rows.item[whole]))]
    earliest = order[first_of_runs(rows.item[order])]
    paid = rows.item[earliest]
    place = np.minimum(paid.searchsorted(rows.item[mine]), len(paid) - 1)
    before: NDArray[np.bool_] = paid[place] == rows.item[mine]
    before &= claimed[earliest][place] < day[mine]
    return before
