"""`python -m bench.serving`: a server under callers, beside an echo that does nothing.

Both answer the same callers in turn: a busy minute hits them alike. Items and payments are made-up
columns (`bench.serving_world`); the store of the restart is made once and kept.
"""

from __future__ import annotations

import os
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bench import record as records
from bench.arguments import bench_reader, date_of, keep
from bench.served import ROOT, EchoServer, TieoutServer, load, metric_sum
from bench.serving_echo import STREAM, UNARY
from bench.serving_record import (
    CallMeasure,
    PingMeasure,
    RestartMeasure,
    ServingRecord,
    SoakMeasure,
    StreamMeasure,
    serving_table,
)
from bench.serving_world import make_customers, make_items, make_payments
from rpc.conversions import REQUEST_TABLES, encode_tables, row_messages
from store import open_repository
from store.open_items import item_totals
from tieout.v1 import match_service_pb2 as contract
from tieout.v1 import rows_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.batches import Batch

__all__ = ["main", "measure_serving"]

_CACHE: Final = Path(__file__).resolve().parents[1] / ".cache" / "bench"
_MATCH: Final = "/tieout.v1.MatchService/MatchResidentPayments"
_STREAM_MATCH: Final = "/tieout.v1.MatchService/StreamMatchPayments"
_KINDS: Final = {kind.field: kind for kind in REQUEST_TABLES}
_FRAME: Final = struct.Struct(">Q")
_PINGS_PER_SECOND: Final = 50
_WARM_UPS, _STREAMS = 2, 7
"""Streams of which the median is taken, part by part, after those in which the worker that takes
them, another one than that of small calls, grows as large as it needs to be.
"""


class _Sizes(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    open_items: int
    restart_items: int
    calls: int
    callers: int
    rate: int
    seconds: float
    rounds: int
    streamed: int
    soak_seconds: float


_FULL: Final = _Sizes(
    name="full",
    open_items=1_000_000,
    restart_items=5_000_000,
    calls=10_000,
    callers=64,
    rate=500,
    seconds=4.0,
    rounds=3,
    streamed=100_000,
    soak_seconds=20.0,
)
_QUICK: Final = _Sizes(
    name="quick",
    open_items=2_000,
    restart_items=2_000,
    calls=100,
    callers=4,
    rate=20,
    seconds=0.3,
    rounds=1,
    streamed=200,
    soak_seconds=0.4,
)


class _World:
    """The tables of a size as files, and the messages callers send."""

    def __init__(self, sizes: _Sizes, folder: Path) -> None:
        self.items = make_items(sizes.open_items)
        self.customers = make_customers(sizes.open_items // 20)
        self.tables = {name: folder / f"{name}.parquet" for name in ("open_items", "customers")}
        for name, batch in (("open_items", self.items), ("customers", self.customers)):
            pq.write_table(pa.table(batch.record_batch), self.tables[name])
        self.messages = folder / "messages"
        payments = make_payments(self.items, self.customers, sizes.calls, seed=1)
        with self.messages.open("wb") as sink:
            for row in row_messages(_KINDS["payments"], payments):
                table = rows_pb2.PaymentTable(
                    row_count=1, messages=rows_pb2.PaymentRows(payments=[row])
                )
                request = contract.MatchResidentPaymentsRequest(payments=table)
                content = request.SerializeToString()
                sink.write(_FRAME.pack(len(content)) + content)
        self.streamed = make_payments(
            self.items, self.customers, min(sizes.streamed, sizes.open_items), seed=2
        )


def measure_serving(
    sizes: _Sizes, date: str, cache: Path, observe: Callable[[str], None]
) -> ServingRecord:
    """Every measurement of `sizes`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=cache)))
        observe(f"a server with {sizes.open_items:,} open items")
        world = _World(sizes, folder)
        server = stack.enter_context(TieoutServer(folder / "store.db", world.tables))
        probe = load(server.address, _MATCH, world.messages, callers=1, seconds=0.3)
        echo = stack.enter_context(EchoServer(probe.answer_bytes // max(probe.calls, 1)))
        observe(f"{sizes.callers} callers, then {sizes.rate} calls a second")
        bare, ours, calls = _measure_calls(server, echo, world.messages, sizes)
        observe(f"{sizes.streamed:,} payments in a stream")
        stream = _measure_stream(server, echo, world)
        observe(f"{sizes.soak_seconds:.0f} seconds of calls")
        soak = _measure_soak(server, world.messages, sizes)
        busy = os.getloadavg()[1]
        observe("pings")
        ping = _measure_pings(server, world.messages, sizes)
    observe(f"restart with {sizes.restart_items:,} open items")
    restart = _measure_restart(sizes.restart_items, cache)
    return ServingRecord(
        date=date,
        size=sizes.name,
        machine=records.this_machine(),
        versions=records.installed_versions(),
        open_items=sizes.open_items,
        callers=sizes.callers,
        rate=sizes.rate,
        echo=bare,
        ours=ours,
        stream=stream,
        ping=ping,
        restart=restart,
        soak=soak,
        load_average=round(max(busy, os.getloadavg()[1]), 1),
        ratios={
            "calls per second": round(calls, 3),
            "p99": round(ours.p99_ms / bare.p99_ms, 2),
            "stream": round(stream.around_seconds() / stream.echo_seconds, 2),
        },
    )


def _measure_calls(
    server: TieoutServer, echo: EchoServer, messages: Path, sizes: _Sizes
) -> tuple[CallMeasure, CallMeasure, float]:
    """Echo, server, and the median of their ratios, round by round."""
    rates: dict[str, list[float]] = {"bare": [], "ours": []}
    late: dict[str, list[float]] = {"bare": [], "ours": []}
    echo_cpu = front_cpu = worker_cpu = passes = 0.0
    counted = {"bare": 0, "ours": 0}
    for _ in range(sizes.rounds):
        for name, address, method in (
            ("bare", echo.address, UNARY),
            ("ours", server.address, _MATCH),
        ):
            before = echo.cpu_seconds(), *server.cpu_seconds(), _passes(server)
            found = load(address, method, messages, callers=sizes.callers, seconds=sizes.seconds)
            if found.refused:
                message = f"{name}: calls were refused: {found.refused}"
                raise RuntimeError(message)
            after = echo.cpu_seconds(), *server.cpu_seconds(), _passes(server)
            spent = [late - early for early, late in zip(before, after, strict=True)]
            echo_cpu += spent[0]
            if name == "ours":
                front_cpu, worker_cpu = front_cpu + spent[1], worker_cpu + spent[2]
                passes += spent[3]
            # The second that warms up is spent, and not counted.
            counted[name] += round(found.calls * (1 + 1 / found.seconds))
            rates[name].append(found.per_second())
            steady = load(address, method, messages, rate=sizes.rate, seconds=sizes.seconds)
            late[name].append(steady.latency["0.99"] * 1e3)
    bare = CallMeasure(
        per_second=round(statistics.median(rates["bare"]), 1),
        p99_ms=round(statistics.median(late["bare"]), 2),
        front_us=round(echo_cpu / counted["bare"] * 1e6, 1),
    )
    ours = CallMeasure(
        per_second=round(statistics.median(rates["ours"]), 1),
        p99_ms=round(statistics.median(late["ours"]), 2),
        front_us=round(front_cpu / counted["ours"] * 1e6, 1),
        worker_us=round(worker_cpu / counted["ours"] * 1e6, 1),
        calls_per_pass=round(counted["ours"] / max(passes, 1.0), 1),
    )
    pairs = zip(rates["ours"], rates["bare"], strict=True)
    return bare, ours, statistics.median(one / other for one, other in pairs)


def _passes(server: TieoutServer) -> float:
    return metric_sum(server.metrics, "tieout_match_passes_total")


def _requests(world: _World) -> list[bytes]:
    """A streamed match of the payments, against the items they pay."""
    header = contract.StreamMatchHeader(row_encoding=rows_pb2.ROW_ENCODING_ARROW)
    parts = [contract.StreamMatchPaymentsRequest(header=header)]
    tables: list[tuple[str, Batch]] = [
        ("payments", world.streamed),
        ("open_items", world.items.take(_rows(len(world.streamed)))),
        ("customers", world.customers),
    ]
    for name, batch in tables:
        parts += [
            contract.StreamMatchPaymentsRequest(**{name: table})  # type: ignore[arg-type]  # field
            for table in encode_tables(_KINDS[name], batch, arrow=True)
        ]
    return [part.SerializeToString() for part in parts]


def _rows(count: int) -> Any:
    return pa.array(range(count), pa.int64()).to_numpy()


def _stream(address: str, method: str, requests: Sequence[bytes]) -> tuple[float, list[bytes]]:
    """Seconds from the first request to the last answer, and the answers."""
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, options=options) as channel:
        grpc.channel_ready_future(channel).result(30)
        begun = time.perf_counter()
        call: Any = channel.stream_stream(method)
        answers: list[bytes] = list(call(iter(requests)))
        return time.perf_counter() - begun, answers


def _measure_stream(server: TieoutServer, echo: EchoServer, world: _World) -> StreamMeasure:
    requests = _requests(world)
    found = []
    for _ in range(_WARM_UPS + _STREAMS):
        before = metric_sum(server.metrics, "tieout_stage_seconds_sum")
        seconds, answers = _stream(server.address, _STREAM_MATCH, requests)
        engine = metric_sum(server.metrics, "tieout_stage_seconds_sum") - before
        size = sum(map(len, answers))
        bare, _ = _stream(echo.address, STREAM, [str(size).encode(), *requests])
        found.append((seconds - engine, engine, bare))
    beside, engine, bare = (statistics.median(of) for of in zip(*found[_WARM_UPS:], strict=True))
    size = sum(map(len, requests)) + sum(map(len, answers))
    return StreamMeasure(
        payments=len(world.streamed),
        megabytes=round(size / 1e6, 1),
        seconds=round(beside + engine, 3),
        engine_seconds=round(engine, 3),
        echo_seconds=round(bare, 3),
    )


def _measure_soak(server: TieoutServer, messages: Path, sizes: _Sizes) -> SoakMeasure:
    seconds, calls, memory = sizes.soak_seconds / 2, 0, []
    for _ in range(2):
        found = load(server.address, _MATCH, messages, callers=sizes.callers, seconds=seconds)
        calls += found.calls
        memory.append(round(server.resident_mib(), 1))
    return SoakMeasure(
        seconds=sizes.soak_seconds, calls=calls, middle_mib=memory[0], end_mib=memory[1]
    )


def _measure_pings(server: TieoutServer, messages: Path, sizes: _Sizes) -> PingMeasure:
    idle = _pings(server.address, sizes.seconds)
    command = [sys.executable, "-m", "bench.serving_load", server.address, _MATCH, str(messages)]
    command += [f"--callers={sizes.callers}", f"--seconds={sizes.seconds}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as callers:
        time.sleep(min(1.0, sizes.seconds))
        loaded = _pings(server.address, sizes.seconds)
        callers.wait()
    return PingMeasure(loaded_p99_ms=round(loaded, 2), idle_p99_ms=round(idle, 2))


def _pings(address: str, seconds: float) -> float:
    spent = []
    pause = threading.Event()
    with grpc.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            begun = time.perf_counter()
            stub.Check(health_pb2.HealthCheckRequest())
            spent.append(time.perf_counter() - begun)
            pause.wait(1 / _PINGS_PER_SECOND)
    spent.sort()
    return spent[int(len(spent) * 0.99)] * 1e3


def _measure_restart(count: int, cache: Path) -> RestartMeasure:
    store = cache / f"serving-{count}" / "store.db"
    if not store.exists():
        _make_store(store, count)
    with TieoutServer(store, {}) as server:
        first = server.start_seconds
    with TieoutServer(store, {}) as server:
        again = server.start_seconds
    return RestartMeasure(
        open_items=count, first_seconds=round(first, 2), again_seconds=round(again, 2)
    )


def _make_store(store: Path, count: int) -> None:
    """A store that an ERP has filled, and nothing else."""
    draft = store.parent.with_suffix(".draft")
    draft.mkdir(parents=True)
    repository = open_repository(f"sqlite:///{draft / store.name}")
    items, customers = make_items(count), make_customers(count // 20)
    with repository.booking() as booking:
        booking.open_items.replace(items, item_totals(items))
        booking.customers.replace(customers, {"K100": len(customers)})
    repository.close()
    draft.rename(store.parent)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say; gives the exit code."""
    reader = bench_reader("bench.serving", __doc__, "a tiny world")
    reader.add_argument("--cache", type=Path, default=_CACHE, help="where the large store is kept")
    reader.add_argument("--soak-seconds", type=float, help="how long memory is watched")
    reader.add_argument("--restart-items", type=int, help="open items of the restarted server")
    chosen = reader.parse_args(arguments)
    chosen.cache.mkdir(parents=True, exist_ok=True)

    def observe(step: str) -> None:
        print(step, file=sys.stderr, flush=True)

    sizes = _QUICK if chosen.quick else _FULL
    for name in ("soak_seconds", "restart_items"):
        if getattr(chosen, name):
            sizes = msgspec.structs.replace(sizes, **{name: getattr(chosen, name)})
    record = measure_serving(sizes, date_of(chosen), chosen.cache, observe)
    print(serving_table(record))
    keep(record, chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
