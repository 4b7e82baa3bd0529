"""Pictures of the workbench, as `make screenshots` draws them: `docs/pictures/workbench-*.png`.

A server with a small seeded company is started, looked at in Chromium, and ended.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from playwright.sync_api import sync_playwright

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.web.clerks_world import (  # noqa: E402 - found beside this file
    BANK_ACCOUNTS_CSV,
    fill_store,
    submit_files,
)
from tieout.client import Client  # noqa: E402 - as above
from tieout.v1 import cases_pb2, exception_service_pb2  # noqa: E402 - as above

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["PICTURES", "main"]

PICTURES: Final = ROOT / "docs" / "pictures"
_START_SECONDS: Final = 120
_SIZE: Final = {"width": 1440, "height": 900}
_A_FILE: Final = "FILE"
"""In a path: the page of the newest bank file."""


class _Served:
    """The server with its company."""

    def __init__(self, folder: Path) -> None:
        url = f"sqlite:///{folder / 'store.db'}"
        fill_store(url)
        (folder / "accounts.csv").write_text(BANK_ACCOUNTS_CSV)
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
        address = self._said(r"gRPC on (\S+)")
        self.url = self._said(r"JSON on (\S+)").rstrip("/")
        submit_files(address)
        self.cases = _worked(address)

    def _said(self, pattern: str) -> str:
        end = time.monotonic() + _START_SECONDS
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


def _worked(address: str) -> dict[str, str]:
    """Payer → case, a few of them worked on so that there is something to see."""
    with Client(address) as client:
        listed = client.call(
            exception_service_pb2.ListCasesRequest(page_size=1000),
            exception_service_pb2.ListCasesResponse,
        )
        cases: dict[str, str] = {}
        for one in listed.cases:
            cases.setdefault(one.payer_name, one.case_id)
        decide = exception_service_pb2.DecideExceptionRequest(
            exception_id=cases["NORDLICHT HANDEL"], proposal_rank=1
        )
        client.call(decide, exception_service_pb2.DecideExceptionResponse)
        client.call(
            exception_service_pb2.AssignExceptionRequest(
                exception_id=cases["HENNING BARGELD"], assignee="mia", backup="bob"
            ),
            exception_service_pb2.AssignExceptionResponse,
        )
        client.call(
            exception_service_pb2.PrepareExceptionRequest(
                exception_id=cases["ORSTED SALG"],
                proposal_rank=1,
                remainder=cases_pb2.Remainder(kind=cases_pb2.REMAINDER_KIND_ON_ACCOUNT),
            ),
            exception_service_pb2.PrepareExceptionResponse,
        )
        client.call(
            exception_service_pb2.DecideExceptionRequest(
                exception_id=cases["BALTIC FISHING AS"],
                proposal_rank=1,
                remainder=cases_pb2.Remainder(kind=cases_pb2.REMAINDER_KIND_REFUND),
            ),
            exception_service_pb2.DecideExceptionResponse,
        )
        client.call(
            exception_service_pb2.DecideExceptionRequest(
                exception_id=cases["TESTER 01 HANDELS GMBH"],
                entries=[
                    cases_pb2.CaseEntry(
                        kind=cases_pb2.ENTRY_KIND_FACT,
                        fact_kind="alias",
                        value="TESTER 01 HANDELS GMBH",
                        company_id="1000",
                        customer_id="C-20001",
                    )
                ],
            ),
            exception_service_pb2.DecideExceptionResponse,
        )
    return cases


def _screens(cases: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """Name of the picture, path, language, colours."""
    large = f"/exceptions/{cases['GES F VERFAHRENSTECHNIK']}"
    draft = f"/exceptions/{cases['ORSTED SALG']}"
    return [
        ("queue", "/", "en-GB", "light"),
        ("queue-dark-de", "/", "de-DE", "dark"),
        ("queue-empty", "/?q=nothing-has-this", "en-GB", "light"),
        ("exception", f"/exceptions/{cases['ZAKLADY MECHANICZNE LODZ']}", "en-GB", "light"),
        ("exception-draft", draft, "en-GB", "light"),
        ("exception-dark-de", draft, "de-DE", "dark"),
        ("exception-200-lines", large, "de-DE", "light"),
        ("exception-approval", f"/exceptions/{cases['BALTIC FISHING AS']}", "en-GB", "light"),
        ("exception-decided", f"/exceptions/{cases['NORDLICHT HANDEL']}", "en-GB", "light"),
        (
            "payer",
            f"/exceptions/{cases['HENNING BARGELD']}?find=kontor&why=90001",
            "en-GB",
            "light",
        ),
        ("bytes", f"{large}/bytes", "en-GB", "light"),
        ("approvals", "/approvals", "en-GB", "light"),
        ("files", "/files", "en-GB", "light"),
        ("file", "FILE", "de-DE", "light"),
        ("file-bytes", "FILE/bytes?around=1&offset=900", "en-GB", "light"),
        ("customer", "/customers/show?company=1000&customer=C-10777", "en-GB", "light"),
        ("figures", "/figures", "en-GB", "light"),
        ("figures-dark-de", "/figures", "de-DE", "dark"),
        ("team", "/team", "en-GB", "light"),
        ("rules", "/rules", "en-GB", "light"),
        ("postings", "/postings?state=approved", "en-GB", "light"),
        ("audit", "/audit", "de-DE", "light"),
        ("settings", "/settings", "en-GB", "light"),
        ("not-found", "/nowhere", "en-GB", "light"),
    ]


def _draw(browser: Browser, url: str, screen: tuple[str, str, str, str], *, zoom: int = 1) -> None:
    name, path, locale, scheme = screen
    size = {side: length // zoom for side, length in _SIZE.items()}
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]  # a dict of the two lengths
        device_scale_factor=zoom,
        locale=locale,
        color_scheme=scheme,  # type: ignore[arg-type]  # light or dark
    )
    page = context.new_page()
    if path.startswith(_A_FILE):
        page.goto(f"{url}/files")
        found = page.locator("th a").first.get_attribute("href")
        path = f"{found}{path.removeprefix(_A_FILE)}"
    page.goto(f"{url}{path}", wait_until="networkidle")
    whole = path.startswith(("/figures", "/team"))
    page.screenshot(path=PICTURES / f"workbench-{name}.png", full_page=whole)
    context.close()


def main() -> None:
    """Draw every picture."""
    PICTURES.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or "/usr/bin/chromium"
    with tempfile.TemporaryDirectory(prefix="tieout-pictures-") as folder:
        served = _Served(Path(folder))
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
                )
                screens = _screens(served.cases)
                for screen in screens:
                    _draw(browser, served.url, screen)
                zoomed = ("exception-zoom", screens[3][1], "en-GB", "light")
                _draw(browser, served.url, zoomed, zoom=2)
                browser.close()
        finally:
            served.close()


if __name__ == "__main__":
    main()
