"""`python -m bench.names`: customers by the names of payers, beside peers, and what may be decided.

Damaged names of `bench.payer_names` against a resident index, in processor seconds of one core;
peers over the same folded names in an environment of their own (`make .cache/peers-names/.ready`).
Then the whole engine on payments that name nothing: payers, of whom some are in no master, whose
amounts are one or two open items of theirs, or anybody's.
"""

from __future__ import annotations

import datetime
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from bench import record as records
from bench.arguments import bench_reader, date_of, keep
from bench.names_record import NameMeasure, NamesRecord, Precision, names_table
from bench.payer_names import make_names
from engine.batches import CustomerBatch, OpenItemBatch, PaymentBatch
from engine.identify import FIRST_NAME, IDENTIFIED_BY
from engine.matcher import MatchInput, match_payments
from engine.name_evidence import NAME, NameBook, NearNames
from engine.names import normalise_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.payer_names import NameWorld
    from engine.name_evidence import NamesFound

__all__ = ["main", "measure_names", "measure_precision"]

ROOT: Final = Path(__file__).resolve().parents[1]
_PEER_PYTHON: Final = ROOT / ".cache" / "peers-names" / "bin" / "python"
_PEERS: Final = {
    "sparse_dot_topn": "TF-IDF of three letters, sparse_dot_topn",
    "rapidfuzz": "rapidfuzz `cdist`, ratio",
}
_ITEMS_EACH: Final = 4
_UNKNOWN_SHARE: Final = 0.3
_DAY: Final = datetime.date(2026, 9, 15)


class _Index:
    """The names of customers, indexed once."""

    def __init__(self, customers: Sequence[str]) -> None:
        names = normalise_names(pa.array(customers))
        count = len(customers)
        self._book = NameBook.of(names, np.zeros(count, dtype=np.int64), np.arange(count))
        self._near = NearNames.of(self._book)

    def find(self, payers: Sequence[str]) -> NamesFound:
        """Whose names they are."""
        names = normalise_names(pa.array(payers))
        scope = np.zeros(len(payers), dtype=np.int64)
        return self._near.search(names, scope, self._book.look_up(names, scope))


def measure_names(world: NameWorld, repeats: int) -> NameMeasure:
    """Ours on one world."""
    index = _Index(world.customers)
    spent = []
    for _ in range(repeats):
        started = time.process_time()
        found = index.find(world.payers)
        spent.append(time.process_time() - started)
    right = np.mean(found.first == np.array(world.truth))
    return NameMeasure(
        name="Tieout",
        customers=len(world.customers),
        names=len(world.payers),
        names_per_second=round(len(world.payers) / statistics.median(spent), 1),
        right_share=round(float(right), 4),
    )


def _measure_peers(world: NameWorld) -> list[NameMeasure]:
    folded = {
        "customers": normalise_names(pa.array(world.customers)).core.to_pylist(),
        "payers": normalise_names(pa.array(world.payers)).core.to_pylist(),
        "truth": world.truth,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "names.json"
        path.write_text(json.dumps(folded), "utf-8")
        command = [str(_PEER_PYTHON), str(ROOT / "bench" / "name_peers.py"), str(path)]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return [
        NameMeasure(
            name=title,
            customers=len(world.customers),
            names=found[peer]["names"],
            names_per_second=round(found[peer]["names"] / found[peer]["seconds"], 1),
            right_share=round(found[peer]["right"] / found[peer]["names"], 4),
        )
        for peer, title in _PEERS.items()
    ]


def measure_precision(world: NameWorld, seed: int) -> list[Precision]:
    """What each kind of name would decide alone, and what the engine decides with the amount."""
    truth = np.array(world.truth)
    found = _Index(world.customers).find(world.payers)
    kinds = [
        Precision(
            kind=IDENTIFIED_BY[FIRST_NAME + kind - NAME],
            decided=int((found.kind == kind).sum()),
            wrong=int(((found.kind == kind) & (found.owner != truth)).sum()),
        )
        for kind in range(NAME, NAME + len(IDENTIFIED_BY) - FIRST_NAME - 1)
    ]
    match_input, paid = _payments_by_amount(world, seed)
    result = match_payments(match_input, lambda _stage, _rows: None)
    rows: list[dict[str, Any]] = result.applications.record_batch.select(
        ["payment_id", "open_item_id", "decision"]
    ).to_pylist()
    applied: dict[str, set[str]] = {}
    for row in rows:
        if row["decision"] == "auto":
            applied.setdefault(row["payment_id"], set()).add(row["open_item_id"])
    wrong = sum(items != paid[payment] for payment, items in applied.items())
    return [*kinds, Precision(kind="name and amount", decided=len(applied), wrong=wrong)]


def _payments_by_amount(
    world: NameWorld, seed: int
) -> tuple[MatchInput, dict[str, frozenset[str]]]:
    """One payment per payer, naming nothing, and the items it truly pays (none of a stranger)."""
    dice, count = random.Random(seed), len(world.customers)  # noqa: S311 - seeded on purpose
    shape = np.random.default_rng(seed)
    amounts: NDArray[np.int64] = (
        np.rint(np.exp(shape.normal(np.log(150_000), 1.5, count * _ITEMS_EACH))).astype(np.int64)
        + 100
    )
    owner = np.repeat(np.arange(count), _ITEMS_EACH)
    paid: dict[str, frozenset[str]] = {}
    cash = []
    for number, customer in enumerate(world.truth):
        payer = customer if customer >= 0 else dice.randrange(count)
        first = payer * _ITEMS_EACH
        items = dice.sample(range(first, first + _ITEMS_EACH), 2 if dice.random() < 0.2 else 1)
        paid[f"P{number}"] = frozenset(f"I{item}" for item in items if customer >= 0)
        cash.append(int(amounts[items].sum()))
    ids = [f"C{number}" for number in range(count)]
    return (
        MatchInput(
            payments=PaymentBatch.from_columns(
                {
                    "payment_id": list(paid),
                    "payer_name": world.payers,
                    "amount_minor": cash,
                    "currency": ["USD"] * len(cash),
                    "value_date": [_DAY] * len(cash),
                }
            ),
            open_items=OpenItemBatch.from_columns(
                {
                    "open_item_id": [f"I{number}" for number in range(len(owner))],
                    "document_number": [f"{7_000_000 + number}" for number in range(len(owner))],
                    "customer_id": pa.array(ids).take(pa.array(owner)),
                    "currency": ["USD"] * len(owner),
                    "original_minor": amounts,
                    "open_minor": amounts,
                    "status": ["open"] * len(owner),
                }
            ),
            customers=CustomerBatch.from_columns({"customer_id": ids, "name": world.customers}),
        ),
        paid,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say; gives the exit code."""
    reader = bench_reader("bench.names", __doc__, "few names")
    chosen = reader.parse_args(arguments)
    if not _PEER_PYTHON.exists():
        print("the peers are not installed: make .cache/peers-names/.ready", file=sys.stderr)
        return 2
    customers, payers = (2_000, 300) if chosen.quick else (100_000, 10_000)
    world = make_names(customers, payers, unknown_share=0.0, seed=7)
    measures = [measure_names(world, 1 if chosen.quick else 3), *_measure_peers(world)]
    many = make_names(customers * 10, payers, unknown_share=0.0, seed=8)
    strangers = make_names(customers, payers, unknown_share=_UNKNOWN_SHARE, seed=11)
    record = NamesRecord(
        date=date_of(chosen),
        size="quick" if chosen.quick else "full",
        machine=records.this_machine(),
        versions=records.installed_versions(),
        measures=(*measures, measure_names(many, 1)),
        unknown_share=_UNKNOWN_SHARE,
        precision=tuple(measure_precision(strangers, 13)),
        ratios={
            f"names / {peer}": round(
                measures[0].names_per_second / measures[number].names_per_second, 1
            )
            for number, peer in enumerate(_PEERS, start=1)
        },
    )
    print(names_table(record))
    print(record.ratios)
    keep(record, chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
