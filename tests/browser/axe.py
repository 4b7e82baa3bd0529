"""axe-core on a page as it is: what of WCAG 2.2 AA it breaks."""

from pathlib import Path

__all__ = ["AXE", "broken_on"]

AXE = Path(__file__).with_name("axe-4.14.1.min.js")
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
