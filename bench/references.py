"""`python -m bench.references`: references read from texts, looked up, mended where damaged.

Everything measured is the engine's own path. Beside it, in the same run, `re.findall` over the same
texts, and joins of duckdb and polars in an environment of their own
(`make .cache/peers/.ready` installs them by hash).
"""

from __future__ import annotations

import functools
import itertools
import re
import resource
import sys
import time
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa

from bench import record as records
from bench.arguments import bench_reader, date_of, keep
from bench.joins import PEER_PYTHON, measure_hashed_join, measure_join
from bench.measures import least_cpu_seconds
from bench.reference_inputs import (
    damage_payments,
    make_customers,
    make_open_items,
    make_payments,
)
from bench.references_record import (
    DamageMeasure,
    ExtractionMeasure,
    ReferencesRecord,
    StageSeconds,
    references_ratios,
)
from bench.references_report import print_references
from engine.groups import Part
from engine.intake import take_in
from engine.match_input import MatchInput
from engine.readings import chains_of, number_windows, read_numbers, word_windows
from engine.rounds import decide_by_reference
from engine.strategies.fuzzy import repair_references
from engine.tokens import run_values, scan_digits, text_chunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.reference_inputs import ReferenceInputs
    from engine.intake import Intake

__all__ = ["FULL_SIZES", "QUICK_SIZES", "Sizes", "main", "measure_references"]

_SAMPLE: Final = 20_000
"""Texts whose references are counted one by one."""

_PATTERN: Final = (
    r"(?i)\b(?:(?:inv(?:oice)?|rg|re-nr|rechnung|factuur|bill no|remit)[.: ]*)?"
    r"((?:SI[- ]?|FV|26[/ ]?VK[/ ]?)?\d{6,10})\b"
)
"""The prefixes and styles of the texts, as somebody who knew them would write them."""


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of each measurement, and how often a short one is repeated."""

    name: str
    texts: int
    payments: int
    items: int
    customers: int
    damaged: int
    repeats: int


FULL_SIZES: Final = Sizes(
    name="full",
    texts=1_000_000,
    payments=1_000_000,
    items=5_000_000,
    customers=100_000,
    damaged=50_000,
    repeats=5,
)
"""A large AR department's month against all it has open."""

QUICK_SIZES: Final = Sizes(
    name="quick",
    texts=2_000,
    payments=1_000,
    items=4_000,
    customers=80,
    damaged=200,
    repeats=1,
)
"""Everything once; its times mean nothing and are not kept."""


def measure_references(sizes: Sizes, date: str) -> ReferencesRecord:
    """Every measurement of `sizes`; `date` is the caller's."""
    extraction = _measure_extraction(sizes)
    items = make_open_items(sizes.items, sizes.customers, 11, dense=True)
    inputs = make_payments(items, sizes.payments - sizes.damaged, 12)
    inputs, damaged = damage_payments(inputs, items, sizes.damaged, 13)
    intake, stages = _take_in(
        MatchInput(
            payments=inputs.payments,
            open_items=items,
            customers=make_customers(sizes.customers, companies=1),
        )
    )
    join = measure_join(intake.index, sizes.payments, sizes.repeats)
    hashed_join = measure_hashed_join(len(intake.index), sizes.payments, sizes.repeats)
    return ReferencesRecord(
        date=date,
        size=sizes.name,
        machine=records.this_machine(),
        versions=records.installed_versions(),
        extraction=extraction,
        join=join,
        hashed_join=hashed_join,
        stages=stages,
        damage=_measure_damage(intake, inputs, damaged),
        peak_mib=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        ratios=references_ratios(extraction, join, hashed_join),
    )


def _measure_extraction(sizes: Sizes) -> ExtractionMeasure:
    items = make_open_items(max(sizes.texts // 2, 8), max(sizes.customers // 10, 4), 1)
    inputs = make_payments(items, sizes.texts, 2)
    texts = inputs.payments.text("remittance_text")
    find = re.compile(_PATTERN).findall
    strings = texts.to_pylist()
    sample = make_payments(items, min(sizes.texts, _SAMPLE), 3)
    shown = sample.payments.text("remittance_text")
    digits = [re.sub(r"\D", "", match) for text in shown.to_pylist() for match in find(text)]
    documents = items.text("document_number")
    return ExtractionMeasure(
        texts=sizes.texts,
        bytes=texts.nbytes,
        named=inputs.named,
        scan_cpu_seconds=least_cpu_seconds(functools.partial(_scan, texts), sizes.repeats),
        forms_cpu_seconds=least_cpu_seconds(functools.partial(_forms, texts), sizes.repeats),
        re_cpu_seconds=least_cpu_seconds(lambda: [find(text) for text in strings], 1),
        found_share=_share(sample, documents, _forms(shown)),
        re_found_share=_share(sample, documents, np.array(digits, dtype=np.uint64)),
    )


def _share(inputs: ReferenceInputs, documents: pa.StringArray, found: NDArray[np.uint64]) -> float:
    """Share of the documents named whose number, or serial without its prefix, was found."""
    written = documents.take(pa.array(inputs.items)).to_pylist()
    known = set(found.tolist())
    right = sum(
        int(re.sub(r"\D", "", text)) in known or int(text[-7:]) in known for text in written
    )
    return round(right / max(len(written), 1), 5)


def _scan(texts: pa.StringArray) -> int:
    """Digit runs and the numbers they write."""
    count = 0
    for chunk in text_chunks(texts):
        run = scan_digits(chunk)
        count += len(run_values(chunk.content, run.start, run.end))
    return count


def _forms(texts: pa.StringArray) -> NDArray[np.uint64]:
    """Keys of every canonical form: numbers, joined runs, sequences, words; and the chains."""
    keys = []
    for chunk in text_chunks(texts):
        numbers = read_numbers(chunk)
        keys += [number_windows(numbers).key, word_windows(chunk).key]
        chains_of(numbers)
    return np.concatenate(keys)


def _take_in(match_input: MatchInput) -> tuple[Intake, tuple[StageSeconds, ...]]:
    """Everything up to the first situation, each stage by its own clock."""
    marks: list[tuple[str, int, float]] = []
    intake = take_in(
        match_input, lambda stage, rows: marks.append((stage, rows, time.process_time()))
    )
    marks.append(("end", 0, time.process_time()))
    stages = [
        StageSeconds(stage=stage, rows=rows, cpu_seconds=round(after - begin, 2))
        for (stage, rows, begin), (_, _, after) in itertools.pairwise(marks)
    ]
    return intake, tuple(stages)


def _measure_damage(
    intake: Intake, inputs: ReferenceInputs, damaged: NDArray[np.bool_]
) -> DamageMeasure:
    """The engine's repair of payments whose only number is damaged; then a round on them."""
    payment = np.flatnonzero(damaged[intake.order])
    truth = inputs.first_item[intake.order][payment]
    part = Part.of(intake.situation, payment)
    slots, index = part.situation.slots, intake.index
    began = time.process_time()
    mended = repair_references(part.situation)
    spent = time.process_time() - began
    right = np.zeros(len(payment), dtype=np.bool_)
    wrong = right.copy()
    # Some numbers lead to their item as they stand: nothing of them was to be mended.
    whole = ~mended.repaired & (mended.item >= 0)
    whole &= index.order[mended.item] == truth[mended.payment]
    right[mended.payment[whole]] = True
    fresh = mended.repaired & (mended.item >= 0) & (mended.item != slots.item)
    same = index.order[mended.item] == truth[mended.payment]
    right[mended.payment[fresh & same]] = True
    wrong[mended.payment[fresh & ~same]] = True
    only = msgspec.structs.replace(
        intake.situation, open_for_matching=np.isin(np.arange(len(damaged)), payment)
    )
    decided = decide_by_reference(intake, only)
    accepted = decided.candidates.at(decided.resolution.accepted)
    rows = accepted.rows
    of = np.searchsorted(payment, accepted.payment[rows.candidate])
    astray = index.order[rows.item] != truth[of]
    return DamageMeasure(
        numbers=len(payment),
        items=len(index),
        hits_another=int(((slots.hits > 0) & (slots.strength > 1)).sum()),
        cpu_seconds=round(spent, 3),
        mended_right=int(right.sum()),
        mended_wrong=int((wrong & ~right).sum()),
        automatic=len(accepted),
        wrong=len(set(accepted.payment[rows.candidate][astray].tolist())),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say; gives the exit code."""
    reader = bench_reader("bench.references", __doc__, "few rows")
    chosen = reader.parse_args(arguments)
    if not PEER_PYTHON.exists():
        print("the peers are not installed: make .cache/peers/.ready", file=sys.stderr)
        return 2
    date = date_of(chosen)
    record = measure_references(QUICK_SIZES if chosen.quick else FULL_SIZES, date)
    print_references(record)
    keep(record, chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
