"""The stages of a cluster's run one after another, without Spark: slow and plain.

What Spark does between the tasks (joins, groups, sums) is done here by Arrow and numpy, so that the
tasks themselves can be tried on many worlds.
"""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.ask_items import with_frequent
from cluster.bucket_match import bucket_input, first_round, reached_after_all
from cluster.buckets import Buckets, Ties
from cluster.count_items import Owners
from cluster.item_rows import item_rows
from cluster.known_customers import KnownCustomers
from cluster.questions import (
    AMOUNT,
    REFERENCE,
    amount_keys_of_items,
    answers,
    asked_again,
    creditor_keys_of_items,
    frequent_of,
    near_answers,
    part_of_rows,
    questions_of_payments,
    reference_keys_of_items,
    written_for,
)
from cluster.read_inputs import repeats_by_currency
from cluster.reading import asks_again, read_payments
from cluster.rows import NUMBERED_ITEM, batch_of, lists_of, with_lines
from cluster.run_facts import RunFacts
from engine.accident import amount_keys
from engine.advices import join_advices
from engine.batches import NO_DATE, OpenItemBatch, RemittanceBatch
from engine.due_habits import PaidAges
from engine.identify import OurAccounts
from engine.matcher import match_payments
from engine.returns import find_originals
from engine.whole import ItemCounts


def quiet(stage, row_count):
    del stage, row_count


class PartedRun:
    """A match in parts: of items, of payments, of keys; in buckets of about so many items."""

    def __init__(self, match_input, parts=3, bucket_items=900, bucket_payments=150):
        self.input = match_input
        self.parts = parts
        self.cuts = (bucket_items, bucket_payments)
        self._count()
        self._read()
        self._find_again()
        self._lay_out()

    def _pieces(self, count):
        return np.array_split(np.arange(count), self.parts)

    def _count(self):
        given = self.input
        items = given.open_items
        self.items, counted = [], []
        for number, rows in enumerate(self._pieces(len(items))):
            part = items.take(rows)
            table, counts = item_rows(part, Owners.of(part).of_row, number << 32)
            self.items.append(table)
            counted.append(counts)
        self.every = pa.concat_tables(self.items)
        counts = ItemCounts.total(counted)
        owners = self.every.group_by(["company_id", "customer_id"]).aggregate([([], "count_all")])
        names = ["company_id", "customer_id", "items"]
        self.known = KnownCustomers.of(given.customers, owners.rename_columns(names))
        self.currencies = sorted(counts.roundness)
        codes = pc.index_in(items.text("currency"), pa.array(self.currencies, pa.string()))
        keys = amount_keys(codes.to_numpy().astype(np.int64), items.int64("original_minor"))
        names = ["company_id", "customer_id", "currency"]
        ledgers = pa.table({name: items.text(name) for name in names} | {"key": keys})
        standing = ledgers.group_by([*names, "key"]).aggregate([([], "count_all")])
        standing = standing.rename_columns([*names, "key", "items"])
        few = standing.filter(pc.less(standing["items"], 3))
        few = few.group_by(["currency", "items"]).aggregate([([], "count_all")])
        few = few.rename_columns(["currency", "items", "amounts"])
        code = {name: number for number, name in enumerate(self.currencies)}
        key, times = np.unique(keys, return_counts=True)
        none = np.empty(0, dtype=np.uint64)
        companies = self.known.directory.companies
        self.facts = RunFacts(
            day=int(given.payments.days("booking_date").max(initial=NO_DATE)),
            policy=given.policy,
            accounts=given.bank_accounts.record_batch,
            facts=given.learned.record_batch,
            whole=counts.whole(
                companies,
                (key[times > 1], times[times > 1]),
                repeats_by_currency(few, code),
                none,
                none,
            ),
            originals=find_originals(given.payments),
        )

    def _whole(self, **more):
        whole = msgspec.structs.replace(self.facts.whole, **more)
        self.facts = msgspec.structs.replace(self.facts, whole=whole)

    def _ask(self, questions):
        owned = [
            creditor_keys_of_items(piece, self.known.customer_of(batch_of(OpenItemBatch, piece)))
            for piece in self.items
        ]
        keys = [reference_keys_of_items(piece) for piece in self.items]
        sides = [questions, pa.concat_tables(keys), pa.concat_tables(owned)]
        return pa.concat_tables([answers(*part) for part in self._parted(sides)])

    def _ask_amounts(self, questions):
        keys = [amount_keys_of_items(piece, self.currencies) for piece in self.items]
        written, part = written_for(questions, part_of_rows(questions, self.parts), self.read)
        asked = self._parted([questions, pa.concat_tables(keys)])
        texts = (written.filter(pa.array(part == one)) for one in range(self.parts))
        return pa.concat_tables(
            [near_answers(*sides, text) for sides, text in zip(asked, texts, strict=True)]
        )

    def _parted(self, sides):
        part = [part_of_rows(side, self.parts) for side in sides]
        for one in range(self.parts):
            yield [s.filter(pa.array(p == one)) for s, p in zip(sides, part, strict=True)]

    def _fetched(self, found):
        found = found.filter(pc.greater_equal(found["payment_no"], 0))
        at = pc.index_in(found["item_no"], value_set=self.every["item_no"].combine_chunks())
        rows = self.every.select(NUMBERED_ITEM.names).take(at)
        return rows.append_column("payment_no", found["payment_no"])

    def _read(self):
        given = self.input
        joined = join_advices(given.payments, given.remittances, given.advices)
        self.orphans, lines = joined.orphans, joined.remittances
        payments = []
        for number, rows in enumerate(self._pieces(len(given.payments))):
            part = given.payments.take(rows)
            own = pc.is_in(lines.text("payment_id"), value_set=part.text("payment_id"))
            kept = RemittanceBatch.of(lines.record_batch.filter(own))
            payments.append(with_lines(part, kept, number << 32))
        ours, whole = OurAccounts.of(given.bank_accounts), self.facts.whole
        questions = [
            questions_of_payments(part, whole.shapes, ours, whole.companies) for part in payments
        ]
        found = self._ask(pa.concat_tables(questions))
        self._whole(frequent_keys=frequent_of(found, REFERENCE))
        self.hits = self._fetched(found)
        self.read = pa.concat_tables(
            [
                read_payments(part, self._of(part, self.hits), self.known, self.facts)
                for part in payments
            ]
        )

    @staticmethod
    def _of(payments, rows):
        own = payments["payment_no"].combine_chunks()
        return rows.filter(pc.is_in(rows["payment_no"], value_set=own))

    def _find_again(self):
        asked = asked_again(self.read)
        found = pa.concat_tables([self._ask(asked), self._ask_amounts(asked)])
        keys, amounts = (
            pa.table({"key": frequent_of(found, kind).view(np.int64)})
            for kind in (REFERENCE, AMOUNT)
        )
        self.facts = with_frequent(self.facts, keys, amounts)
        self.again = self._fetched(found)
        self.asking = asking = self.read.filter(asks_again(self.read))
        hits = pa.concat_tables([self._of(asking, self.hits), self.again])
        self.late = reached_after_all(asking, hits, self.known, self.facts)
        self.late_payment = asking["payment_no"].to_numpy()[self.late[0]]

    def _lay_out(self):
        number = self.read["payment_no"].to_numpy()
        owner, lists = lists_of(self.read, "families")
        family = lists["families"].to_numpy()
        first = np.full(len(number), -1)
        first[owner[::-1]] = family[::-1]
        rows = {name: at for at, name in enumerate(self.read["payment_id"].to_pylist())}
        one = np.array([rows[name] for name in self.facts.originals], dtype=np.int64)
        two = np.array([rows[name] for name in self.facts.originals.values()], dtype=np.int64)
        none = np.empty(0, dtype=np.int64)
        ties = Ties(
            one=first[owner],
            two=family,
            found=none,
            found_family=none,
            returned=number[one],
            original=number[two],
            returned_family=first[one],
            original_family=first[two],
        )
        late, reached = self.late_payment, self.late[1]
        order = np.lexsort((reached, late))
        late, reached = late[order], reached[order]
        own = first[np.searchsorted(number, late)]
        ties = ties.with_late(late, reached, own)
        self.number, self.first = number, first
        self._whole(payments=len(number))
        self._cut(ties)
        self.strays = 0
        while len(more := self._strayed()[0]):
            self.strays += len(more)
            assert self.strays < 1_000, "payments stray on and on"
            self._cut(ties := ties.with_late(*self._strayed()))

    def _strayed(self):
        found = self.first_rounds()
        payment = pc.list_flatten(found["strays"]).to_numpy()
        family = pc.list_flatten(found["stray_families"]).to_numpy()
        order = np.lexsort((family, payment))
        payment, family = payment[order], family[order]
        return payment, family, self.first[np.searchsorted(self.number, payment)]

    def _cut(self, ties):
        number, first = self.number, self.first
        payments = np.bincount(first[first >= 0], minlength=len(self.known.directory))
        self.buckets = Buckets.of(
            self.known.items, payments, int((first < 0).sum()), ties, *self.cuts
        )
        self.bucket = self.buckets.of_payments(number, first)
        self.item_bucket = self.buckets.of_family[
            self.known.family_of(batch_of(OpenItemBatch, self.every))
        ]

    def in_buckets(self):
        """Bucket, payments and items of each."""
        for bucket in range(self.buckets.count):
            payments = self.read.filter(pa.array(self.bucket == bucket))
            home = self.every.filter(pa.array(self.item_bucket == bucket))
            guests = self._of(payments, self.again)
            items = [table.select(NUMBERED_ITEM.names) for table in (home, guests)]
            yield bucket, payments, pa.concat_tables(items)

    def first_rounds(self):
        """What references decide in every bucket."""
        return pa.concat_tables(
            [
                first_round(bucket, payments, items, self.known, self.facts, self.buckets)
                for bucket, payments, items in self.in_buckets()
            ]
        )

    def results(self):
        """The result of every bucket."""
        found = self.first_rounds()
        paid, odds = (
            np.sum(np.array(found[name].to_pylist(), dtype=np.int64), axis=0)
            for name in ("paid", "odds")
        )
        days = self.input.payments.days("value_date")
        days = np.where(days == NO_DATE, self.input.payments.days("booking_date"), days)
        days = np.where(days == NO_DATE, self.facts.day, days)
        self._whole(paid=PaidAges(paid, int(days.max(initial=NO_DATE))), odds=odds)
        return [
            match_payments(bucket_input(payments, items, self.known, self.facts), quiet)
            for _, payments, items in self.in_buckets()
        ]
