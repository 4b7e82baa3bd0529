"""Servers in processes of their own: Tieout over a store, and the echo; what they cost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec

from bench.serving_load import LoadResult

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ROOT", "EchoServer", "TieoutServer", "load", "metric_sum"]

ROOT: Final = Path(__file__).resolve().parents[1]
_START_SECONDS: Final = 600.0
_STOP_SECONDS: Final = 60.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SETTINGS: Final = """
[server]
grpc_address = "127.0.0.1:0"
http_address = "127.0.0.1:0"
metrics_address = "127.0.0.1:0"
workers = 2
[store]
url = "sqlite:///{store}"
[tables]
{tables}
[limits]
calls_per_second = 1e6
calls_burst = 1000000
calls_at_once = 4096
[logs]
level = "warning"
"""


class TieoutServer:
    """`python -m server` as an operator starts it, on free ports; ready when the block begins."""

    def __init__(self, store: Path, tables: Mapping[str, Path]) -> None:
        """Serve what is in `store`, and `tables` (setting → file)."""
        self._folder = tempfile.TemporaryDirectory()
        settings = Path(self._folder.name) / "tieout.toml"
        named = "\n".join(f'{name} = "{path}"' for name, path in tables.items())
        settings.write_text(_SETTINGS.format(store=store, tables=named), "utf-8")
        self._log = Path(self._folder.name) / "server.log"
        begun = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server"],
                cwd=ROOT,
                env=os.environ | {"TIEOUT_CONFIG": str(settings)},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.address = self._said(r"gRPC on (\S+)")
        self.metrics = self._said(r"metrics on (\S+)")
        self.start_seconds = time.perf_counter() - begun

    def _said(self, pattern: str) -> str:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            found = re.search(pattern, self._log.read_text("utf-8"))
            if found:
                return found[1]
            time.sleep(0.02)
        self._process.kill()
        message = f"the server did not say {pattern!r}:\n{self._log.read_text('utf-8')}"
        raise RuntimeError(message)

    def processes(self) -> tuple[int, list[int]]:
        """The front, and its workers."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        return self._process.pid, [int(pid) for one in tasks for pid in one.read_text().split()]

    def cpu_seconds(self) -> tuple[float, float]:
        """Of the front, and of its workers together."""
        front, workers = self.processes()
        return _cpu_seconds(front), sum(map(_cpu_seconds, workers))

    def resident_mib(self) -> float:
        """Memory of all its processes that no other process shares."""
        front, workers = self.processes()
        return sum(map(_private_mib, (front, *workers)))

    def __enter__(self) -> Self:
        """The server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Drain and end."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._folder.cleanup()


class EchoServer:
    """`bench.serving_echo` with answers of that size."""

    def __init__(self, answer_bytes: int) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.serving_echo", str(answer_bytes)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.address = f"127.0.0.1:{int(self._process.stdout.readline())}"

    def cpu_seconds(self) -> float:
        """Seconds on cores so far."""
        return _cpu_seconds(self._process.pid)

    def __enter__(self) -> Self:
        """The server."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.communicate()


def load(address: str, method: str, messages: Path, **options: float) -> LoadResult:
    """What callers in a process of their own see."""
    named = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "bench.serving_load", address, method, str(messages), *named]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=LoadResult)


def metric_sum(metrics: str, name: str) -> float:
    """Sum of all series of a metric as its page tells it."""
    with urllib.request.urlopen(metrics) as answer:  # noqa: S310 - our own server's http
        text = answer.read().decode()
    found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, found))


def _cpu_seconds(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _private_mib(process_id: int) -> float:
    text = Path(f"/proc/{process_id}/smaps_rollup").read_text("ascii")
    return sum(map(int, re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.MULTILINE))) / 1024
