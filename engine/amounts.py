"""What amounts alone say about payments that name nothing: search, then judge.

Structured sets are looked up for every payment, and what must not be paid is looked at beside them.
Every choice is tried where there are few, and where nothing simple fits also where there are more;
in larger ledgers three and four items are looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.accident import CLASS_WEIGHTS
from engine.candidates import Candidates, strategy_code
from engine.judge import Search, judge_amounts, odds_of_listed
from engine.limits import CHOICES_ALWAYS_BITS, CHOICES_BITS_MAX, PAIR_ITEMS_MAX
from engine.payer_ledgers import lay_out
from engine.segments import is_one_of
from engine.strategies.charges import propose_charged
from engine.strategies.subset_sum import propose_combinations, propose_few_items
from engine.strategies.totals import (
    propose_beside_unusable,
    propose_structured,
    variants_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.accident import AmountHabits
    from engine.due_habits import DueHabits
    from engine.payer_ledgers import PayerLedgers
    from engine.situation import Situation
from engine.strategies.subset_sum import Combinations

__all__ = ["odds_by_amount", "propose_by_amount"]

_PLAIN = [
    strategy_code(name)
    for name in (
        "single_amount",
        "balance",
        "past_due",
        "statement",
        "payment_term",
        "all_but_one",
    )
]
"""What answers a payment so plainly that only small ledgers are searched further. One item less its
discount does not: which items are paid less is a choice more, and other sets fit more often."""


def propose_by_amount(
    situation: Situation,
    payment: NDArray[np.int64],
    contradicted: NDArray[np.bool_],
    habits: AmountHabits,
    due: DueHabits,
    none: float,
) -> Candidates:
    """Judged candidates of the given payments, whose payers are known; `none` is the weight of "it
    pays nothing listed".
    """
    found, search = _searched(situation, payment)
    return judge_amounts(
        situation,
        found,
        search=search,
        contradicted=contradicted,
        habits=habits,
        due=due,
        none=none,
    )


def odds_by_amount(
    situation: Situation, payment: NDArray[np.int64], habits: AmountHabits
) -> NDArray[np.float64]:
    """How much more likely each of `payment` pays items of its payer than nothing listed, as far
    as its amount says so (`engine.unlisted`).
    """
    found, search = _searched(situation, payment)
    return odds_of_listed(situation, payment, found, search, habits)


def _searched(situation: Situation, payment: NDArray[np.int64]) -> tuple[Candidates, Search]:
    """Every set that is looked for, and what was looked at."""
    count = len(situation)
    ledgers = lay_out(situation, payment)
    usable = ledgers.only(ledgers.usable)
    simple = Candidates.concat(
        [propose_structured(situation, variant) for variant in variants_of(usable)]
    )
    beside = propose_beside_unusable(situation, ledgers)
    charged = propose_charged(situation, usable)
    answered = np.zeros(count, dtype=np.bool_)
    plain = is_one_of(simple.strategy, _PLAIN)
    answered[simple.payment[plain]] = True
    search = Search.nothing(count)
    small = propose_combinations(situation, ledgers, states_max=CHOICES_ALWAYS_BITS)
    _note(search, ledgers.payment, small)

    open_still = ledgers.of_problems(~small.searched & ~answered[ledgers.payment])
    larger = propose_combinations(situation, open_still, states_max=CHOICES_BITS_MAX)
    _note(search, open_still.payment, larger)
    few = _few_items(situation, search, usable, answered)
    search.unsearched[ledgers.payment] += _unsearched(ledgers) * (~search.searched)[ledgers.payment]
    found = [simple, charged, beside, small.candidates, larger.candidates, *few]
    return Candidates.concat(found), search


def _note(search: Search, payment: NDArray[np.int64], found: Combinations) -> None:
    """Write down what a complete search has seen of each payment."""
    search.searched[payment] |= found.searched
    search.stopped[payment] |= found.stopped
    search.sets[payment] += found.sets
    search.weight[payment] += found.weight


def _few_items(
    situation: Situation, search: Search, usable: PayerLedgers, answered: NDArray[np.bool_]
) -> list[Candidates]:
    """Sets of three and four where nothing else was found and not everything was tried."""
    todo = ~search.searched[usable.payment] & ~answered[usable.payment]
    if not np.count_nonzero(todo):
        return []
    ledgers = usable.of_problems(todo)
    offers = ledgers.views_with(ledgers.discount > 0)[ledgers.view]
    found = []
    for seen, net in ((ledgers.gross(), False), (ledgers.of_problems(offers), True)):
        few = propose_few_items(situation, seen, net=net)
        search.stopped[seen.payment] |= few.stopped
        if not net:
            search.unsearched[seen.payment] -= few.triples * CLASS_WEIGHTS["triple"]
            search.unsearched[seen.payment] -= few.fours * CLASS_WEIGHTS["four"]
        found.append(few.candidates)
    return found


def _unsearched(ledgers: PayerLedgers) -> NDArray[np.float64]:
    """Prior weight of the classes that are not among the structured sets, per problem."""
    beyond = sum(CLASS_WEIGHTS[name] for name in ("triple", "four", "more"))
    large = ledgers.size()[ledgers.view] > PAIR_ITEMS_MAX
    return np.where(large, beyond + CLASS_WEIGHTS["pair"], beyond)
