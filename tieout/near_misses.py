"""How close each simple reading came: sums of what is named, single items, totals, discounts.

Plain arithmetic over the items of the payer, for people: the nearest of each kind, with the
difference to the cent. What decides is the engine's business.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow.compute as pc

from engine.money import format_minor, minor_from_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.match_input import MatchInput
    from tieout.explanation import PaymentStory

__all__ = ["NearMiss", "near_misses"]

_SHOWN: Final = 5
_NAMES_SHOWN: Final = 6


class NearMiss(msgspec.Struct, frozen=True, kw_only=True):
    """A reading and how far off it is; `difference` is cash less what it comes to, as text."""

    reading: str
    sentence: str
    difference: str


def near_misses(given: MatchInput, story: PaymentStory, named: list[str]) -> list[NearMiss]:
    """The nearest readings, nearest first; `named` are documents the payment names."""
    currency = story.payment["currency"]
    cash = minor_from_text(story.payment["amount"], currency)
    items = _items(given, story, currency)
    found = list(_readings(items, cash, _day(given, story), currency, named))
    found.sort(key=lambda pair: (pair[0] != 0, abs(pair[0])))
    return [miss for _, miss in found[:_SHOWN]]


def _items(given: MatchInput, story: PaymentStory, currency: str) -> list[dict[str, Any]]:
    batch = given.open_items.record_batch
    own = pc.equal(batch.column("customer_id"), story.payment["customer_id"] or "\0")
    of = pc.and_(own, pc.equal(batch.column("currency"), currency))
    rows = batch.filter(pc.and_(of, pc.not_equal(batch.column("open_minor"), 0)))
    items: list[dict[str, Any]] = rows.to_pylist()
    return [item for item in items if item["status"] in ("open", "disputed")]


def _day(given: MatchInput, story: PaymentStory) -> datetime.date | None:
    told = story.payment["value_date"] or story.payment["booking_date"]
    return datetime.date.fromisoformat(told) if told else given.as_of


def _readings(
    items: list[dict[str, Any]],
    cash: int,
    day: datetime.date | None,
    currency: str,
    named: list[str],
) -> Iterator[tuple[int, NearMiss]]:
    def miss(reading: str, what: str, worth: int, remark: str = "") -> tuple[int, NearMiss]:
        off = cash - worth
        told = _off(off, currency)
        sentence = f"{what} {format_minor(worth, currency)}: {told}{remark}"
        return off, NearMiss(
            reading=reading, sentence=sentence, difference=format_minor(off, currency)
        )

    chosen = [item for item in items if item["document_number"] in named]
    if chosen:
        shown = ", ".join(item["document_number"] for item in chosen[:_NAMES_SHOWN])
        worth = sum(item["open_minor"] for item in chosen)
        yield miss("named", f"what it names and is open ({shown}) comes to", worth)
    positive = [item for item in items if item["open_minor"] > 0]
    if positive:
        nearest = min(
            positive, key=lambda item: (abs(cash - item["open_minor"]), item["open_item_id"])
        )
        alike = sum(item["open_minor"] == nearest["open_minor"] for item in positive)
        remark = f"; {alike} items of the customer have that amount" if alike > 1 else ""
        what = f"the nearest single item, {nearest['document_number']}, has"
        yield miss("single item", what, nearest["open_minor"], remark)
    yield from _net(positive, cash, day, currency)
    if len(items) > 1:
        yield miss("balance", "everything open comes to", _sum(items))
        late = [item for item in items if day and item["due_date"] and item["due_date"] < day]
        if late and len(late) < len(items):
            yield miss("past due", f"what is past due ({len(late)} items) comes to", _sum(late))


def _net(
    items: list[dict[str, Any]], cash: int, day: datetime.date | None, currency: str
) -> Iterator[tuple[int, NearMiss]]:
    """An item less its discount that is exactly the cash, where the discount has expired."""
    for item in items:
        until = item["discount_date"]
        exact = item["discount_minor"] and item["open_minor"] - item["discount_minor"] == cash
        if exact and until and day and day > until:
            late = (day - until).days
            yield (
                0,
                NearMiss(
                    reading="discount",
                    sentence=(
                        f"{item['document_number']} less its discount of "
                        f"{format_minor(item['discount_minor'], currency)} is exactly the payment; "
                        f"the discount expired {late} day{'s' if late > 1 else ''} before"
                    ),
                    difference=format_minor(0, currency),
                ),
            )


def _sum(items: list[dict[str, Any]]) -> int:
    return sum(item["open_minor"] for item in items)


def _off(off: int, currency: str) -> str:
    if not off:
        return "exactly the payment"
    word = "more" if off > 0 else "less"
    return f"the payment is {format_minor(abs(off), currency)} {word}"
