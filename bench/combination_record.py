"""One line of `history.jsonl` about subset sums: ours beside peers, same instances, same run."""

from __future__ import annotations

import msgspec

from bench.record import Machine  # noqa: TC001 - msgspec reads the annotation

__all__ = [
    "CombinationRecord",
    "CountMeasure",
    "JoinMeasure",
    "PeerCombinations",
    "combination_ratios",
]


class JoinMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """Structured sums of many ledgers: building the tables, and looking payments up in them.

    Seconds are of one core. `sets` is how many sets the tables know, `hits` how many payments have
    at least one.
    """

    ledgers: int
    items: int
    sets: int
    payments: int
    hits: int
    build_seconds: float
    lookup_seconds: float


class CountMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """Exact counts of all solutions: seconds per problem of `size` items.

    Many problems at once where `problems` is more than one; the median of single ones elsewhere.
    """

    size: int
    problems: int
    seconds: float


class PeerCombinations(msgspec.Struct, frozen=True, kw_only=True):
    """Another solver on the problems of one size: median seconds per problem."""

    name: str
    version: str
    size: int
    seconds: float


class CombinationRecord(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="combinations"
):
    """One run. `date` is the caller's, ISO 8601; `ratios` say how many times as fast ours is.

    `certificate_seconds` is one proof of "no, one, or several" over `certificate_size` items.
    """

    date: str
    size: str
    machine: Machine
    versions: dict[str, str]
    join: JoinMeasure
    batches: tuple[CountMeasure, ...]
    singles: tuple[CountMeasure, ...]
    certificate_size: int
    certificate_seconds: float
    peers: tuple[PeerCombinations, ...]
    ratios: dict[str, float]


def combination_ratios(
    join: JoinMeasure, singles: tuple[CountMeasure, ...], peers: tuple[PeerCombinations, ...]
) -> dict[str, float]:
    """Theirs over ours: a payment looked up, and a problem counted alone, of the same size."""
    alone = {one.size: one.seconds for one in singles}
    ratios: dict[str, float] = {}
    for peer in peers:
        if peer.size == min(alone):
            payment = join.lookup_seconds / join.payments
            ratios[f"payment / {peer.name}, {peer.size} items"] = round(peer.seconds / payment)
        ratios[f"count / {peer.name}, {peer.size} items"] = round(
            peer.seconds / alone[peer.size], 1
        )
    return ratios
