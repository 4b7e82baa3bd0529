"""The customer master of a world: names, namesakes, trade names, parents, bank accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from tieout.worlds.accounts import account_number
from tieout.worlds.names import CompanyName, coin_name, other_legal_form

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.worlds.dice import Dice
    from tieout.worlds.spec import WorldSpec

__all__ = ["CustomerBook", "build_customers", "company_shares"]

_NAMESAKE_SHARE: Final = 0.02
_ALIAS_SHARE: Final = 0.07
_CHILD_SHARE: Final = 0.05
_ACCOUNT_KNOWN_SHARE: Final = 0.72


class CustomerBook(msgspec.Struct):
    """Customers as parallel lists; a customer is its index.

    `company` is the index of its legal entity, `parent` the index of its parent or −1. `accounts`
    are those in the master; `unlisted` is an account the payer has and we do not know. `inactive`
    are those that no money should be taken for unasked, `by_hand` those of whom nothing is decided
    without a clerk.
    """

    company: list[int] = []
    customer_id: list[str] = []
    name: list[CompanyName] = []
    alias: list[str] = []
    parent: list[int] = []
    account: list[str] = []
    unlisted: list[str] = []
    has_namesake: list[bool] = []
    children: dict[int, list[int]] = {}
    inactive: set[int] = set()
    by_hand: set[int] = set()

    def __len__(self) -> int:
        """How many customers."""
        return len(self.company)


def company_shares(spec: WorldSpec, total: int) -> NDArray[np.int64]:
    """`total` split over the companies by their share (largest remainders last), shape (C,)."""
    weights = np.array([company.share for company in spec.companies])
    edges = np.round(np.cumsum(weights) / weights.sum() * total).astype(np.int64)
    shares: NDArray[np.int64] = np.diff(edges, prepend=np.int64(0))
    return shares


def build_customers(spec: WorldSpec, dice: Dice) -> CustomerBook:
    """Every customer of the world, company by company."""
    book = CustomerBook()
    taken: dict[str, int] = {}
    for company, count in enumerate(company_shares(spec, spec.customer_count).tolist()):
        first = len(book)
        for _ in range(count):
            _add_customer(book, dice, spec, company=company, first=first, taken=taken)
    return book


def _add_customer(
    book: CustomerBook,
    dice: Dice,
    spec: WorldSpec,
    *,
    company: int,
    first: int,
    taken: dict[str, int],
) -> None:
    country = spec.companies[company].country
    index = len(book)
    mate = first + dice.below(index - first) if index > first else -1
    name = _new_name(dice, country, taken)
    namesake = mate >= 0 and dice.chance(_NAMESAKE_SHARE) and not book.has_namesake[mate]
    if namesake:
        name = other_legal_form(dice, book.name[mate])
        book.has_namesake[mate] = True
    else:
        taken[name.core.upper()] = index
    is_child = mate >= 0 and not namesake and dice.chance(_CHILD_SHARE) and book.parent[mate] < 0
    book.company.append(company)
    book.customer_id.append(f"{20_000_000 + index * 7:08d}")
    book.name.append(name)
    book.alias.append(_trade_name(dice, country, taken) if dice.chance(_ALIAS_SHARE) else "")
    book.parent.append(mate if is_child else -1)
    if is_child:
        book.children.setdefault(mate, []).append(index)
    account = account_number(dice, country)
    book.account.append(account if dice.chance(_ACCOUNT_KNOWN_SHARE) else "")
    book.unlisted.append(account_number(dice, country))
    book.has_namesake.append(namesake)


def _new_name(dice: Dice, country: str, taken: dict[str, int]) -> CompanyName:
    name = coin_name(dice, country)
    while name.core.upper() in taken:
        name = coin_name(dice, country)
    return name


def _trade_name(dice: Dice, country: str, taken: dict[str, int]) -> str:
    core = _new_name(dice, country, taken).core
    taken[core.upper()] = -1
    return core
