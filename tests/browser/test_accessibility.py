"""axe-core on every screen, in light, dark, English and German: nothing of WCAG 2.2 AA broken."""

import hashlib
from pathlib import Path

import pytest

from tests.browser.screens import plain_case, refund_of
from web.navigation import NAVIGATION

pytestmark = pytest.mark.xdist_group("workbench")

AXE = Path(__file__).with_name("axe-4.14.1.min.js")
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """async tags => {
  const found = await axe.run(document, {runOnly: tags, resultTypes: ["violations"]});
  return found.violations.map(one => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`);
}"""
CONTRAST = ["color-contrast", "link-in-text-block"]
"""All that a colour scheme can break: the dearest rules of all."""
BUT_CONTRAST = """async ([tags, but]) => {
  const off = Object.fromEntries(but.map(name => [name, {enabled: false}]));
  const found = await axe.run(document, {runOnly: tags, rules: off, resultTypes: ["violations"]});
  return found.violations.map(one => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`);
}"""


def test_axe_is_the_file_that_was_vendored():
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == AXE_SHA256


def broken_on(person, *, with_colours):
    """What breaks the rules on the page as it is, in light, and in dark what depends on it."""
    person.page.evaluate(AXE.read_text())
    # At the end of the page the bar of acts, which sticks to the window's edge, covers nothing.
    person.page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    if not with_colours:
        return person.page.evaluate(BUT_CONTRAST, [TAGS, CONTRAST])
    person.page.emulate_media(color_scheme="light")
    found = person.page.evaluate(RUN, TAGS)
    person.page.emulate_media(color_scheme="dark")
    return found + [f"dark {one}" for one in person.page.evaluate(RUN, CONTRAST)]


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_no_screen_breaks_wcag(clerk, ids, world, locale):
    waiting = plain_case(ids, 20 if locale == "en-GB" else 21)
    refund_of(world, waiting)
    ada = clerk("ada", locale=locale).go("/files")
    file = ada.page.locator("th a").first.get_attribute("href")
    case = f"/exceptions/{plain_case(ids, 15)}"
    paths = [place.path for place in NAVIGATION]
    paths += [case, f"{case}/bytes", f"{case}?find=kontor&why=90001&learn=alias"]
    paths += [f"/exceptions/{waiting}", f"/exceptions/{ids['GES F VERFAHRENSTECHNIK']}"]
    paths += [file, f"{file}/bytes?around=1&offset=900", "/files?name=nothing", "/account"]
    paths += ["/customers/show?company=1000&customer=C-10777", "/customers?text=kontor"]
    paths += [f"/team/letter?case={waiting}", "/?q=nothing-has-this", "/nowhere"]
    # Words differ from language to language, colours do not.
    with_colours = locale == "en-GB"
    broken = {path: broken_on(ada.go(path), with_colours=with_colours) for path in paths}
    ada.context.clear_cookies()
    broken["/sign-in"] = broken_on(ada.go("/sign-in"), with_colours=with_colours)
    assert {path: found for path, found in broken.items() if found} == {}


def test_nothing_is_cut_off_at_200_percent(clerk, ids):
    mia = clerk(viewport={"width": 640, "height": 450}, device_scale_factor=2)
    for path in ("/", f"/exceptions/{ids['GES F VERFAHRENSTECHNIK']}"):
        mia.go(path)
        width = mia.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 640, path
