"""What browsers load: vendored as recorded, small, named by content."""

import hashlib
import json
import re
from pathlib import Path

from web.static_files import StaticFiles

STATIC = Path(__file__).resolve().parents[2] / "web" / "static"
PAGE_WEIGHT_MAX = 60 * 1024
OWN_SCRIPT_LINES_MAX = 300


def test_vendored_files_are_what_was_recorded():
    vendored = json.loads((STATIC / "vendored.json").read_text())
    for name, said in vendored.items():
        content = (STATIC / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == said["sha256"], name
        assert said["licence"]
    scripts = {path.name for path in STATIC.glob("*.js")}
    assert scripts == {*vendored, "keys.js"}


def test_a_page_weighs_at_most_60_kib_of_script_and_style():
    files = StaticFiles()
    assert files.compressed_bytes(".js") + files.compressed_bytes(".css") <= PAGE_WEIGHT_MAX


def test_own_script_is_at_most_300_lines():
    assert len((STATIC / "keys.js").read_text().splitlines()) <= OWN_SCRIPT_LINES_MAX


def test_names_change_with_the_content(tmp_path):
    (tmp_path / "a.css").write_text("one")
    first = StaticFiles(tmp_path).address("a.css")
    (tmp_path / "a.css").write_text("two")
    assert StaticFiles(tmp_path).address("a.css") != first


def test_pages_load_nothing_from_elsewhere():
    elsewhere = re.compile(r"""(src|srcset|action|<link[^>]*href)=["'](https?:)?//|url\(|@import""")
    for path in (
        *STATIC.glob("*.css"),
        STATIC / "keys.js",
        *STATIC.parent.rglob("templates/*.html"),
    ):
        assert not elsewhere.search(path.read_text()), path
