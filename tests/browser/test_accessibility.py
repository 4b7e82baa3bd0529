"""axe-core on every screen, in light, dark, English and German: nothing of WCAG 2.2 AA broken."""

import hashlib

import pytest

from tests.browser.axe import AXE, broken_on
from tests.browser.screens import plain_case, refund_of
from tieout.v1 import cases_pb2
from web.navigation import NAVIGATION

pytestmark = pytest.mark.xdist_group("workbench")

AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"


def test_axe_is_the_file_that_was_vendored():
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == AXE_SHA256


@pytest.fixture(scope="module")
def further(world, ids):
    """Screens that are there once something has happened: a mention, an alias."""
    case = plain_case(ids, 15)
    world.call("NoteException", "bob", exception_id=case, text="@ada yours?", mentions=["ada"])
    fact = cases_pb2.CaseEntry(
        kind=cases_pb2.ENTRY_KIND_FACT,
        fact_kind="alias",
        company_id="1000",
        customer_id="C-20015",
        value="TESTER 15",
    )
    line = world.call("DecideException", exception_id=case, entries=[fact]).case.lines[-1]
    return ["/?mentioned=1", f"/rules/show?case={case}&line={line.line_number}"]


LOCALES = pytest.mark.parametrize("locale", ["en-GB", "de-DE"])


def assert_none_breaks(person, paths, locale):
    """Words differ from language to language, colours do not."""
    with_colours = locale == "en-GB"
    broken = {path: broken_on(person.go(path), with_colours=with_colours) for path in paths}
    assert {path: found for path, found in broken.items() if found} == {}


@LOCALES
def test_no_screen_breaks_wcag(clerk, locale):
    paths = [place.path for place in NAVIGATION]
    paths += ["/?q=nothing-has-this", "/files?name=nothing", "/account", "/nowhere"]
    assert_none_breaks(clerk("ada", locale=locale), paths, locale)
    stranger = clerk("ada", locale=locale)
    stranger.context.clear_cookies()
    assert_none_breaks(stranger, ["/sign-in"], locale)


@LOCALES
def test_no_exception_breaks_wcag(clerk, ids, world, locale):
    waiting = plain_case(ids, 20 if locale == "en-GB" else 21)
    refund_of(world, waiting)
    case = f"/exceptions/{waiting}"
    paths = [f"/exceptions/{ids['GES F VERFAHRENSTECHNIK']}", case, f"{case}/bytes"]
    paths += [f"/exceptions/{ids['HENNING BARGELD']}?find=kontor&why=90001&learn=alias"]
    paths += [f"/team/letter?case={waiting}"]
    assert_none_breaks(clerk("ada", locale=locale), paths, locale)


@LOCALES
def test_nothing_behind_a_list_breaks_wcag(clerk, further, locale):
    ada = clerk("ada", locale=locale).go("/files")
    file = ada.page.locator("th a").first.get_attribute("href")
    paths = [*further, file, f"{file}/bytes?around=1&offset=900"]
    paths += ["/customers/show?company=1000&customer=C-10777", "/customers?text=kontor"]
    assert_none_breaks(ada, paths, locale)


@LOCALES
@pytest.mark.usefixtures("further")
def test_no_batch_breaks_wcag(clerk, locale):
    ada = clerk("ada", locale=locale)
    ada.go("/?customer=C-20015").has_focus("tbody a:focus", "TESTER 15")
    ada.press("x", "b").has_focus("#bulk-act")
    ada.page.locator("#bulk-act").select_option("note")
    ada.focus("#bulk-reason")
    ada.type("looked at").leads("Enter").has_focus("button:focus")
    assert broken_on(ada, with_colours=locale == "en-GB") == []
    ada.focus("main button.primary")
    ada.leads("Enter").sees("main table .chip")
    assert broken_on(ada, with_colours=locale == "en-GB") == []


def test_nothing_is_cut_off_at_200_percent(clerk, ids):
    mia = clerk(viewport={"width": 640, "height": 450}, device_scale_factor=2)
    for path in ("/", f"/exceptions/{ids['GES F VERFAHRENSTECHNIK']}"):
        mia.go(path)
        width = mia.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 640, path
