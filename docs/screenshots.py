"""Pictures of the workbench, as `make screenshots` draws them: `docs/pictures/workbench-*.png`.

A server with a small seeded company is started, looked at in Chromium, and ended. With a folder as
argument every screen is drawn there in both languages and colours, for somebody to look through.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from playwright.sync_api import sync_playwright

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from docs.pictured_company import LONG_NAME, PictureCompany  # noqa: E402 - found beside this file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playwright.sync_api import Browser, Page

__all__ = ["PICTURES", "Screen", "main"]

PICTURES: Final = ROOT / "docs" / "pictures"
_SIZE: Final = {"width": 1440, "height": 900}
_A_FILE: Final = "FILE"
"""In a path: the page of a bank file, whose name follows after a colon."""

_A_RULE: Final = "RULE"
"""As a path: the page of the first rule there is."""

_LIGHT: Final = ("en-GB", "light")
_DARK: Final = ("de-DE", "dark")


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """One picture: where, how it is looked at, and what is done there first."""

    name: str
    path: str
    person: str = "mia"
    look: tuple[str, str] = _LIGHT
    zoom: int = 1
    is_whole: bool = False
    do: Callable[[Page], None] | None = None


def _press(*keys: str, until: str = "") -> Callable[[Page], None]:
    """Press keys, then wait for what they lead to."""

    def press(page: Page) -> None:
        for key in keys:
            page.keyboard.press(key)
        if until:
            page.locator(until).first.wait_for()

    return press


def _bulk(page: Page) -> None:
    for row in page.locator("[data-bulk]").all()[:4]:
        row.check()
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.locator("h1", has_text="Preview").or_(page.locator("h1", has_text="Vorschau")).wait_for()


def _to_items(page: Page) -> None:
    page.locator("#items-title").scroll_into_view_if_needed()
    page.evaluate("window.scrollTo(0, document.getElementById('picks').offsetTop - 60)")


def _screens(cases: Mapping[str, str], webhooks: Mapping[str, str]) -> list[Screen]:
    """Everything there is to see."""
    large = f"/exceptions/{cases['GES F VERFAHRENSTECHNIK']}"
    draft = f"/exceptions/{cases['ORSTED SALG']}"
    found = f"/exceptions/{cases['HENNING BARGELD']}?find=kontor&why=90001"
    plain = f"/exceptions/{cases['ZAKLADY MECHANICZNE LODZ']}"
    deduct = f"/exceptions/{cases['TESTER 02 HANDELS GMBH']}"
    open_sheet = _press("d", until="#deduction-reason:visible")
    return [
        Screen(name="queue", path="/"),
        Screen(name="queue-dark-de", path="/", look=_DARK),
        Screen(name="queue-empty", path="/?q=nothing-has-this"),
        Screen(name="queue-zoom", path="/", zoom=2),
        Screen(name="bulk", path="/?sort=amount", do=_bulk),
        Screen(name="exception", path=plain),
        Screen(name="exception-draft", path=draft),
        Screen(name="exception-dark-de", path=draft, look=_DARK),
        Screen(name="exception-deduction", path=deduct, do=open_sheet),
        Screen(name="exception-200-lines", path=large, look=("de-DE", "light")),
        Screen(name="exception-200-items", path=large, do=_to_items),
        Screen(name="exception-long-name", path=f"/exceptions/{cases[LONG_NAME]}"),
        Screen(
            name="exception-approval",
            path=f"/exceptions/{cases['BALTIC FISHING AS']}",
            person="bob",
        ),
        Screen(name="exception-decided", path=f"/exceptions/{cases['NORDLICHT HANDEL']}"),
        Screen(name="exception-leased", path=draft, person="bob"),
        Screen(name="exception-zoom", path=plain, zoom=2),
        Screen(name="payer", path=found),
        Screen(name="bytes", path=f"{large}/bytes"),
        Screen(name="approvals", path="/approvals", person="bob"),
        Screen(name="files", path="/files"),
        Screen(name="file", path=f"{_A_FILE}:statement-2026-03-19", look=("de-DE", "light")),
        Screen(name="file-bytes", path=f"{_A_FILE}:statement-2026-03-16/bytes?around=1&offset=900"),
        Screen(name="runs", path="/runs"),
        Screen(name="customers", path="/customers"),
        Screen(name="customer", path="/customers/show?company=1000&customer=C-10777"),
        Screen(name="figures", path="/figures", is_whole=True),
        Screen(name="figures-dark-de", path="/figures", look=_DARK, is_whole=True),
        Screen(name="team", path="/team", person="ada", is_whole=True),
        Screen(name="letter", path=f"/team/letter?case={cases['HENNING BARGELD']}"),
        Screen(name="rules", path="/rules"),
        Screen(name="rule", path=_A_RULE),
        Screen(name="postings", path="/postings?state=approved"),
        Screen(name="audit", path="/audit", person="otto", look=("de-DE", "light")),
        Screen(name="people", path="/people", person="ada"),
        Screen(name="webhooks", path="/webhooks", person="ada"),
        Screen(name="deliveries", path=f"/webhooks/{webhooks['broken']}", person="ada"),
        Screen(name="settings", path="/settings"),
        Screen(name="account", path="/account"),
        Screen(name="sign-in", path="/sign-in", person=""),
        Screen(name="not-found", path="/nowhere"),
        Screen(name="not-permitted", path="/people"),
    ]


def _draw(browser: Browser, company: PictureCompany, screen: Screen, folder: Path) -> None:
    size = {side: length // screen.zoom for side, length in _SIZE.items()}
    language, colours = screen.look
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]  # a dict of the two lengths
        device_scale_factor=screen.zoom,
        locale=language,
        color_scheme=colours,  # type: ignore[arg-type]  # light or dark
    )
    if screen.person:
        token = company.tokens[screen.person]
        context.add_cookies([{"name": "tieout_session", "value": token, "url": company.url}])
    page = context.new_page()
    path = screen.path
    if path.startswith(_A_FILE):
        file, slash, rest = path.partition(":")[2].partition("/")
        page.goto(f"{company.url}/files?name={file}")
        path = f"{page.locator('th a').first.get_attribute('href')}{slash}{rest}"
    if path == _A_RULE:
        page.goto(f"{company.url}/rules")
        path = str(page.locator("th a").first.get_attribute("href"))
    page.goto(f"{company.url}{path}", wait_until="networkidle")
    if screen.do is not None:
        screen.do(page)
    page.screenshot(path=folder / f"workbench-{screen.name}.png", full_page=screen.is_whole)
    context.close()


def _both(screen: Screen) -> list[Screen]:
    """A screen in either language and either colours."""
    return [
        msgspec.structs.replace(screen, name=f"{screen.name}-{look[0]}", look=look)
        for look in (_LIGHT, _DARK)
    ]


def main(arguments: list[str]) -> None:
    """Draw every picture, or everything into the folder that is named."""
    folder = Path(arguments[0]) if arguments else PICTURES
    folder.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or "/usr/bin/chromium"
    with tempfile.TemporaryDirectory(prefix="tieout-pictures-") as place:
        company = PictureCompany(Path(place))
        try:
            screens = _screens(company.cases, company.webhooks)
            if arguments:
                screens = [one for screen in screens for one in _both(screen)]
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
                )
                for screen in screens:
                    _draw(browser, company, screen, folder)
                browser.close()
        finally:
            company.close()


if __name__ == "__main__":
    main(sys.argv[1:])
