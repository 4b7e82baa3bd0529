"""Payments ask, items answer: references and amounts are looked up without an index of everything.

Three steps in one job: keys of both sides meet in the task that looks after them; what was found is
taken from the file of its items; the payments of a piece are read with all they asked for. A task
answers by the engine's own rule of how many items a key may lead to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.bucket_match import reached_after_all
from cluster.count_items import OWNER_NAMES
from cluster.flow import begun, gathered, passed
from cluster.mapped_values import mapped_value
from cluster.packets import Received, packed, scattered
from cluster.pieces import payments_of
from cluster.questions import (
    AMOUNT,
    AMOUNT_KEY,
    ANSWER,
    KEY,
    OWNER_KEY,
    QUESTION,
    REFERENCE,
    WRITTEN,
    amount_keys_of_items,
    answers,
    asked_again,
    creditor_keys_of_items,
    distinct_keys,
    frequent_of,
    near_answers,
    part_of_rows,
    questions_of_payments,
    reference_keys_of_items,
    written_for,
)
from cluster.read_inputs import (
    FILE_BITS,
    ROW_MASK,
    items_place,
    keep_given,
    owners_place,
    parts_by_items,
)
from cluster.reading import asks_again, read_payments
from cluster.rows import HIT, NUMBERED_ITEM, READ_ROW, batch_of, first_family, seen
from cluster.stage_files import keep_table, kept_batches, kept_table, taken
from engine.batches import NO_DATE, PaymentBatch
from engine.identify import OurAccounts
from engine.segments import first_of_runs, is_among

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cluster.known_customers import KnownCustomers
    from cluster.packets import Packet
    from cluster.pieces import Pieces
    from cluster.places import Place
    from cluster.run import Run
    from cluster.run_facts import RunFacts

__all__ = ["ReadNotes", "find_again", "found_again_of", "read_all", "told_of", "with_frequent"]

_CREDITOR_COLUMNS: Final = ("company_id", "customer_id", "references", "item_no", "owner")
_AMOUNT_COLUMNS: Final = (
    *("currency", "open_minor", "original_minor", "item_no"),
    "document_number",
)
_REFERENCE_COLUMNS: Final = ("keys", "item_no")

_PAIR: Final = pa.schema([pa.field(name, pa.int64()) for name in ("payment_no", "item_no")])
_FREQUENT: Final = pa.schema([pa.field(name, pa.int64()) for name in ("piece", "key")])
_ASKED: Final = pa.schema([QUESTION.field("kind"), QUESTION.field("key")])
_LATE: Final = pa.schema([pa.field(name, pa.int64()) for name in ("payment_no", "family", "own")])
_COUNTED: Final = pa.schema([pa.field(name, pa.int64()) for name in ("family", "payments")])
_SEVERAL: Final = pa.schema([READ_ROW.field("families")])
_NAMED: Final = pa.schema([READ_ROW.field("original_reference")])
_SUMMARY: Final = pa.schema(
    [
        *(pa.field(name, pa.int64()) for name in ("piece", "asking", "day")),
        pa.field("undated", pa.bool_()),
    ]
)


class ReadNotes(msgspec.Struct, frozen=True, kw_only=True):
    """What reading the payments told: of each piece, how many ask again (asking); the latest day
    (`NO_DATE` counts as the day of the run, so undated says that there is one without); payments by
    the first family each reaches (-1 none); families of payments that reach several; numbers that
    returns name; what is asked again; keys of references of too many items.
    """

    asking: NDArray[np.int64]
    day: int
    undated: bool
    by_family: pa.Table
    several: pa.Table
    named: pa.Table
    asked: pa.Table
    frequent: NDArray[np.uint64]


def told_of(folder: Place, piece: int) -> pa.Table:
    """The payments of a piece as they were read (`READ_ROW`)."""
    return kept_table(_told(folder, piece), READ_ROW)


def found_again_of(folder: Place, piece: int) -> pa.Table:
    """What payments of a piece found when they asked again (`HIT`)."""
    return kept_table(_again(folder, piece), HIT)


def _told(folder: Place, piece: int) -> Place:
    return folder / "payments_told" / f"{piece:05}.arrow"


def _again(folder: Place, piece: int) -> Place:
    return folder / "found_again" / f"{piece:05}.arrow"


def _hits(folder: Place, piece: int) -> Place:
    """Where the hits of payments stand that ask again."""
    return folder / "hits_of_asking" / f"{piece:05}.arrow"


def read_all(run: Run) -> dict[str, int]:
    """Payments with their payers, and what they reach."""
    facts: RunFacts = run.value("facts_counted")
    pieces: Pieces = run.value("pieces")
    known_at, facts_at = run.place_of("customers"), run.place_of("facts_counted")
    folder, parts, files = run.folder, parts_by_items(run), run.value("item_files")
    shapes, companies = facts.whole.shapes, facts.whole.companies
    ours = OurAccounts.of(facts.bank_accounts)

    def ask(number: int) -> Iterator[Packet]:
        if number < len(pieces):
            table = payments_of(folder, pieces, number)
            asked = questions_of_payments(table, shapes, ours, companies)
            yield from scattered("questions", asked, part_of_rows(asked, parts))
            return
        file = number - len(pieces)
        yield from _item_keys(folder, file, mapped_value(known_at), parts)

    def read(piece: int, received: Received) -> Iterator[Packet]:
        payments = payments_of(folder, pieces, piece)
        hits = received.table("hits", HIT)
        known, told = mapped_value(known_at), mapped_value(facts_at)
        frequent = distinct_keys(received.table("frequent", _FREQUENT)["key"])
        whole = msgspec.structs.replace(told.whole, frequent_keys=frequent)
        rows = read_payments(payments, hits, known, msgspec.structs.replace(told, whole=whole))
        keep_table(_told(folder, piece), [rows], READ_ROW)
        asking = rows["payment_no"].filter(asks_again(rows)).combine_chunks()
        again = hits.filter(pc.is_in(hits["payment_no"], value_set=asking))
        keep_table(_hits(folder, piece), [again], HIT)
        keep_given(folder, "payments", rows, piece)
        yield from _told_of_read(rows, piece)
        yield from packed({"frequent": pa.table([frequent.view(np.int64)], names=["key"])})

    sent = begun(run.spark, len(pieces) + files, ask)
    found = passed(sent, parts, _answering(pieces, files))
    hits = passed(found, files, _taking(folder, pieces))
    notes = _notes(gathered(passed(hits, len(pieces), read)))
    run.put(notes, "read_notes")
    whole = msgspec.structs.replace(facts.whole, frequent_keys=notes.frequent)
    run.put(msgspec.structs.replace(facts, whole=whole), "facts_looked_up")
    return {"payments": int(pieces.rows.sum()), "asking_again": int(notes.asking.sum())}


def _item_keys(folder: Place, file: int, known: KnownCustomers, parts: int) -> Iterator[Packet]:
    """The keys of references of the items of a file, and their creditor references."""
    owners = kept_table(owners_place(folder, file), OWNER_NAMES)
    number = known.directory.number_of(
        *(owners[name].combine_chunks() for name in ("company_id", "customer_id"))
    )
    for batch in kept_batches(items_place(folder, file)):
        keys = reference_keys_of_items(pa.table(batch.select(_REFERENCE_COLUMNS)))
        yield from scattered("keys", keys, part_of_rows(keys, parts))
        table = pa.table(batch.select(_CREDITOR_COLUMNS))
        owned = creditor_keys_of_items(table, number[table["owner"].to_numpy()])
        yield from scattered("owner_keys", owned, part_of_rows(owned, parts))


class _answering:  # noqa: N801 - a step, called as a function
    """The step that answers the questions of one part of all keys: to the files of the items."""

    def __init__(self, pieces: Pieces, files: int) -> None:
        self._pieces, self._files = pieces, files

    def __call__(self, _: int, received: Received) -> Iterator[Packet]:
        asked = received.table("questions", QUESTION)
        keys, owned = received.table("keys", KEY), received.table("owner_keys", OWNER_KEY)
        amounts, written = (
            received.table(name, schema)
            for name, schema in (("amount_keys", AMOUNT_KEY), ("written", WRITTEN))
        )
        near = near_answers(asked, amounts, written)
        found = pa.concat_tables([answers(asked, keys, owned), near])
        number = found["payment_no"].to_numpy()
        file = np.where(number < 0, -1, found["item_no"].to_numpy() >> FILE_BITS)
        yield from scattered("answers", found, file)
        for kind, name in ((REFERENCE, "frequent"), (AMOUNT, "frequent_amounts")):
            yield from self._frequent(asked, kind, frequent_of(found, kind), name)

    def _frequent(
        self, asked: pa.Table, kind: int, keys: NDArray[np.uint64], name: str
    ) -> Iterator[Packet]:
        """Keys of too many items, for each piece that asked for one."""
        if not len(keys):
            return
        mine = asked.filter(pc.equal(asked["kind"], kind))
        key = mine["key"].to_numpy()
        key_asked = is_among(key.view(np.uint64), keys)
        piece, key = self._pieces.of(mine["payment_no"].to_numpy()[key_asked]), key[key_asked]
        order = np.lexsort((key, piece))
        piece, key = piece[order], key[order]
        kept = first_of_runs(piece, key)
        rows = pa.table([piece[kept], key[kept]], schema=_FREQUENT)
        yield from scattered(name, rows, piece[kept] % max(self._files, 1))


class _taking:  # noqa: N801 - as above
    """The step that takes what was found from the file of its items: to the pieces that asked."""

    def __init__(self, folder: Place, pieces: Pieces) -> None:
        self._folder, self._pieces = folder, pieces

    def __call__(self, file: int, received: Received) -> Iterator[Packet]:
        for name in ("frequent", "frequent_amounts"):
            rows = received.table(name, _FREQUENT)
            yield from scattered(name, rows, rows["piece"].to_numpy())
        found = received.table("answers", ANSWER)
        if not len(found):
            return
        item, payment = found["item_no"].to_numpy(), found["payment_no"].to_numpy()
        order = np.lexsort((payment, item))
        item, payment = item[order], payment[order]
        once = first_of_runs(item, payment)
        item, payment = item[once], payment[once]
        first = first_of_runs(item)
        place = items_place(self._folder, file)
        rows = taken(place, item[first] & ROW_MASK, NUMBERED_ITEM.names)
        hits = rows.take(pa.array(np.cumsum(first) - 1))
        hits = hits.append_column(HIT.field("payment_no"), pa.array(payment)).select(HIT.names)
        yield from scattered("hits", hits, self._pieces.of(payment))


def _told_of_read(rows: pa.Table, piece: int) -> Iterator[Packet]:
    """What the driver wants to know of payments that were read (`ReadNotes`)."""
    first = first_family(rows)
    payments_of_family = np.bincount(first + 1)
    family = np.flatnonzero(payments_of_family) - 1
    count = payments_of_family[family + 1]
    several = rows.filter(pc.greater(pc.list_value_length(rows["families"]), 1))
    payments = batch_of(PaymentBatch, rows)
    returned = rows.filter(
        pc.and_(pc.less(rows["amount_minor"], 0), pc.not_equal(rows["original_reference"], ""))
    )
    named = returned.select(_NAMED.names).group_by(_NAMED.names).aggregate([])
    asked = asked_again(rows)
    kinds = asked.select(_ASKED.names).group_by(_ASKED.names).aggregate([])
    day = payments.days("value_date")
    day = np.where(day == NO_DATE, payments.days("booking_date"), day)
    asking = len(pc.unique(asked["payment_no"]))
    summary = [[piece], [asking], [int(day.max(initial=NO_DATE))], [bool((day == NO_DATE).any())]]
    yield from packed(
        {
            "by_family": pa.table([family, count], schema=_COUNTED),
            "several": several.select(_SEVERAL.names),
            "named": named,
            "asked": kinds.select(_ASKED.names),
            "summary": pa.table(summary, schema=_SUMMARY),
        }
    )


def _notes(told: Received) -> ReadNotes:
    """What all pieces told, together."""
    summary = told.table("summary", _SUMMARY).sort_by("piece")
    by_family = (
        told.table("by_family", _COUNTED).group_by("family").aggregate([("payments", "sum")])
    )
    return ReadNotes(
        asking=summary["asking"].to_numpy(),
        day=int(summary["day"].to_numpy().max(initial=NO_DATE)),
        undated=bool(pc.any(summary["undated"]).as_py()),
        by_family=by_family.rename_columns(_COUNTED.names),
        several=told.table("several", _SEVERAL),
        named=told.table("named", _NAMED),
        asked=told.table("asked", _ASKED).group_by(_ASKED.names).aggregate([]),
        frequent=distinct_keys(told.table("frequent", _FREQUENT)["key"]),
    )


def find_again(run: Run) -> dict[str, int]:
    """What payments ask for once they were read: numbers inside ranges, and items of an amount
    whose numbers are near one they write.
    """
    notes: ReadNotes = run.value("read_notes")
    facts: RunFacts = run.value("facts_looked_up")
    pieces: Pieces = run.value("pieces")
    asking = np.flatnonzero(notes.asking).tolist()
    folder, parts = run.folder, parts_by_items(run)
    files = run.value("item_files") if asking else 0
    currencies = facts.whole.currencies
    wanted = {kind: _asked_keys(notes.asked, kind) for kind in (REFERENCE, AMOUNT)}
    run.put(wanted, "asked_again")
    known_at, wanted_at = run.place_of("customers"), run.place_of("asked_again")
    facts_at = run.place_of("facts_looked_up")

    def ask(number: int) -> Iterator[Packet]:
        if number < len(asking):
            payments = told_of(folder, asking[number])
            asked = asked_again(payments)
            part = part_of_rows(asked, parts)
            yield from scattered("questions", asked, part)
            yield from scattered("written", *written_for(asked, part, payments))
            return
        file = number - len(asking)
        for batch in kept_batches(items_place(folder, file)):
            for name, keys in _wanted_keys(batch, mapped_value(wanted_at), currencies):
                yield from scattered(name, keys, part_of_rows(keys, parts))

    def read(piece: int, received: Received) -> Iterator[Packet]:
        hits = received.table("hits", HIT)
        keep_table(_again(folder, piece), [hits], HIT)
        frequent = {name: received.table(name, _FREQUENT) for name in _FREQUENT_OF}
        told = with_frequent(mapped_value(facts_at), *frequent.values())
        late = _reached_late(folder, piece, hits, mapped_value(known_at), told)
        yield from packed({"late": late, "found": hits.select(["payment_no"]), **frequent})

    found = Received()
    if asking:
        sent = begun(run.spark, len(asking) + files, ask)
        answered = passed(sent, parts, _answering(pieces, files))
        hits = passed(answered, files, _taking(folder, pieces))
        found = gathered(passed(hits, len(pieces), read))
    run.put(found.table("late", _LATE).sort_by(_BY_LATE), "late")
    frequent = [found.table(name, _FREQUENT) for name in _FREQUENT_OF]
    run.put(with_frequent(facts, *frequent), "facts_found_again")
    rows = found.table("found", pa.schema([HIT.field("payment_no")]))
    return {"asking": len(asking), "found_again": len(rows)}


def with_frequent(facts: RunFacts, keys: pa.Table, amounts: pa.Table) -> RunFacts:
    """`facts` that know of frequent `keys` and `amounts` as well (`_FREQUENT`)."""
    every = np.concatenate([facts.whole.frequent_keys, distinct_keys(keys["key"])])
    whole = msgspec.structs.replace(
        facts.whole,
        frequent_keys=np.sort(every),
        frequent_amounts=distinct_keys(amounts["key"]),
    )
    return msgspec.structs.replace(facts, whole=whole)


def _reached_late(
    folder: Place, piece: int, found: pa.Table, known: KnownCustomers, facts: RunFacts
) -> pa.Table:
    """Families that payments reach by what they `found` when they asked again (`_LATE`)."""
    payments = told_of(folder, piece)
    number = pc.unique(found["payment_no"])
    payments = payments.filter(pc.is_in(payments["payment_no"], value_set=number))
    if not len(payments):
        return _LATE.empty_table()
    before = kept_table(_hits(folder, piece), HIT)
    before = before.filter(pc.is_in(before["payment_no"], value_set=number))
    row, family = reached_after_all(payments, pa.concat_tables([before, found]), known, facts)
    own = first_family(payments)[row]
    late = np.flatnonzero(own != family)
    order = late[np.lexsort((family[late], row[late]))]
    row, family, own = row[order], family[order], own[order]
    once = first_of_runs(row, family) if len(row) else np.empty(0, dtype=np.bool_)
    columns = [payments["payment_no"].to_numpy()[row], family, own]
    return pa.table([column[once] for column in columns], schema=_LATE)


_FREQUENT_OF: Final = ("frequent", "frequent_amounts")
_BY_LATE: Final = [("payment_no", "ascending"), ("family", "ascending")]


def _asked_keys(asked: pa.Table, kind: int) -> NDArray[np.uint64]:
    return distinct_keys(asked.filter(pc.equal(asked["kind"], kind))["key"])


def _wanted_keys(
    batch: pa.RecordBatch, wanted: dict[int, NDArray[np.uint64]], currencies: tuple[str, ...]
) -> Iterator[tuple[str, pa.Table]]:
    """The keys of some items that anything asks for, and what they are called on their way."""
    if len(wanted[REFERENCE]):
        keys = reference_keys_of_items(pa.table(batch.select(_REFERENCE_COLUMNS)))
        yield "keys", keys.filter(pa.array(is_among(seen(keys["key"]), wanted[REFERENCE])))
    if len(wanted[AMOUNT]):
        keys = amount_keys_of_items(pa.table(batch.select(_AMOUNT_COLUMNS)), currencies)
        yield "amount_keys", keys.filter(pa.array(is_among(seen(keys["key"]), wanted[AMOUNT])))
