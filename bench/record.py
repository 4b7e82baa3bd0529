"""One line of `history.jsonl`: what a run of the bench measured, where, with what.

Times depend on the machine; what may be compared between machines is in `ratios`.
"""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from bench.measures import ProcessCost  # noqa: TC001 - msgspec reads the annotation

__all__ = [
    "HISTORY",
    "JobMeasure",
    "Machine",
    "Quality",
    "Record",
    "StageMeasure",
    "append",
    "installed_versions",
    "last_line",
    "last_record",
    "ratios_of",
    "this_machine",
]

AnyRecord = TypeVar("AnyRecord", bound=msgspec.Struct)

HISTORY: Final = Path(__file__).with_name("history.jsonl")
"""One JSON object per full run, oldest first; `kind` says of what."""

_LIBRARIES: Final = ("tieout", "numpy", "pyarrow", "lxml", "duckdb")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it ran."""

    cores: int
    system: str
    python: str


class StageMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of the job: median seconds, and all payments of the job over them."""

    stage: str
    seconds: float
    payments_per_second: float


class JobMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """`tieout match` as a process, beside plain read-join-write processes over the same files."""

    payments: int
    open_items: int
    ours: ProcessCost
    pyarrow: ProcessCost
    duckdb: ProcessCost


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """The job against the truth of its seeded world; shares between 0 and 1."""

    automatic_by_payment: float
    automatic_by_line: float
    automatic_by_value: float
    automatic_count: int
    wrong_count: int
    first_proposal_right_share: float


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="match"):
    """One run of the whole job. `date` is the caller's, ISO 8601; `ratios` are ours over a peer."""

    date: str
    size: str
    machine: Machine
    versions: dict[str, str]
    stages: tuple[StageMeasure, ...]
    job: JobMeasure
    quality: Quality
    ratios: dict[str, float]


def ratios_of(job: JobMeasure) -> dict[str, float]:
    """Seconds of ours over seconds of the peer, in the same run: what travels."""
    ratios = {
        "match / pyarrow join": job.ours.seconds / job.pyarrow.seconds,
        "match / duckdb join": job.ours.seconds / job.duckdb.seconds,
    }
    return {name: round(value, 2) for name, value in ratios.items()}


def this_machine() -> Machine:
    """Cores this process may use, operating system and Python."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
    )


def installed_versions() -> dict[str, str]:
    """Versions of Tieout and of what does the work below it."""
    return {name: metadata.version(name) for name in _LIBRARIES}


def append(record: msgspec.Struct, history: Path = HISTORY) -> None:
    """Add `record` as the last line of `history`."""
    with history.open("ab") as sink:
        sink.write(msgspec.json.encode(record) + b"\n")


def last_line(kind: type[AnyRecord], history: Path = HISTORY) -> AnyRecord:
    """The last line of `history` of that kind.

    Raises `FileNotFoundError`, or `ValueError` where there is none.
    """
    tag = kind.__struct_config__.tag
    for line in reversed(history.read_bytes().splitlines()):
        if msgspec.json.decode(line)["kind"] == tag:
            return msgspec.json.decode(line, type=kind)
    message = f"{history} holds no line of kind {tag!r}; run `make bench`"
    raise ValueError(message)


def last_record(history: Path = HISTORY) -> Record:
    """The last line about the whole job; errors as those of `last_line`."""
    return last_line(Record, history)
