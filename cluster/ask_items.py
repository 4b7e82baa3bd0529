"""Payments ask, items answer: references and amounts are looked up without an index of everything.

Keys of both sides meet in the task that looks after them; only what was asked for is shuffled. A
task answers by the engine's own rule of how many items a key may lead to.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
from pyspark.sql import functions as sf

from cluster.item_rows import counts_of
from cluster.mapped_values import mapped_value
from cluster.questions import (
    AMOUNT,
    ANSWER,
    CREDITOR,
    KEY,
    QUESTION,
    REFERENCE,
    answers,
    asked_again,
    frequent_of,
    keys_of_items,
    questions_of_payments,
)
from cluster.reading import near_items, read_payments
from cluster.rows import HIT, NUMBERED_ITEM, READ_ROW, batch_of
from cluster.run_facts import RunFacts
from cluster.spark_rows import collected, each_piece, each_together
from engine.accident import amount_keys
from engine.batches import NO_DATE, LearnedFactBatch, OpenItemBatch
from engine.identify import OurAccounts
from engine.policy import read_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

    from cluster.known_customers import KnownCustomers
    from cluster.run import Run

__all__ = ["count_items", "find_again", "look_up", "read_all", "repeats_by_currency"]

_EPOCH: Final = datetime.date(1970, 1, 1)
"""Days are counted from it."""

_KEY_COLUMNS: Final = {
    REFERENCE: ("keys",),
    CREDITOR: ("company_id", "customer_id", "references"),
    AMOUNT: ("currency", "open_minor", "original_minor"),
}
"""What of an item its keys of each kind are made of."""

_FOUND: Final = pa.schema([*HIT, pa.field("family", pa.int64())])
"""An item found when payments asked again; its family where that ties the payment to it, or -1."""


def count_items(run: Run) -> dict[str, int]:
    """What is true of all items: how round amounts are, which recur, what numbers look like."""
    items = run.table("open_items")
    counts = counts_of(collected(items.where("counts is not null").select("counts")))
    known: KnownCustomers = run.value("customers")
    amount = sf.abs("original_minor").alias("amount")
    recurring = collected(
        items.groupBy("currency", amount).agg(sf.count("*").alias("items")).where("items > 1")
    )
    ledger = ("company_id", "customer_id", "currency", amount)
    of_ledger = items.groupBy(*ledger).agg(sf.count("*").alias("items")).where("items < 3")
    repeats = collected(of_ledger.groupBy("currency", "items").agg(sf.count("*").alias("amounts")))
    currencies = sorted(counts.roundness)
    code = {name: number for number, name in enumerate(currencies)}
    codes = np.array([code[name] for name in recurring["currency"].to_pylist()], dtype=np.int64)
    key = amount_keys(codes, recurring["amount"].to_numpy().astype(np.int64))
    order = np.argsort(key)
    none = np.empty(0, dtype=np.uint64)
    whole = counts.whole(
        known.directory.companies,
        (key[order], recurring["items"].to_numpy().astype(np.int64)[order]),
        repeats_by_currency(repeats, code),
        none,
        none,
    )
    latest = collected(run.table("payments").agg(sf.max("booking_date").alias("day")))
    accounts = run.accounts
    facts = RunFacts(
        day=_day(run.job.as_of or latest["day"][0].as_py()),
        policy=read_policy(run.job.policy),
        accounts=accounts.record_batch,
        facts=LearnedFactBatch.empty().record_batch,
        whole=whole,
        originals={},
    )
    run.put(facts, "facts_counted")
    return {"recurring_amounts": len(key), "companies": len(whole.companies)}


def repeats_by_currency(repeats: pa.Table, code: dict[str, int]) -> NDArray[np.int64]:
    """Per currency, amounts that stand once in a ledger, and twice, of rows that count them so."""
    found = np.zeros((len(code), 2), dtype=np.int64)
    for row in repeats.to_pylist():
        found[code[row["currency"]], row["items"] - 1] = row["amounts"]
    return found


def look_up(run: Run) -> dict[str, int]:
    """The items that payments may name, found by their keys."""
    facts: RunFacts = run.value("facts_counted")
    shapes, companies = facts.whole.shapes, facts.whole.companies
    ours, parts = OurAccounts.of(facts.bank_accounts), run.parts

    def ask(piece: pa.Table) -> pa.Table:
        return questions_of_payments(piece, shapes, ours, companies, parts)

    questions = each_piece(run.table("payments"), ask, QUESTION)
    found = run.write(_answered(run, questions, (REFERENCE, CREDITOR)), "answers")
    return {"answers": found.where("payment_no >= 0").count()}


def read_all(run: Run) -> dict[str, int]:
    """Payments with their payers, and what they reach."""
    known_at, facts_at = run.place_of("customers"), run.place_of("facts_looked_up")
    facts: RunFacts = run.value("facts_counted")
    rare = collected(run.table("answers").where("payment_no < 0"))
    whole = msgspec.structs.replace(facts.whole, frequent_keys=frequent_of(rare, REFERENCE))
    run.put(msgspec.structs.replace(facts, whole=whole), "facts_looked_up")
    names, parts = NUMBERED_ITEM.names, run.parts
    asked = run.table("answers").where("payment_no >= 0").select("payment_no", "item_no").distinct()
    hits = asked.join(run.table("open_items").select(*names), "item_no").select(*HIT.names)

    def read(_: int, payments: pa.Table, found: pa.Table) -> pa.Table:
        return read_payments(payments, found, mapped_value(known_at), mapped_value(facts_at))

    rows = each_together(
        _in_parts(run.table("payments"), parts), _in_parts(hits, parts), "part", read, READ_ROW
    )
    kept = run.write(rows, "payments_told")
    return {"payments": kept.count()}


def find_again(run: Run) -> dict[str, int]:
    """What payments ask for once they were read: numbers inside ranges, and items of an amount
    whose numbers are near one they write.
    """
    known_at, parts = run.place_of("customers"), run.parts
    read = run.table("payments_told")
    lists = ("numbers_between", "amounts_asked", "numbers_written")
    asking = read.where("size(numbers_between) > 0 or size(amounts_asked) > 0")
    asking = asking.select("payment_no", *lists)

    def ask(piece: pa.Table) -> pa.Table:
        return asked_again(piece, parts)

    questions = run.write(each_piece(asking, ask, QUESTION), "asked_again")
    found = run.write(_answered(run, questions, (REFERENCE, AMOUNT), few=True), "answers_again")
    by_pair = found.where("payment_no >= 0").groupBy("payment_no", "item_no")
    pairs = by_pair.agg(sf.min("kind").alias("first_kind"), sf.max("kind").alias("last_kind"))
    hits = pairs.join(run.table("open_items").select(*NUMBERED_ITEM.names), "item_no")

    def near(_: int, payments: pa.Table, items: pa.Table) -> pa.Table:
        return _near(payments, items, mapped_value(known_at))

    rows = each_together(_in_parts(asking, parts), _in_parts(hits, parts), "part", near, _FOUND)
    return {"found_again": run.write(rows, "found_again").count()}


def _answered(
    run: Run, questions: DataFrame, kinds: Sequence[int], *, few: bool = False
) -> DataFrame:
    """The answers to `questions` of the given kinds; where they are `few`, only keys that are asked
    for are moved.
    """
    known_at, parts = run.place_of("customers"), run.parts
    facts: RunFacts = run.value("facts_counted")
    currencies = facts.whole.currencies

    def keys(piece: pa.Table) -> pa.Table:
        return keys_of_items(piece, currencies, mapped_value(known_at), kinds, parts)

    needed = ["item_no", *(name for kind in kinds for name in _KEY_COLUMNS[kind])]
    found = each_piece(run.table("open_items").select(*needed), keys, KEY)
    if few:
        asked = questions.select("kind", "key").distinct()
        found = found.join(sf.broadcast(asked), ["kind", "key"], "left_semi").select(*KEY.names)

    def answer(_: int, asked: pa.Table, known: pa.Table) -> pa.Table:
        return answers(asked, known)

    return each_together(questions, found, "part", answer, ANSWER)


def _near(payments: pa.Table, items: pa.Table, known: KnownCustomers) -> pa.Table:
    """The `items` asked for again that are worth looking at (`_FOUND`)."""
    by_amount = items.column("last_kind").to_numpy() == AMOUNT
    near = np.zeros(len(items), dtype=np.bool_)
    if by_amount.any():
        near[by_amount] = near_items(payments, items.filter(pa.array(by_amount)))
    family = np.where(near, known.family_of(batch_of(OpenItemBatch, items)), -1)
    kept = near | (items.column("first_kind").to_numpy() == REFERENCE)
    found = items.append_column("family", pa.array(family))
    return found.filter(pa.array(kept)).select(_FOUND.names)


def _in_parts(rows: DataFrame, parts: int) -> DataFrame:
    """`rows` with the task that looks after each one's payment."""
    return rows.withColumn("part", sf.expr(f"pmod(xxhash64(payment_no), {parts})"))


def _day(day: datetime.date | None) -> int:
    return NO_DATE if day is None else (day - _EPOCH).days
