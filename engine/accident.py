"""How likely a set of items has a payment's amount by accident.

Bayes over hypotheses. A class of sets (one item, one item net, the balance, two of n, three of n,
…) has a prior weight and spreads it evenly over its sets; a payment that is none of them has any
amount at all, with a density estimated from the amounts of its currency: log-uniform over six
decades, times the share of amounts as round as this one. The posterior doubt about a set is then

    (weights of the other sets that fit + weight of "none of these") / all of it.

Derivation of the densities: `docs/decisions/0003-amount-evidence.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import msgspec
import numpy as np

from engine.limits import AMOUNT_MINOR_MAX
from engine.segments import first_of_runs, insertion_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "CLASS_WEIGHTS",
    "NONE_WEIGHT",
    "STEPS",
    "AmountCounts",
    "AmountHabits",
    "accident_density",
    "amount_keys",
    "granularity",
    "log_choose",
    "repeat_counts",
    "round_counts",
    "roundness_shares",
]

CLASS_WEIGHTS: Final = {
    "single": 0.45,
    "single_net": 0.10,
    "charged": 0.02,
    "balance": 0.15,
    "past_due": 0.05,
    "statement": 0.02,
    "payment_term": 0.005,
    "due_until": 0.02,
    "due_from": 0.005,
    "due_window": 0.01,
    "all_but_one": 0.03,
    "all_but_two": 0.01,
    "all_but_three": 0.005,
    "pair": 0.12,
    "triple": 0.06,
    "four": 0.03,
    "more": 0.02,
}
"""Prior share of each class among payments of a known payer that name no item."""

NONE_WEIGHT: Final = 0.02
"""Prior share of payments that pay none of the sets looked at (part payments, other debts)."""

_STEPS: Final = np.array([1, 10, 100, 500, 1_000, 5_000, 10_000], dtype=np.int64)
STEPS: Final = len(_STEPS)
"""How many grades of roundness there are."""

_DECADES = 6
_AMOUNT_BITS: Final = AMOUNT_MINOR_MAX.bit_length()


def granularity(amounts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the coarsest step of 1, 10, 100, 500, … minor units that divides each amount."""
    level = np.zeros(len(amounts), dtype=np.int64)
    for number, step in enumerate(_STEPS):
        level[amounts % step == 0] = number
    return level


def roundness_shares(amounts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of `amounts` in each granularity (shape: steps), smoothed so that none is zero."""
    return _shares(np.bincount(granularity(amounts), minlength=len(_STEPS)))


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = (counts + 1.0) / (
        counts.sum(axis=-1, keepdims=True) + len(_STEPS)
    )
    return shares


def accident_density(
    targets: NDArray[np.int64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Probability that an unrelated amount of the currency is exactly each of `targets`."""
    level = granularity(targets)
    span = np.log(10.0) * _DECADES
    cells = np.maximum(np.abs(targets) / _STEPS[level], 1.0)
    density: NDArray[np.float64] = np.minimum(shares[level] / (cells * span), 1.0)
    return density


class AmountCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts of all items of a run, told to a match that sees some of them (`engine.whole`).

    round_counts: items per currency and roundness; key, count: amounts (`amount_keys`) that several
    items have, sorted, and how many do; repeats: as `AmountHabits` has them.
    """

    round_counts: NDArray[np.int64]
    key: NDArray[np.int64]
    count: NDArray[np.int64]
    repeats: NDArray[np.int64]

    def of(self, key: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many items have each amount; 0 also where it is one."""
        if not len(self.key):
            return np.zeros(len(key), dtype=np.int64)
        place = np.minimum(self.key.searchsorted(key), len(self.key) - 1)
        return np.where(self.key[place] == key, self.count[place], 0)


class AmountHabits(msgspec.Struct, frozen=True, kw_only=True):
    """What amounts are like in each currency: how round, and which of them keep coming back.

    round_counts: items per roundness (currencies + 1 × steps). Of the original amounts of all
    items, with their currencies: key, sorted; rank of each; pair, rank and customer together,
    sorted. items_of: items per currency; ledger: customer and currency of each ledger as one
    number, sorted; owned: items per ledger; repeats: how many amounts stand once in a ledger, and
    how many twice (currencies + 1 × 2). A currency without items has no habits. among: of all
    items, where these are whole ledgers of some customers.
    """

    round_counts: NDArray[np.int64]
    key: NDArray[np.int64]
    rank: NDArray[np.int64]
    pair: NDArray[np.int64]
    customers: int
    items_of: NDArray[np.int64]
    ledger: NDArray[np.int64]
    owned: NDArray[np.int64]
    repeats: NDArray[np.int64]
    among: AmountCounts | None = None

    @classmethod
    def of(
        cls,
        currency: NDArray[np.int64],
        customer: NDArray[np.int64],
        original: NDArray[np.int64],
        currencies: int,
        among: AmountCounts | None = None,
    ) -> Self:
        """Counted from the items there are, whatever became of them; `currencies` of them. Where
        they are some `among` others, all of those count.
        """
        key = amount_keys(currency, original)
        order = np.lexsort((customer, key))
        counts = (
            round_counts(currency, original, currencies) if among is None else among.round_counts
        )
        habits = cls._of_sorted(key[order], customer[order], counts)
        return habits if among is None else msgspec.structs.replace(habits, among=among)

    @classmethod
    def _of_sorted(
        cls, key: NDArray[np.int64], customer: NDArray[np.int64], counts: NDArray[np.int64]
    ) -> Self:
        """Of items by amount and customer."""
        rank = first_of_runs(key).cumsum() - 1 if len(key) else key
        customers = int(customer.max(initial=0)) + 1
        pair = rank * customers + customer
        ledger = np.sort(_ledger_key(customer, key >> _AMOUNT_BITS))
        head = first_of_runs(ledger).nonzero()[0] if len(ledger) else ledger
        return cls(
            round_counts=counts,
            key=key,
            rank=rank,
            pair=pair,
            customers=customers,
            items_of=counts.sum(axis=1),
            ledger=ledger[head],
            owned=np.diff(np.append(head, len(ledger))),
            repeats=repeat_counts(key >> _AMOUNT_BITS, pair, len(counts)),
        )

    def changed(
        self,
        gone: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
        added: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    ) -> Self:
        """After a few items went and others came: currency, customer and original amount of each.
        The currencies stay the same.
        """
        customer = self.pair % self.customers
        key, (currency, owner, original) = self.key, gone
        wanted = amount_keys(currency, original)
        order = np.lexsort((owner, wanted))
        wanted, owner = wanted[order], owner[order]
        at = insertion_points((key, customer), (wanted, owner)) - 1
        # Equal rows stand together: of those that go, each is one further to the left.
        run = first_of_runs(wanted, owner) if len(at) else np.empty(0, dtype=np.bool_)
        begin = np.maximum.accumulate(np.where(run, np.arange(len(at)), 0))
        at -= np.arange(len(at)) - begin
        key, customer = np.delete(key, at), np.delete(customer, at)
        wanted, owner = amount_keys(added[0], added[2]), added[1]
        order = np.lexsort((owner, wanted))
        wanted, owner = wanted[order], owner[order]
        at = insertion_points((key, customer), (wanted, owner))
        key, customer = np.insert(key, at, wanted), np.insert(customer, at, owner)
        many = len(self.round_counts) - 1
        counts = self.round_counts - round_counts(currency, original, many)
        return self._of_sorted(key, customer, counts + round_counts(added[0], added[2], many))

    def density(
        self, amount: NDArray[np.int64], currency: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Probability that an unrelated amount of the currency is exactly each of `amount`."""
        density = np.zeros(len(amount), dtype=np.float64)
        known = self._known(currency)
        for code, counts in enumerate(self.round_counts):
            of = (known == code).nonzero()[0]
            if len(of):
                density[of] = accident_density(amount[of], _shares(counts))
        return density

    def _known(self, currency: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of each currency: the last one stands for all that have no items."""
        return np.minimum(currency, len(self.round_counts) - 1)

    def recurrence(
        self,
        amount: NDArray[np.int64],
        currency: NDArray[np.int64],
        customer: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Share of other customers' items, and of this customer's, that are of exactly `amount`.

        That probable it is that something else, which is not listed, is of this amount: a list
        price is no coincidence, nor is a rent. One item may be one, so of others' the first does
        not count. Of his own each counts less a discount: what a customer has bought once he will
        buy again as often as amounts come twice in one ledger of this currency, beside those that
        stand there once (absolute discounting, after Good and Turing).
        """
        if not len(self.key):
            none = np.zeros(len(amount), dtype=np.float64)
            return none, none
        wanted = amount_keys(currency, amount)
        first = self.key.searchsorted(wanted, side="left")
        here = self.key.searchsorted(wanted, side="right") - first
        count = here if self.among is None else self.among.of(wanted)
        rank = self.rank[np.minimum(first, len(self.rank) - 1)]
        pair = rank * self.customers + customer
        own = self.pair.searchsorted(pair, side="right")
        own = np.where(here > 0, own - self.pair.searchsorted(pair, side="left"), 0)
        place = self.ledger.searchsorted(_ledger_key(customer, currency))
        place = np.minimum(place, len(self.ledger) - 1)
        mine = self.ledger[place] == _ledger_key(customer, currency)
        among = np.where(mine, self.owned[place], 0)
        known = self._known(currency)
        return (
            np.maximum(count - own - 1, 0) / np.maximum(self.items_of[known], 1),
            np.maximum(own - self._discounts()[known], 0.0) / np.maximum(among, 1),
        )

    def _discounts(self) -> NDArray[np.float64]:
        """By how much one of a ledger's items counts less, per currency: 1 where none comes twice.

        Ledgers smoothed as if one more amount stood once.
        """
        once, twice = (self.repeats if self.among is None else self.among.repeats).T
        discounts: NDArray[np.float64] = (once + 1.0) / (once + 2.0 * twice + 1.0)
        return discounts


def round_counts(
    currency: NDArray[np.int64], amount: NDArray[np.int64], currencies: int
) -> NDArray[np.int64]:
    """Items per currency and granularity; the last row, of no currency, has none."""
    cell = currency * len(_STEPS) + granularity(np.abs(amount))
    return np.bincount(cell, minlength=(currencies + 1) * len(_STEPS)).reshape(-1, len(_STEPS))


def repeat_counts(
    currency: NDArray[np.int64], pair: NDArray[np.int64], currencies: int
) -> NDArray[np.int64]:
    """Per currency, amounts that stand once in a ledger, and twice; `pair` says which ledger and
    amount each item has, equal ones side by side.
    """
    found = np.zeros((currencies, 2), dtype=np.int64)
    if len(pair):
        head = first_of_runs(pair).nonzero()[0]
        size = np.diff(np.append(head, len(pair)))
        for column in range(2):
            of = currency[head[size == column + 1]]
            found[:, column] = np.bincount(of, minlength=currencies)
    return found


def amount_keys(currency: NDArray[np.int64], amount: NDArray[np.int64]) -> NDArray[np.int64]:
    """Currency and amount as one number: 47 bits hold the largest amount there can be."""
    return (currency << _AMOUNT_BITS) + np.minimum(np.abs(amount), AMOUNT_MINOR_MAX)


def _ledger_key(customer: NDArray[np.int64], currency: NDArray[np.int64]) -> NDArray[np.int64]:
    return customer * (1 << 16) + currency


def log_choose(total: NDArray[np.int64], chosen: int) -> NDArray[np.float64]:
    """Natural logarithm of the binomial coefficient, for small `chosen`."""
    value = np.zeros(len(total), dtype=np.float64)
    for step in range(chosen):
        value += np.log(np.maximum(total - step, 1)) - np.log(step + 1.0)
    return value
