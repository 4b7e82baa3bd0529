"""The workbench over a long queue, in a real browser: from the key to the painted page.

100,000 payments that name nothing stand beside 200,000 open items of which two fit each: all of
them need a clerk and have suggestions. An exception is looked at for half a second before it is
accepted, as no clerk is faster; the next one is fetched meanwhile. Measured is what the clerk
waits for: the server's answer and the browser's drawing of it. The 95th of 100 is reported, over
50 of each.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from playwright.sync_api import sync_playwright

from bench import record as records
from bench.arguments import bench_reader, date_of, keep
from bench.workbench_queue import fill_queue, owner_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

__all__ = ["WorkbenchRecord", "main"]

ROOT: Final = Path(__file__).resolve().parents[1]
CASES: Final = 100_000
CASES_QUICK: Final = 400
ROUNDS: Final = 50
START_SECONDS: Final = 120
_TICKS: Final = os.sysconf("SC_CLK_TCK")
BUDGETS_MS: Final = {"first_paint": 300, "open": 150, "accept_next": 100, "search": 200}

_SHOWN: Final = 50
"""Rows a page of the queue has."""

READ_MS: Final = 500
"""How long the clerk looks at an exception before it is accepted."""

_WAIT: Final = """
async ([selector, act, text]) => {
  const before = document.querySelector("h1").textContent;
  const target = document.querySelector(selector);
  const came = () =>
    !document.contains(target) && (!act || document.querySelector("h1").textContent !== before);
  const began = performance.now();
  const changed = new Promise((go, fail) => {
    const watch = new MutationObserver(() => { if (came()) { watch.disconnect(); go(); } });
    watch.observe(document.body, { childList: true, subtree: true });
    setTimeout(() => fail(new Error("nothing came: " + location.href)), 20000);
  });
  if (text !== null) { target.value = text; target.form.requestSubmit(); } else target.click();
  await changed;
  await new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
  return performance.now() - began;
}
"""
_PAINT: Final = """
() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const page = performance.getEntriesByType("navigation")[0];
  return [paint ? paint.startTime : page.domContentLoadedEventEnd, page.responseEnd];
}
"""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """What a clerk waits for one thing, in milliseconds by the clock of the browser.

    `server_cpu_ms` is what all processes of the server work for one: it holds still where the
    machine has other things to do and the clock does not.
    """

    median_ms: float
    p95_ms: float
    budget_ms: float
    server_cpu_ms: float


class WorkbenchRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="workbench"):
    """One line of `history.jsonl` about the workbench.

    `load_average` of the minute before says whether the clock had the machine to itself.
    """

    date: str
    machine: records.Machine
    cases: int
    rounds: int
    browser: str
    first_paint: Wait
    open: Wait
    accept_next: Wait
    search: Wait
    server_first_paint_ms: float
    load_average: float


class _Served:
    """A server as an operator starts it, with the queue filled."""

    def __init__(self, folder: Path, cases: int) -> None:
        url = f"sqlite:///{folder / 'store.db'}"
        fill_queue(url, cases)
        self._log = folder / "server.log"
        given = {
            "TIEOUT_GRPC_ADDRESS": "127.0.0.1:0",
            "TIEOUT_HTTP_ADDRESS": "127.0.0.1:0",
            "TIEOUT_METRICS_ADDRESS": "127.0.0.1:0",
            "TIEOUT_STORE": url,
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server"], cwd=ROOT, env=os.environ | given, stderr=log
            )
        self.url = self._said(r"JSON on (\S+)").rstrip("/")

    def _said(self, pattern: str) -> str:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            found = re.search(pattern, self._log.read_text("utf-8"))
            if found:
                return found[1]
            time.sleep(0.05)
        message = f"the server did not start:\n{self._log.read_text('utf-8')}"
        raise RuntimeError(message)

    def cpu_ms(self) -> float:
        """What the server and its processes have worked so far."""
        pids = [self._process.pid]
        for children in Path(f"/proc/{self._process.pid}/task").glob("*/children"):
            pids += [int(pid) for pid in children.read_text().split()]
        ticks = 0
        for pid in pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks * 1_000 / _TICKS

    def close(self) -> None:
        """Stop it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)


def _measured(page: Page, served: _Served, cases: int, rounds: int) -> dict[str, Any]:
    server: list[float] = []
    url = served.url

    def wait(name: str, measure: Callable[[int], float]) -> Wait:
        """The measure so many times, after two that only warm up."""
        for number in (-2, -1):
            measure(number)
        worked = served.cpu_ms()
        times = sorted(measure(number) for number in range(rounds))
        return Wait(
            median_ms=round(statistics.median(times), 1),
            p95_ms=round(times[int(len(times) * 0.95)], 1),
            budget_ms=BUDGETS_MS[name],
            server_cpu_ms=round((served.cpu_ms() - worked) / rounds, 1),
        )

    def first_paint(number: int) -> float:
        page.goto(f"{url}/?sort={('due', 'amount', 'raised')[number % 3]}")
        painted, answered = page.evaluate(_PAINT)
        server.append(answered)
        return float(painted)

    def search(number: int) -> float:
        page.goto(f"{url}/")
        wanted = (number * 7_919 + 11) % cases
        text = (
            f"client {owner_of(wanted):05d}",
            f"{(10_000 + wanted * 7) / 100:,.2f}",
            f"CR{wanted}",
            "trading",
        )[number % 4]
        return float(page.evaluate(_WAIT, ["#q", False, text]))

    def open_one(number: int) -> float:
        page.goto(f"{url}/?sort={('due', 'amount')[number % 2]}")
        row = f"tbody tr:nth-child({number % _SHOWN + 1}) th a"
        return float(page.evaluate(_WAIT, [row, False, None]))

    found = {
        "first_paint": wait("first_paint", first_paint),
        "open": wait("open", open_one),
        "search": wait("search", search),
    }
    page.goto(f"{url}/?sort=amount")
    page.evaluate(_WAIT, ["tbody th a", False, None])

    def accept(_: int) -> float:
        page.wait_for_timeout(READ_MS)
        return float(page.evaluate(_WAIT, ["[data-act=accept]", True, None]))

    found["accept_next"] = wait("accept_next", accept)
    return {**found, "server_first_paint_ms": round(statistics.median(server), 1)}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, keep."""
    chosen = bench_reader("bench.workbench", __doc__, "a short queue").parse_args(arguments)
    cases = CASES_QUICK if chosen.quick else CASES
    rounds = 8 if chosen.quick else ROUNDS
    chromium = shutil.which("chromium") or "/usr/bin/chromium"
    load = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory(prefix="tieout-workbench-") as folder:
        served = _Served(Path(folder), cases)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
                )
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                found = _measured(page, served, cases, rounds)
                version = browser.version
                browser.close()
        finally:
            served.close()
    line = WorkbenchRecord(
        date=date_of(chosen),
        machine=records.this_machine(),
        cases=cases,
        rounds=rounds,
        browser=f"chromium {version}",
        load_average=load,
        **found,
    )
    for name, budget in BUDGETS_MS.items():
        wait = getattr(line, name)
        print(
            f"{name:12} median {wait.median_ms:7.1f} ms, p95 {wait.p95_ms:7.1f} of {budget}; "
            f"the server works {wait.server_cpu_ms:.1f} ms"
        )
    keep(line, chosen)


if __name__ == "__main__":
    main()
