"""One line of `history.jsonl` about the server: calls, streams, pings and restarts."""

from __future__ import annotations

import msgspec

from bench.record import Machine  # noqa: TC001 - msgspec reads the annotation

__all__ = [
    "CallMeasure",
    "PingMeasure",
    "RestartMeasure",
    "ServingRecord",
    "SoakMeasure",
    "StreamMeasure",
    "serving_table",
]


class CallMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """One payment a call: calls a second of so many callers, 99th percentile at a steady rate,
    and microseconds on cores per call, of the front and of the workers.
    """

    per_second: float
    p99_ms: float
    front_us: float
    worker_us: float = 0.0
    calls_per_pass: float = 0.0


class StreamMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """A streamed match of so many bytes there and back: seconds of all, of the engine, and of the
    echo of the same bytes.
    """

    payments: int
    megabytes: float
    seconds: float
    engine_seconds: float
    echo_seconds: float

    def around_seconds(self) -> float:
        """What is not the engine: transport, codec, checks."""
        return self.seconds - self.engine_seconds


class PingMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """99th percentile of health pings: of the server while its workers are at full load, and of
    the same server when it has nothing to do.
    """

    loaded_p99_ms: float
    idle_p99_ms: float


class RestartMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from the start of the process until it answers, with what was left there."""

    open_items: int
    first_seconds: float
    again_seconds: float


class SoakMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """Memory of front and workers that nobody shares, in the middle and at the end of that many
    seconds of calls.
    """

    seconds: float
    calls: int
    middle_mib: float
    end_mib: float


class ServingRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="serving"):
    """One run; `ratios` compare with the echo in it. `load_average`: processes that wanted a core
    while it ran, ours and others'.
    """

    date: str
    size: str
    machine: Machine
    versions: dict[str, str]
    open_items: int
    callers: int
    rate: int
    echo: CallMeasure
    ours: CallMeasure
    stream: StreamMeasure
    ping: PingMeasure
    restart: RestartMeasure
    soak: SoakMeasure
    ratios: dict[str, float]
    load_average: float = 0.0


def serving_table(record: ServingRecord) -> str:
    """The README's table of the server."""
    echo, ours, stream, restart = record.echo, record.ours, record.stream, record.restart
    lines = [
        "| what | Tieout | bare grpcio | |",
        "| --- | ---: | ---: | ---: |",
        f"| one payment a call, {record.open_items:,} items resident, {record.callers} callers "
        f"| {ours.per_second:,.0f} calls/s | {echo.per_second:,.0f} calls/s "
        f"| {record.ratios['calls per second']:.2f} × |",
        f"| p99 at {record.rate} calls/s | {ours.p99_ms:.0f} ms | {echo.p99_ms:.0f} ms "
        f"| {record.ratios['p99']:.1f} × |",
        f"| {stream.payments:,} payments as Arrow, {stream.megabytes:.0f} MB, all but the engine "
        f"| {stream.around_seconds():.2f} s | {stream.echo_seconds:.2f} s "
        f"| {record.ratios['stream']:.1f} × |",
        f"| p99 of health pings, workers at full load | {record.ping.loaded_p99_ms:.1f} ms "
        f"| {record.ping.idle_p99_ms:.1f} ms idle | |",
        f"| memory after {record.soak.calls:,} calls in {record.soak.seconds:.0f} s "
        f"| {record.soak.end_mib:,.0f} MiB | {record.soak.middle_mib:,.0f} MiB half-way | |",
        f"| restart with {restart.open_items:,} items | {restart.again_seconds:.1f} s "
        f"| {restart.first_seconds:.0f} s the first time | |",
        "",
        f"{record.date}, {record.machine.cores} cores for callers, server and workers, "
        f"{record.load_average:.0f} processes wanted one at a time, {record.machine.system}, "
        f"Python {record.machine.python}; bare grpcio answers with as many bytes and does "
        f"nothing. A call costs {ours.front_us:.0f} µs of the front "
        f"({echo.front_us:.0f} µs bare) and {ours.worker_us:.0f} µs of a worker, "
        f"{ours.calls_per_pass:.0f} calls a pass. `make bench-serving` measures again.",
    ]
    return "\n".join(lines)
