"""Seeded worlds for tests of the cluster: as tables on disk, and as the input of one match."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from engine.match_input import MatchInput
from engine.policy import read_policy
from parsers import tables
from tieout.matching_job import MatchingJob, run_matching_job
from tieout.run_tables import TABLE_ORDER
from tieout.worlds import generate_world, named_spec, scaled_spec
from tieout.worlds.files import write_world

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """
[intercompany]
pairs = [{ account_of = "1100", items_of = "2100" }]
[strategies]
oldest_first = true
unique_amounts = "apply"
"""


def make_world(name, place, payments=300, items=2_000, seed=None, *, with_bank_files=False):
    """The world called `name` as Parquet tables in `place`."""
    spec = scaled_spec(named_spec(name), payments, items)
    spec = msgspec.structs.replace(spec, with_bank_files=with_bank_files)
    if seed is not None:
        spec = msgspec.structs.replace(spec, seed=seed)
    write_world(generate_world(spec), place, "parquet")
    return place


def one_family(place, every=5):
    """The world in `place` with every fifth customer of a company under its first one."""
    customers = pq.read_table(place / "customers.parquet")
    rows, heads = customers.to_pylist(), {}
    for number, row in enumerate(rows):
        head = heads.setdefault(row["company_id"], row["customer_id"])
        if number % every == 0 and row["customer_id"] != head:
            row["parent_customer_id"] = head
    pq.write_table(pa.Table.from_pylist(rows, schema=customers.schema), place / "customers.parquet")
    return place


def in_parts(table: Path, parts: int) -> Path:
    """The table at `table` as a folder of parts."""
    rows = pq.read_table(table)
    folder = table.with_suffix("")
    folder.mkdir()
    size = -(-len(rows) // parts)
    for number in range(parts):
        pq.write_table(rows.slice(number * size, size), folder / f"part-{number}.parquet")
    return folder


def input_of(place, policy=None) -> MatchInput:
    """The world in `place` as the input of one match."""
    return MatchInput(
        payments=tables.read_payments(place / "payments.parquet"),
        open_items=tables.read_open_items(place / "open_items.parquet"),
        customers=tables.read_customers(place / "customers.parquet"),
        bank_accounts=tables.read_bank_accounts(place / "bank_accounts.parquet"),
        advices=tables.read_advices(place / "remittances.parquet"),
        policy=read_policy(policy or {}),
    )


def matched_in_one_process(place, out, bank_files=()):
    """The run directory `tieout match` writes for the world in `place`."""
    run_matching_job(
        MatchingJob(
            open_items=place / "open_items.parquet",
            bank_files=tuple(bank_files),
            payments=None if bank_files else place / "payments.parquet",
            customers=place / "customers.parquet",
            bank_accounts=place / "bank_accounts.parquet",
            remittances=place / "remittances.parquet",
            out=out,
        )
    )
    return out


def differing_tables(run: Path, result: Path) -> dict[str, tuple[int, int]]:
    """Tables of `result` (folders of parts) that are not those of `run`, sorted, value by value:
    rows there and here."""
    found = {}
    for name, keys in TABLE_ORDER.items():
        want = pq.read_table(run / f"{name}.parquet")
        parts = sorted((result / name).glob("*.parquet"))
        got = pa.concat_tables([pq.read_table(part) for part in parts]).cast(want.schema)
        order = [(key, "ascending") for key in keys]
        if not want.sort_by(order).combine_chunks().equals(got.sort_by(order).combine_chunks()):
            found[name] = (len(want), len(got))
    return found
