"""`python -m bench.adversarial`: ledgers made to mislead, each decision tried against all others.

Equal rents, list prices, whole dollars and odd cents, paid without a word: of every set that is
applied all choices of the payer's items (left out, gross, less the discount) are added up, and one
more that fits refutes it. Every second payment pays nothing listed. In dense series every payment
names a number with one character wrong: what is applied must be the item meant.
"""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from bench.arguments import bench_reader, date_of, keep
from bench.record import installed_versions
from engine.batches import CustomerBatch, OpenItemBatch, PaymentBatch
from engine.matcher import MatchInput, match_payments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["AdversarialRecord", "SuiteOutcome", "adversarial_page", "main", "play"]

_DAY: Final = dt.date(2026, 9, 15)
_ITEMS_MAX: Final = 9
_SEED: Final = 7_700
_LEDGERS: Final = 20_000
_PRICES: Final = np.array([19_99, 49_95, 120_00, 7_50])
_PACKS: Final = np.array([1, 2, 4, 5, 10])


def _rents(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    levels: NDArray[np.int64] = rng.integers(9, 64, 2) * 2_500
    drawn: NDArray[np.int64] = levels[(rng.random(count) < 0.3).astype(np.int64)]
    return drawn


def _prices(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    prices = _PRICES[rng.integers(0, 4, 2)]
    drawn: NDArray[np.int64] = prices[rng.integers(0, 2, count)] * rng.choice(_PACKS, count)
    return drawn


def _dollars(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    return np.maximum(rng.lognormal(6.0, 1.0, count).astype(np.int64), 5) * 100


def _cents(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    return np.maximum(rng.lognormal(11.0, 1.2, count).astype(np.int64), 900)


_AMOUNTS: Final[dict[str, Callable[[np.random.Generator, int], NDArray[np.int64]]]] = {
    "equal rents": _rents,
    "list prices": _prices,
    "whole dollars": _dollars,
    "odd cents": _cents,
}
_TYPOS: Final = "dense series with typos"


class SuiteOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One suite: decided payments; of those, sets of which another one fits too; money applied that
    pays nothing listed, or another item than the one meant.
    """

    suite: str
    payments: int
    applied: int
    refuted: int
    false: int


class AdversarialRecord(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="adversarial"
):
    """One run over all suites. `date` is the caller's, ISO 8601."""

    date: str
    versions: dict[str, str]
    suites: tuple[SuiteOutcome, ...]


class _World(msgspec.Struct, frozen=True):
    """Items and payments as rows; per payment the customer's items (id, amount, discount), and the
    item meant (empty where nothing listed is, or any set that fits will do).
    """

    items: list[dict[str, Any]]
    payments: list[dict[str, Any]]
    owed: dict[str, list[tuple[str, int, int]]]
    listed: dict[str, bool]
    meant: dict[str, str]


def play(suite: str, ledgers: int, seed: int = _SEED) -> SuiteOutcome:
    """Make the suite, match it, and try every decision against all others."""
    rng = np.random.default_rng(seed + len(suite))
    world = _typo_world(rng, ledgers) if suite == _TYPOS else _amount_world(rng, ledgers, suite)
    customers = {
        "customer_id": list(world.owed),
        "name": [f"Payer {one} Ltd" for one in world.owed],
    }
    result = match_payments(
        MatchInput(
            payments=PaymentBatch.from_columns(_columns(world.payments)),
            open_items=OpenItemBatch.from_columns(_columns(world.items)),
            customers=CustomerBatch.from_columns(customers),
        ),
        lambda _stage, _count: None,
    )
    applied: dict[str, dict[str, int]] = {}
    for row in result.applications.record_batch.to_pylist():
        if row["decision"] == "auto":
            rows = applied.setdefault(row["payment_id"], {})
            rows[row["open_item_id"]] = row["applied_minor"]
    amount_of = {row["payment_id"]: row["amount_minor"] for row in world.payments}
    refuted = false = 0
    for payment, rows in applied.items():
        customer = payment.split("-")[1]
        if suite == _TYPOS:
            false += list(rows) != [world.meant[payment]]
        else:
            false += not world.listed[payment]
            refuted += _ways(world.owed[customer], amount_of[payment]) != 1
    return SuiteOutcome(
        suite=suite,
        payments=len(world.payments),
        applied=len(applied),
        refuted=refuted,
        false=false,
    )


def _ways(owed: list[tuple[str, int, int]], target: int) -> int:
    """How many choices of the items, each gross or net, make the target: all of them are tried."""
    sums = np.zeros(1, dtype=np.int64)
    for _, amount, offered in owed:
        parts = [sums, sums + amount]
        if offered:
            parts.append(sums + amount - offered)
        sums = np.concatenate(parts)
    return int(np.count_nonzero(sums == target))


def _amount_world(rng: np.random.Generator, ledgers: int, suite: str) -> _World:
    world = _World([], [], {}, {}, {})
    draw = _AMOUNTS[suite]
    for number in range(ledgers):
        customer = f"C{number:06}"
        count = int(rng.integers(2, _ITEMS_MAX + 1))
        amounts = draw(rng, count + 2).tolist()
        owed = world.owed.setdefault(customer, [])
        for place, drawn in enumerate(amounts[:count]):
            amount = -max(drawn // 7, 1) if rng.random() < 0.06 else drawn
            offered = amount // 50 if rng.random() < 0.2 and amount > 0 else 0
            owed.append((f"{customer}-{place}", amount, offered))
            world.items.append(_item(rng, owed[-1], 90_000_000 + number * 100 + place, customer))
        listed = number % 2 == 1
        chosen = rng.permutation(count)[: int(rng.integers(1, 4))]
        target = (
            sum(owed[at][1] for at in chosen.tolist())
            if listed
            else sum(amounts[count:][: int(rng.integers(1, 3))])
        )
        if target > 0:
            world.listed[f"P-{customer}"] = listed
            world.payments.append(_payment(customer, target, ""))
    return world


def _typo_world(rng: np.random.Generator, ledgers: int) -> _World:
    """Documents numbered without a gap, dealt to customers; a payment of one names it mistyped."""
    world = _World([], [], {}, {}, {})
    numbers = (70_000_000 + rng.permutation(ledgers * _ITEMS_MAX)).tolist()
    for number in range(ledgers):
        customer = f"C{number:06}"
        owed = world.owed.setdefault(customer, [])
        for place, amount in enumerate(_cents(rng, _ITEMS_MAX).tolist()):
            owed.append((f"{customer}-{place}", amount, 0))
            document = numbers[number * _ITEMS_MAX + place]
            world.items.append(_item(rng, owed[-1], document, customer))
        meant = int(rng.integers(0, _ITEMS_MAX))
        digits = list(str(numbers[number * _ITEMS_MAX + meant]))
        at = int(rng.integers(1, len(digits)))
        if rng.random() < 0.5 and digits[at] != digits[at - 1]:
            digits[at - 1 : at + 1] = digits[at], digits[at - 1]
        else:
            digits[at] = str((int(digits[at]) + int(rng.integers(1, 10))) % 10)
        world.meant[f"P-{customer}"] = owed[meant][0]
        world.payments.append(_payment(customer, owed[meant][1], f"invoice {''.join(digits)}"))
    return world


def _item(
    rng: np.random.Generator, owed: tuple[str, int, int], document: int, customer: str
) -> dict[str, Any]:
    item, amount, offered = owed
    return {
        "open_item_id": item,
        "customer_id": customer,
        "document_number": str(document),
        "currency": "USD",
        "open_minor": amount,
        "original_minor": amount,
        "document_date": _DAY - dt.timedelta(days=int(rng.integers(5, 60))),
        "due_date": _DAY + dt.timedelta(days=int(rng.integers(-20, 20))),
        "discount_date": _DAY + dt.timedelta(days=1) if offered else None,
        "discount_minor": offered,
        "status": "open",
    }


def _payment(customer: str, amount: int, text: str) -> dict[str, Any]:
    return {
        "payment_id": f"P-{customer}",
        "amount_minor": amount,
        "currency": "USD",
        "value_date": _DAY,
        "payer_name": f"Payer {customer} Ltd",
        "remittance_text": text,
    }


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def adversarial_page(record: AdversarialRecord) -> str:
    """The README's table of suites."""
    rows = [
        ("made to mislead", "payments", "applied", "another set fits too", "not what was meant"),
        ("---", "---:", "---:", "---:", "---:"),
        *(
            (
                one.suite,
                f"{one.payments:,}",
                f"{one.applied:,}",
                f"{one.refuted:,}",
                f"{one.false:,}",
            )
            for one in record.suites
        ),
    ]
    payments = sum(one.payments for one in record.suites)
    false = sum(one.false for one in record.suites)
    where = (
        f"{record.date}; {false} of {payments:,} payments applied to what was not meant. Every "
        "second payment of the first four pays something that is not listed. "
        "`make bench-adversarial` repeats it."
    )
    return "\n".join(["| " + " | ".join(row) + " |" for row in rows] + ["", where])


def main(arguments: Sequence[str] | None = None) -> int:
    """Play all suites and print; gives the exit code: 1 where anything is refuted."""
    reader = bench_reader("bench.adversarial", __doc__, "200 ledgers")
    reader.add_argument("--ledgers", type=int, default=_LEDGERS, help="customers of each suite")
    reader.add_argument("--seed", type=int, default=_SEED, help="another one makes other ledgers")
    chosen = reader.parse_args(arguments)
    ledgers = 200 if chosen.quick else chosen.ledgers
    suites = tuple(play(suite, ledgers, chosen.seed) for suite in (*_AMOUNTS, _TYPOS))
    for one in suites:
        print(
            f"{one.suite}: {one.payments:,} payments, {one.applied:,} applied, "
            f"{one.refuted} refuted, {one.false} false"
        )
    versions = installed_versions()
    record = AdversarialRecord(date=date_of(chosen), versions=versions, suites=suites)
    keep(record, chosen, whole=(chosen.ledgers, chosen.seed) == (_LEDGERS, _SEED))
    return 1 if any(one.refuted for one in suites) else 0


if __name__ == "__main__":
    sys.exit(main())
