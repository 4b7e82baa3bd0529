"""The workbench over a long queue, in a real browser: from the key to the painted page.

100,000 payments that name nothing stand beside 200,000 open items of which two fit each: all of
them need a clerk and have suggestions. Measured is what the clerk waits for: the server's answer
and the browser's drawing of it. The 95th of 100 is reported, over 50 of each.
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
from engine.batches import CustomerBatch, OpenItemBatch
from store import open_repository
from tieout.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

__all__ = ["WorkbenchRecord", "main"]

ROOT: Final = Path(__file__).resolve().parents[1]
CASES: Final = 100_000
CASES_QUICK: Final = 400
ROUNDS: Final = 50
FILE_ROWS: Final = 20_000
START_SECONDS: Final = 120
BUDGETS_MS: Final = {"first_paint": 300, "open": 150, "accept_next": 100, "search": 200}

_WAIT: Final = """
async ([selector, act, text]) => {
  const before = document.querySelector("h1").textContent;
  const began = performance.now();
  const target = document.querySelector(selector);
  if (text !== null) { target.value = text; target.form.requestSubmit(); } else target.click();
  const painted = () => new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
  while (document.contains(target) || (act && document.querySelector("h1").textContent === before)) {
    await painted();
    if (performance.now() - began > 20000) throw new Error("nothing came: " + location.href);
  }
  await painted();
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
    """What a clerk waits for one thing, in milliseconds."""

    median_ms: float
    p95_ms: float
    budget_ms: float


class WorkbenchRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="workbench"):
    """One line of `history.jsonl` about the workbench."""

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


def _rows(cases: int) -> Iterator[tuple[int, int, str]]:
    """Number, amount in cents, payer: a customer has five payments of different amounts."""
    for number in range(cases):
        yield number, 10_000 + number * 7, f"CLIENT {number // 5:05d} TRADING LTD"


def _fill(url: str, cases: int) -> None:
    """Customers, and two open items of the amount of each payment."""
    rows = list(_rows(cases))
    twice = [(number, minor, half) for number, minor, _ in rows for half in (1, 2)]
    owners = [f"C-{number:05d}" for number in range((cases + 4) // 5)]
    store = open_repository(url)
    with store.booking() as booking:
        booking.customers.upsert(
            CustomerBatch.from_columns(
                {
                    "customer_id": owners,
                    "company_id": ["1000"] * len(owners),
                    "name": [f"Client {one[2:]} Trading Ltd" for one in owners],
                    "status": ["active"] * len(owners),
                }
            )
        )
        booking.open_items.upsert(
            OpenItemBatch.from_columns(
                {
                    "open_item_id": [f"I-{number}-{half}" for number, _, half in twice],
                    "company_id": ["1000"] * len(twice),
                    "customer_id": [f"C-{number // 5:05d}" for number, _, _ in twice],
                    "document_number": [f"INV-{number:06d}{half}" for number, _, half in twice],
                    "document_type": ["invoice"] * len(twice),
                    "currency": ["USD"] * len(twice),
                    "original_minor": [minor for _, minor, _ in twice],
                    "open_minor": [minor for _, minor, _ in twice],
                    "status": ["open"] * len(twice),
                }
            )
        )
    store.close()


def _statement(rows: list[tuple[int, int, str]], name: str) -> bytes:
    total = sum(minor for _, minor, _ in rows)
    details = [
        f"16,165,{minor},Z,BR{number},CR{number},ORIG CO NAME:{payer}/"
        for number, minor, payer in rows
    ]
    lines = [
        "01,BANK,US,260331,0800,1,,,2/",
        f"02,US,{name},1,260331,,USD,2/",
        "03,ACC1,USD,010,0,,/",
        *details,
        f"49,{total},{len(rows) + 2}/",
        f"98,{total},1,{len(rows) + 4}/",
        f"99,{total},1,{len(rows) + 6}/",
    ]
    return ("\n".join(lines) + "\n").encode()


class _Served:
    """A server as an operator starts it, with the queue filled."""

    def __init__(self, folder: Path, cases: int) -> None:
        url = f"sqlite:///{folder / 'store.db'}"
        _fill(url, cases)
        (folder / "accounts.csv").write_text("bank_account,company_id,currency\nACC1,1000,USD\n")
        self._log = folder / "server.log"
        given = {
            "TIEOUT_GRPC_ADDRESS": "127.0.0.1:0",
            "TIEOUT_HTTP_ADDRESS": "127.0.0.1:0",
            "TIEOUT_METRICS_ADDRESS": "127.0.0.1:0",
            "TIEOUT_STORE": url,
            "TIEOUT_BANK_ACCOUNTS": str(folder / "accounts.csv"),
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server"], cwd=ROOT, env=os.environ | given, stderr=log
            )
        self.address = self._said(r"gRPC on (\S+)")
        self.url = self._said(r"JSON on (\S+)").rstrip("/")
        rows = list(_rows(cases))
        with Client(self.address, timeout_seconds=600) as client:
            for begin in range(0, cases, FILE_ROWS):
                name = f"statement-{begin}.bai"
                client.submit_bank_file(_statement(rows[begin : begin + FILE_ROWS], name), name)

    def _said(self, pattern: str) -> str:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            found = re.search(pattern, self._log.read_text("utf-8"))
            if found:
                return found[1]
            time.sleep(0.05)
        message = f"the server did not start:\n{self._log.read_text('utf-8')}"
        raise RuntimeError(message)

    def close(self) -> None:
        """Stop it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)


def _wait(times: list[float], name: str) -> Wait:
    return Wait(
        median_ms=round(statistics.median(times), 1),
        p95_ms=round(sorted(times)[int(len(times) * 0.95)], 1),
        budget_ms=BUDGETS_MS[name],
    )


def _times(count: int, measure: Callable[[int], float]) -> list[float]:
    """`count` measures, after two that only warm up."""
    return [measure(number) for number in range(-2, count)][2:]


def _measured(page: Page, url: str, cases: int, rounds: int) -> dict[str, Any]:
    server: list[float] = []

    def first_paint(number: int) -> float:
        page.goto(f"{url}/?sort={('due', 'amount', 'raised')[number % 3]}")
        painted, answered = page.evaluate(_PAINT)
        server.append(answered)
        return float(painted)

    def search(number: int) -> float:
        page.goto(f"{url}/")
        wanted = (number * 7_919 + 11) % cases
        text = (
            f"client {wanted // 5:05d}",
            f"{(10_000 + wanted * 7) / 100:,.2f}",
            f"CR{wanted}",
            "trading",
        )[number % 4]
        return float(page.evaluate(_WAIT, ["#q", False, text]))

    def open_one(number: int) -> float:
        page.goto(f"{url}/?sort={('due', 'amount')[number % 2]}")
        row = f"tbody tr:nth-child({number % 90 + 1}) th a"
        return float(page.evaluate(_WAIT, [row, False, None]))

    paints = _times(rounds, first_paint)
    opened = _times(rounds, open_one)
    searched = _times(rounds, search)
    page.goto(f"{url}/?sort=amount")
    page.evaluate(_WAIT, ["tbody th a", False, None])
    accepted = _times(
        rounds, lambda _: float(page.evaluate(_WAIT, ["[data-act=accept]", True, None]))
    )
    return {
        "first_paint": _wait(paints, "first_paint"),
        "open": _wait(opened, "open"),
        "accept_next": _wait(accepted, "accept_next"),
        "search": _wait(searched, "search"),
        "server_first_paint_ms": round(statistics.median(server), 1),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, keep."""
    chosen = bench_reader("bench.workbench", __doc__, "a short queue").parse_args(arguments)
    cases = CASES_QUICK if chosen.quick else CASES
    rounds = 8 if chosen.quick else ROUNDS
    chromium = shutil.which("chromium") or "/usr/bin/chromium"
    with tempfile.TemporaryDirectory(prefix="tieout-workbench-") as folder:
        served = _Served(Path(folder), cases)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
                )
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                found = _measured(page, served.url, cases, rounds)
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
        **found,
    )
    for name, budget in BUDGETS_MS.items():
        wait = getattr(line, name)
        print(f"{name:12} median {wait.median_ms:7.1f} ms, p95 {wait.p95_ms:7.1f} of {budget}")
    keep(line, chosen)


if __name__ == "__main__":
    main()
