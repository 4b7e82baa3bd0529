"""The table scenarios are played on: which items are still free, who pays when and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.worlds.drafts import Draft, Line, Truth
from tieout.worlds.open_items import EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.worlds.customers import CustomerBook
    from tieout.worlds.dice import Dice
    from tieout.worlds.open_items import OpenItems
    from tieout.worlds.spec import WorldSpec

__all__ = ["PAY_DAYS", "Planner"]

PAY_DAYS: Final = 5
"""Business days up to the as-of date on which payments arrive."""

_LATE_DAYS: Final = 13
"""Payers of what is due pay it up to so many days late, each his own number of days."""

_FORMS: Final = {
    "structured": ("ach", "lockbox", "camt02", "camt08"),
    "text": ("ach", "wire", "camt02", "camt08"),
    "any": ("ach", "wire", "lockbox", "camt02", "camt08"),
}


class Planner:
    """Holds the ledger and remembers which items a payment has already been made for."""

    def __init__(
        self, spec: WorldSpec, dice: Dice, customers: CustomerBook, items: OpenItems
    ) -> None:
        """Start with every item free."""
        self.spec = spec
        self.dice = dice
        self.customers = customers
        self.items = items
        self.days = _business_days((spec.as_of - EPOCH).days)
        self._used = bytearray(len(items))
        self._payable = bytearray(map(items.is_payable, range(len(items))))
        self._pools: dict[str, list[int]] = {}
        self._next: dict[str, int] = {}
        self._documents: dict[tuple[int, str], int] = {}

    def country(self, company: int) -> str:
        """Country of a company, which decides the language of texts."""
        return self.spec.companies[company].country

    def pay_day(self) -> int:
        """A business day near the as-of date, the last ones more likely."""
        return self.dice.pick(self.days)

    def take(self, rows: Sequence[int]) -> None:
        """Remember that a payment has been made for `rows`."""
        for row in rows:
            self._used[row] = 1

    def is_free(self, row: int) -> bool:
        """Whether no payment has been made for `row`."""
        return not self._used[row]

    def free(self, customer: int) -> list[int]:
        """Payable items of `customer` that no payment has been made for."""
        used, payable = self._used, self._payable
        return [
            row for row in self.items.rows_of_customer[customer] if payable[row] and not used[row]
        ]

    def seed(self, pool: str) -> int | None:
        """The next free row of a pool, see `_pool_rows`; None where the pool is used up."""
        keep = self._keeper(pool)
        if pool not in self._pools:
            self._pools[pool] = self._pool_rows(keep)
            self._next[pool] = 0
        rows = self._pools[pool]
        for _ in range(min(len(rows), 200)):
            at = self._next[pool]
            self._next[pool] = (at + 1) % len(rows)
            # A payment that was tried and given up may have changed the item.
            if not self._used[rows[at]] and keep(rows[at]):
                return rows[at]
        return None

    def _pool_rows(self, keep: Callable[[int], bool]) -> list[int]:
        """Rows that a pool keeps, in random order."""
        rows = [row for row in range(len(self.items)) if keep(row)]
        return [rows[at] for at in self.dice.generator.permutation(len(rows)).tolist()]

    def _keeper(self, pool: str) -> Callable[[int], bool]:
        """Whether an item belongs to a pool."""
        items = self.items
        last, first = self.days[-1], self.days[0]
        keeps: dict[str, Callable[[int], bool]] = {
            "payable": items.is_payable,
            "discount": lambda row: (
                items.is_payable(row)
                and items.discount[row] > 0
                and items.discount_day[row] >= last
            ),
            "discount_late": lambda row: (
                items.is_payable(row)
                and items.discount[row] > 0
                and last - 25 < items.discount_day[row] < first - 5
            ),
            "discount_grace": lambda row: (
                items.is_payable(row)
                and items.discount[row] > 0
                and last - 5 <= items.discount_day[row] < first
            ),
            "credit": lambda row: items.kind[row] == "credit_memo",
            "child": lambda row: (
                items.is_payable(row) and self.customers.parent[items.customer[row]] >= 0
            ),
            "paid": lambda row: items.status[row] == "paid",
            "cancelled": lambda row: items.status[row] == "cancelled",
            "disputed": lambda row: items.status[row] == "disputed",
            "ordered": lambda row: items.is_payable(row) and items.purchase_order[row] != "",
            "creditor": lambda row: (
                items.is_payable(row) and items.references[row].startswith("RF")
            ),
            "delivery": lambda row: (
                items.is_payable(row) and items.references[row].startswith("DN")
            ),
        }
        return keeps[pool]

    def item_called(self, company: int, document: str) -> int | None:
        """The item of `company` whose number `document` is."""
        if not self._documents:
            numbers = zip(self.items.company, self.items.document, strict=True)
            self._documents = {number: row for row, number in enumerate(numbers)}
        return self._documents.get((company, document))

    def seed_group(self, count: int, pool: str = "payable") -> list[int] | None:
        """A free row of `pool` and `count` − 1 further free rows of its customer, or None."""
        first = self.seed(pool)
        if first is None:
            return None
        free = self.free(self.items.customer[first])
        others = [row for row in free if row != first]
        if len(others) < count - 1:
            return None
        if self.spec.payers_choose == "what_is_due" and pool == "payable":
            return self._due_first(free)[:count]
        return [first, *self.dice.sample(others, count - 1)]

    def _due_first(self, rows: list[int]) -> list[int]:
        """`rows` of one customer, nearest first to the day by which it is used to pay."""
        items = self.items
        usual = self.days[-1] - items.customer[rows[0]] * 7 % _LATE_DAYS
        return sorted(rows, key=lambda row: (abs(items.due_day[row] - usual), row))

    def draft(self, scenario: str, rows: Sequence[int], *, form: str = "any") -> Draft:
        """A payment of `rows` in full by their customer, automatic by expectation; takes them."""
        items = self.items
        self.take(rows)
        customer = items.customer[rows[0]]
        return Draft(
            scenario=scenario,
            company=items.company[rows[0]],
            customer=customer,
            payer=customer,
            amount=sum(items.face[row] for row in rows),
            day=self.pay_day(),
            form=form,
            truth=[Truth(row, items.face[row]) for row in rows],
        )

    def stranger(self, scenario: str, company: int, amount: int, *, form: str = "any") -> Draft:
        """A payment nobody's items are settled by."""
        return Draft(
            scenario=scenario,
            company=company,
            customer=-1,
            payer=-1,
            amount=amount,
            day=self.pay_day(),
            expect="exception",
            form=form,
        )

    def lines(self, rows: Sequence[int]) -> list[Line]:
        """Remittance lines that name `rows` by number and amount."""
        return [self.line(row) for row in rows]

    def line(self, row: int) -> Line:
        """A remittance line that names `row` by number and amount."""
        kind = "credit_memo" if self.items.face[row] < 0 else "document"
        return Line(self.items.document[row], self.items.face[row], kind=kind)

    def choose_channel(self, draft: Draft) -> None:
        """Give `draft` a channel of its company that can carry its form."""
        weights = self.spec.companies[draft.company].channels
        able = {name: weights[name] for name in _FORMS[draft.form] if name in weights}
        draft.channel = self.dice.weighted(able or weights)


def _business_days(as_of: int) -> list[int]:
    days: list[int] = []
    day = as_of
    while len(days) < PAY_DAYS:
        if (day + 3) % 7 < 5:
            days.append(day)
        day -= 1
    return days[::-1]
