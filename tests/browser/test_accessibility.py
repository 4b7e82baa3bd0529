"""axe-core on every screen in light and dark, English and German: nothing of WCAG 2.2 AA broken."""

import hashlib
from pathlib import Path

import pytest

from tests.browser.screens import plain_case
from web.navigation import NAVIGATION

pytestmark = pytest.mark.xdist_group("workbench")

AXE = Path(__file__).with_name("axe-4.14.1.min.js")
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})"


def test_axe_is_the_file_that_was_vendored():
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == AXE_SHA256


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_screen_breaks_wcag(clerk, ids, scheme, locale):
    ada = clerk("ada", color_scheme=scheme, locale=locale)
    case = plain_case(ids, 15)
    paths = [place.path for place in NAVIGATION]
    paths += [f"/exceptions/{case}"]
    if (scheme, locale) == ("light", "en-GB"):
        paths += [f"/exceptions/{ids['GES F VERFAHRENSTECHNIK']}"]
    paths += [f"/exceptions/{case}/bytes", f"/exceptions/{case}?find=kontor&why=90001"]
    paths += ["/?q=nothing-has-this", "/nowhere"]
    broken = {}
    for path in paths:
        ada.go(path)
        ada.page.evaluate(AXE.read_text())
        found = ada.page.evaluate(RUN, TAGS)["violations"]
        if found:
            broken[path] = [(one["id"], one["nodes"][0]["html"][:200]) for one in found]
    assert broken == {}


def test_nothing_is_cut_off_at_200_percent(clerk, ids):
    mia = clerk(viewport={"width": 640, "height": 450}, device_scale_factor=2)
    for path in ("/", f"/exceptions/{ids['GES F VERFAHRENSTECHNIK']}"):
        mia.go(path)
        width = mia.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 640, path
