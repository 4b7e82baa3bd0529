"""One bucket is matched: by the engine as it is, told what it cannot see of the others.

A bucket holds whole groups of families with all their items, the payments that reach them, and what
those payments hit elsewhere. It is matched twice. The first time only references decide: at which
age items are paid is counted, and it is checked that no payment reaches into another bucket. The
second time, with the ages of all buckets, everything is decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from cluster.earlier import with_settled
from cluster.rows import batch_of, first_family, items_of, lines_of, lists_of, payers_of
from engine.batches import OpenItemBatch, PaymentBatch
from engine.due_habits import ages_of_paid
from engine.groups import reached_families
from engine.intake import take_in
from engine.matcher import match_payments
from engine.rounds import decide_by_reference, paid_items, unlisted_odds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from cluster.buckets import Buckets
    from cluster.earlier import Earlier
    from cluster.known_customers import KnownCustomers
    from cluster.run_facts import RunFacts
    from engine.intake import Intake
    from engine.match_input import MapOrdered, MatchInput, MatchResult
    from engine.rounds import Round

__all__ = ["FIRST_ROUND", "bucket_input", "first_round", "reached_after_all", "second_round"]

FIRST_ROUND = pa.schema(
    [
        pa.field("bucket", pa.int64()),
        pa.field("payments", pa.int64()),
        pa.field("items", pa.int64()),
        pa.field("paid", pa.list_(pa.int64())),
        pa.field("odds", pa.list_(pa.int64())),
        pa.field("strays", pa.list_(pa.int64())),
        pa.field("stray_families", pa.list_(pa.int64())),
        pa.field("stray_own", pa.list_(pa.int64())),
    ]
)
"""What the first round of a bucket tells: items paid by age; payments left to amounts by the odds
that something listed is paid (`engine.unlisted`); payments that reach a family of
another bucket, that family, and the first one each reaches anyway (-1 none)."""


def bucket_input(
    payments: pa.Table, items: pa.Table, known: KnownCustomers, facts: RunFacts
) -> MatchInput:
    """The input of one bucket: its `payments` (`READ_ROW`), its `items` and its guests."""
    names = [*OpenItemBatch.SCHEMA.names, "item_no"]
    _, strangers = lists_of(payments, "strangers")
    every = pa.concat_tables([items.select(names), strangers.select(names)], promote_options="none")
    batch, _ = items_of(every)
    told = payers_of(payments)
    wanted = [
        known.family_of(batch),
        *(known.families_named(told.text(name)) for name in ("payer", "rival", "nearest")),
    ]
    return msgspec.structs.replace(
        facts.match_input(),
        payments=batch_of(PaymentBatch, payments),
        remittances=lines_of(payments),
        open_items=batch,
        customers=known.batch_of_families(np.concatenate(wanted)),
        payers=told,
    )


def first_round(
    bucket: int,
    payments: pa.Table,
    items: pa.Table,
    known: KnownCustomers,
    facts: RunFacts,
    buckets: Buckets,
    map_ordered: MapOrdered = map,
) -> pa.Table:
    """Let references decide (`FIRST_ROUND`)."""
    match_input = bucket_input(payments, items, known, facts)
    intake = take_in(match_input, _quiet, map_ordered)
    named = decide_by_reference(intake, intake.situation, map_ordered)
    row, family = _reached(intake, named, known)
    stray = buckets.of_family[family] != bucket
    strays = row[stray]
    number = payments.column("payment_no").to_numpy()
    return pa.table(
        {
            "bucket": [bucket],
            "payments": [len(payments)],
            "items": [len(match_input.open_items)],
            "paid": [ages_of_paid(intake.index, *paid_items(intake, named)).tolist()],
            "odds": [unlisted_odds(intake, named, map_ordered).tolist()],
            "strays": [number[strays].tolist()],
            "stray_families": [family[stray].tolist()],
            "stray_own": [first_family(payments)[strays].tolist()],
        },
        schema=FIRST_ROUND,
    )


def reached_after_all(
    payments: pa.Table, items: pa.Table, known: KnownCustomers, facts: RunFacts
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of `payments` and families that they reach with all they have found in `items`: by the
    engine's own reading, before references decide and after.

    Items of payers' families that nobody asked for are not there: where a family is too large to be
    compared with, it seems small here. What such a payment reaches shows in its bucket
    (`first_round`).
    """
    intake = take_in(bucket_input(payments, items, known, facts), _quiet)
    return _reached(intake, decide_by_reference(intake, intake.situation), known)


def _reached(
    intake: Intake, named: Round, known: KnownCustomers
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of payments as they came, and the families they reach, by their numbers in the run."""
    global_number = known.directory.numbers.look_up(intake.directory.keys)
    rows, families = zip(
        *(
            reached_families(situation, intake.directory.family)
            for situation in (intake.situation, named.situation)
        ),
        strict=True,
    )
    return intake.order[np.concatenate(rows)], global_number[np.concatenate(families)]


def second_round(
    payments: pa.Table,
    items: pa.Table,
    known: KnownCustomers,
    facts: RunFacts,
    tell: Callable[[MatchInput, MatchResult], dict[str, pa.Table]],
    earlier: Earlier | None = None,
    map_ordered: MapOrdered = map,
) -> dict[str, Any]:
    """Match the bucket; `tell` turns what came of it into tables by name."""
    match_input = bucket_input(payments, items, known, facts)
    if earlier is not None:
        match_input = with_settled(match_input, earlier)
    return tell(match_input, match_payments(match_input, _quiet, map_ordered))


def _quiet(stage: str, row_count: int) -> None:
    del stage, row_count
