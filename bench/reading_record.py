"""One line of `history.jsonl` about the readers of bank files: ours, a floor and a peer each."""

from __future__ import annotations

import msgspec

from bench.record import Machine  # noqa: TC001 - msgspec reads the annotation

__all__ = ["PeerMeasure", "ReadingMeasure", "ReadingRecord", "reading_ratios"]


class PeerMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """Another reader over the same file, in an environment of its own; median seconds."""

    name: str
    version: str
    rows: int
    seconds: float


class ReadingMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """One file: what is in it, and median seconds of reading all of it from memory.

    `rows` are payments, or the invoices they pay where a payment has many. `seconds` is on all
    cores of the machine, `one_core_seconds` on one. `peak_mib` is what
    `tieout parse FILE --out DIR` needs above what its imports need.
    """

    name: str
    title: str
    bytes: int
    rows: int
    payments: int
    remittance_lines: int
    seconds: float
    one_core_seconds: float
    peak_mib: float
    floor: str
    floor_seconds: float
    peer: PeerMeasure


class ReadingRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="reading"):
    """One run. `date` is the caller's, ISO 8601; `ratios` are theirs over ours: how many times as
    fast ours is.
    """

    date: str
    size: str
    machine: Machine
    versions: dict[str, str]
    files: tuple[ReadingMeasure, ...]
    ratios: dict[str, float]


def reading_ratios(files: tuple[ReadingMeasure, ...]) -> dict[str, float]:
    """Times as fast as the peer, and the share of the floor's speed, in the same run."""
    ratios = {}
    for one in files:
        ratios[f"{one.name} / {one.peer.name}"] = round(one.peer.seconds / one.seconds, 1)
        ratios[f"{one.name} / floor"] = round(one.floor_seconds / one.seconds, 2)
    return ratios
