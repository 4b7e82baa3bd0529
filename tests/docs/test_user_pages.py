"""The pages for those who use Tieout: every block runs, in one folder, against one server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.page_runner import PageFolder, blocks, is_shown

pytestmark = pytest.mark.xdist_group("user_pages")

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("for-operators.md", "for-erps.md", "for-treasury.md", "for-clerks.md")
"""In the order of their story: each goes on where the one before it stopped."""


def test_every_page_runs_from_top_to_bottom(tmp_path):
    folder = PageFolder(tmp_path)
    try:
        ran = {page: folder.run(page) for page in PAGES}
        assert folder.stop() == 0
    finally:
        folder.kill()
    for page, counts in ran.items():
        assert sum(counts.values()) == len(blocks(page))
        assert counts["programs"] >= 4


def test_an_output_is_compared_line_by_line():
    assert is_shown("a\nb…d\n", "a\nb c d\n")
    assert is_shown("a\n…\nd\n", "a\nb\nc\nd\n")
    assert not is_shown("a\n", "a\nb\n")
    assert not is_shown("a\nb\n", "a\n")
    assert not is_shown("b\n", "a\nb\n")
    assert is_shown("[x]*\n", "[x]*\n")
    assert not is_shown("[x]*\n", "xy\n")


def test_the_readme_leads_to_each_page():
    text = (ROOT / "README.md").read_text("utf-8")
    assert {f"docs/{page}" for page in PAGES} <= set(re.findall(r"\]\(([^)#]+)", text))
    assert set(PAGES) == {path.name for path in (ROOT / "docs").glob("for-*.md")}
