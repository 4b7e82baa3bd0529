"""Reads what scoring needs: the truth of a world and three tables of a run, as plain rows.

Amounts become integers of 10⁻⁴ major units, the scale of every amount a run writes.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["RunRows", "TruthPayment", "TruthRows", "load_run", "load_truth", "read_rows"]

Amounts = tuple[int, int, int, int]
"""Cash, discount, deduction, write-off in 10⁻⁴ major units."""

_SUFFIXES: Final = ("parquet", "csv", "jsonl")
_PAYMENT_AMOUNTS: Final = (
    "amount",
    "applied_amount",
    "on_account_amount",
    "unapplied_amount",
    "unidentified_amount",
    "suspense_amount",
    "non_ar_amount",
    "refund_amount",
    "returned_amount",
)
_APPLICATION_AMOUNTS: Final = (
    "amount_applied",
    "discount_taken",
    "deduction_amount",
    "write_off_amount",
)


class TruthPayment(msgspec.Struct, frozen=True):
    """One row of `truth_payments`; `codes` are the acceptable primary exception codes."""

    key: str
    scenario: str
    expect: str
    codes: tuple[str, ...]
    amount: int


class TruthRows(msgspec.Struct, frozen=True):
    """The truth: payments, their lines by key and item, and what was open on each item."""

    payments: list[TruthPayment]
    lines: dict[str, dict[str, Amounts]]
    open_amounts: dict[str, int]


class RunRows(msgspec.Struct, frozen=True, kw_only=True):
    """A run: payments by key, automatic amounts and first proposals by payment, primary codes.

    `automatic_rows` and `open_rows` count applications decided and first proposals left open.
    """

    payments: dict[str, dict[str, Any]]
    repeated_keys: int
    automatic: dict[str, dict[str, Amounts]]
    first_proposals: dict[str, dict[str, int]]
    codes: dict[str, str]
    automatic_rows: int
    open_rows: int


def read_rows(
    folder: Path, name: str, columns: list[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Rows of the table `name` in `folder`, whatever its format, optionally of some columns only.

    Raises `FileNotFoundError` that names folder and table where there is none.
    """
    paths = [path for suffix in _SUFFIXES if (path := folder / f"{name}.{suffix}").is_file()]
    if not paths:
        message = f"{folder}: no {name}.parquet, {name}.csv or {name}.jsonl"
        raise FileNotFoundError(message)
    path = paths[0]
    if path.suffix == ".parquet":
        yield from pq.read_table(path, columns=columns).to_pylist()
        return
    with path.open(encoding="utf-8", newline="") as stream:
        rows = map(json.loads, stream) if path.suffix == ".jsonl" else csv.DictReader(stream)
        yield from rows


def _scaled(value: Any) -> int:
    """An amount as an integer of 10⁻⁴ major units; 0 where it is absent."""
    if value is None or value == "":
        return 0
    return int(Decimal(str(value)).scaleb(4))


def load_truth(folder: Path) -> TruthRows:
    """The truth of the world in `folder`."""
    payments = [
        TruthPayment(
            row["key"],
            row["scenario"],
            row["expect"],
            tuple(row["expected_codes"].split(";")),
            _scaled(row["amount"]),
        )
        for row in read_rows(folder, "truth_payments")
    ]
    lines: defaultdict[str, dict[str, Amounts]] = defaultdict(dict)
    for row in read_rows(folder, "truth"):
        lines[row["key"]][row["open_item_id"]] = (
            _scaled(row["cash"]),
            _scaled(row["discount"]),
            _scaled(row["deduction"]),
            _scaled(row["write_off"]),
        )
    items = read_rows(folder, "open_items", ["open_item_id", "open_amount"])
    return TruthRows(
        payments, dict(lines), {row["open_item_id"]: _scaled(row["open_amount"]) for row in items}
    )


def load_run(folder: Path) -> RunRows:
    """Payments, applications and exceptions of the run in `folder`."""
    payments: dict[str, dict[str, Any]] = {}
    repeated = 0
    for row in read_rows(folder, "payments"):
        key = _key_of(row)
        if key:
            repeated += key in payments
            amounts = {name: _scaled(row.get(name)) for name in _PAYMENT_AMOUNTS}
            payments[key] = {"payment_id": row["payment_id"], **amounts}
    automatic: defaultdict[str, dict[str, Amounts]] = defaultdict(dict)
    proposals: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in read_rows(folder, "applications"):
        owner, item = row["payment_id"], row["open_item_id"]
        cash, discount, deduction, write_off = (
            _scaled(row.get(name)) for name in _APPLICATION_AMOUNTS
        )
        if row["decision"] == "auto":
            more = automatic[owner].get(item, (0, 0, 0, 0))
            automatic[owner][item] = (
                cash + more[0],
                discount + more[1],
                deduction + more[2],
                write_off + more[3],
            )
        elif int(row.get("proposal_rank") or 1) == 1:
            proposals[owner][item] = cash
    return RunRows(
        payments=payments,
        repeated_keys=repeated,
        automatic=dict(automatic),
        first_proposals=dict(proposals),
        codes=_primary_codes(folder),
        automatic_rows=sum(map(len, automatic.values())),
        open_rows=sum(map(len, proposals.values())),
    )


def _key_of(row: dict[str, Any]) -> str:
    """The digits behind `BK` in the bank reference, or those of a check number; nine of them."""
    reference = str(row.get("bank_reference") or "")
    digits = reference[2:] if reference.startswith("BK") else str(row.get("check_number") or "")
    return digits[-9:].zfill(9) if digits else ""


def _primary_codes(folder: Path) -> dict[str, str]:
    """The primary exception code of each payment that has one."""
    codes: dict[str, str] = {}
    for row in read_rows(folder, "exceptions"):
        if row["payment_id"] and str(row.get("is_primary", True)).lower() in ("true", "1"):
            codes[row["payment_id"]] = row["code"]
    return codes
