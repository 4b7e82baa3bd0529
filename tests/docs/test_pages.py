"""Hand-written pages against the code and the files they talk about."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from engine import limits
from engine.policy import Policy, PolicyBook, read_policy
from parsers.ledger_presets import read_ledger_preset, shipped_ledger_presets
from parsers.lockbox_layout_files import LOCKBOX_LAYOUTS
from parsers.table_files import TABLE_FORMATS
from parsers.text_dialects import TEXT_DIALECTS
from rpc.metrics import METRICS
from rpc.status import CODES
from tieout.commands import COMMANDS, cli
from tieout.configuration import OVERRIDES
from tieout.exit_codes import ExitCode
from tieout.policy_files import rules_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
PLACES = re.compile(
    r"`((?:engine|parsers|store|rpc|tieout|bench|docs|tests|proto)/[\w./*-]*|server\.py)`"
)
LINKS = re.compile(r"\]\(([^)\s]+)\)")


def page(name):
    return (ROOT / name).read_text("utf-8")


def blocks(text, language):
    """Fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def rows_of(name, pattern):
    """What `pattern` finds in the table rows of a page that it matches as a whole."""
    return re.findall(rf"^\| {pattern} \|$", page(name), re.MULTILINE)


def anchors(text):
    """The anchors of a page's headings, as a forge makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("name", NAMES)
def test_every_file_a_page_names_is_there(name):
    for place in PLACES.findall(page(name)):
        assert list(ROOT.glob(place.rstrip("/"))) or "NAME" in place, f"{name} names {place}"


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name):
    for link in LINKS.findall(page(name)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), f"{name} links {link}"
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), f"{name} links {link}"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_one_title_and_no_trailing_blanks(name):
    text = re.sub(r"^```.*?^```", "", page(name), flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_pages_use_the_words_of_the_columns(name):
    words = r"\b(skonto|cash receipts?|bill(?:s|ing)?|allocations?|match rate|adjustments?)\b"
    ours = re.sub(r"^```.*?^```|`[^`\n]*`", "", page(name), flags=re.MULTILINE | re.DOTALL)
    assert not re.search(words, ours, re.IGNORECASE), name  # others' names stand in code


def leaves(value, path=""):
    """Dotted keys of nested tables, with their values."""
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from leaves(inner, f"{path}{key}.")
        else:
            yield f"{path}{key}", inner


def defaults():
    """The default policy as a file would say it."""
    return msgspec.json.decode(msgspec.json.encode(Policy()))


def test_the_policy_page_shows_the_default_policy():
    tables = [tomllib.loads(one) for one in blocks(page("docs/policy.md"), "toml")]
    shown, relations, exchange, taught, override = tables
    assert read_policy(shown) == PolicyBook()
    assert dict(leaves(shown)) == dict(leaves(defaults()))
    assert read_policy(relations).sisters() == {("1100", "1200")}
    assert read_policy(exchange).exchange.rates[0].items_in == "USD"
    assert read_policy(override).companies.keys() == {"1200"}
    rules, named = rules_of(taught)
    assert not rules
    assert (named.calibration, named.precision) == ("own.json", "record.json")


def test_the_policy_page_describes_every_key_with_its_default():
    rows = rows_of("docs/policy.md", r"`([\w.]+)` \| `([^`]+)` \| .{20,}")
    told = {key: tomllib.loads(f"x = {default}")["x"] for key, default in rows}
    assert told == dict(leaves(defaults()))


def test_no_key_of_the_policy_is_idle():
    engine = "".join(
        path.read_text("utf-8")
        for path in (ROOT / "engine").rglob("*.py")
        if path.name != "policy.py"
    )
    keys = dict(leaves(defaults()))
    assert not {key for key in keys if len(key.split(".")) == 2 and _is_idle(key, engine)}


def _is_idle(key, engine):
    section, name = key.split(".")
    limit = section == "bank_charges" and name in ("amount", "percent")
    return not limit and name not in engine


def test_the_operating_page_lists_every_exit_code_once():
    listed = re.findall(r"^\| ([\d, ]+) \|", page("docs/operating.md"), re.MULTILINE)
    codes = [int(one) for cell in listed for one in cell.split(",")]
    assert codes == sorted(int(one) for one in ExitCode)


def test_the_operating_page_lists_every_setting_and_metric():
    text = page("docs/operating.md")
    for name in OVERRIDES:
        assert f"--{name.replace('_', '-')}" in text
        assert f"TIEOUT_{name.upper()}" in text
    metrics = rows_of("docs/operating.md", r"`(\w+_\w+)` \| [A-Z].*")
    assert metrics == [metric.name for metric in METRICS]


def test_every_command_a_page_shows_exists():
    for name in NAMES:
        shown = re.findall(r"^(?:\$ )?tieout ([\w-]+)", page(name), re.MULTILINE)
        assert set(shown) <= set(COMMANDS), name


@pytest.mark.parametrize("name", NAMES)
def test_every_option_a_page_shows_is_one_of_its_command(name):
    text = page(name).replace("\\\n", " ")
    for line in re.findall(r"^.*\btieout [\w-]+ .*--.*$", text, re.MULTILINE):
        for command, shown in re.findall(r"`?\btieout ([\w-]+) ([^`|]*)", line):
            found = cli.get_command(None, command)
            every = [found, *getattr(found, "commands", {}).values()]
            given = {one for each in every for part in each.params for one in part.opts}
            unknown = set(re.findall(r"--[a-z-]+", shown)) - given
            assert not unknown, f"{name}: tieout {command} has no {unknown}"


def test_the_api_page_lists_every_reason_with_its_code():
    rows = rows_of("docs/api.md", r"`([A-Z_]+)` \| `([A-Z_]+)`")
    assert rows == sorted((reason, code.name) for reason, code in CODES.items())


def test_the_formats_page_lists_layouts_extensions_and_limits():
    text = page("docs/formats.md")
    layouts = text.split("## BAI lockbox")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([\w.]+\.\d)` \|", layouts, re.MULTILINE) == list(LOCKBOX_LAYOUTS)
    dialects = text.split("## Text of payments")[1].split("\n## ")[0]
    assert [name for name in TEXT_DIALECTS if f"`{name}`" not in dialects] == []
    assert all(f"`{extension}`" in text for extension in TABLE_FORMATS)
    assert f"{limits.AMOUNT_MINOR_MAX:,}" in text


def test_the_formats_page_lists_the_presets_of_erps_and_its_own_preset_is_one():
    text = page("docs/formats.md").split("## Exports of ERPs")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(shipped_ledger_presets())
    (own,) = blocks(text, "toml")
    assert read_ledger_preset("own.toml", own).open_items


def test_the_changelog_begins_with_what_is_unreleased():
    headings = re.findall(r"^## (.+)$", page("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
