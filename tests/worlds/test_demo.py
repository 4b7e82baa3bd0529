"""The demo: one command that makes a world, matches it and tells what happened."""

import io
import json

import pytest
from rich.console import Console

from tieout.commands import main
from tieout.commands.demo import run_demo
from tieout.worlds import named_spec, scaled_spec


@pytest.fixture(autouse=True)
def _small_demo(monkeypatch):
    """The demo world, small enough for a test."""
    small = scaled_spec(named_spec("demo"), 400, 3_000, with_bank_files=True)
    monkeypatch.setattr("tieout.worlds.named_spec", lambda _: small)


def shown(out, width=100):
    sink = io.StringIO()
    code = run_demo(out, 1, Console(file=sink, width=width, no_color=True))
    return code, sink.getvalue()


def test_the_demo_shows_rates_beside_errors_and_explains_three_payments(tmp_path):
    code, text = shown(tmp_path / "demo")
    assert code == 0
    for words in (
        "by payment",
        "by line",
        "by value, EUR",
        "wrong applications",
        "every cent accounted for",
        "PAY-UNKNOWN",
        "Seconds per stage",
        "By its references",
        "Left to a clerk",
        "tieout explain",
    ):
        assert words in text


def test_the_demo_fits_100_columns_without_colours(tmp_path):
    _, text = shown(tmp_path / "demo")
    assert "\x1b" not in text
    story = text.split("Where it is")[0]
    assert max(len(line.rstrip()) for line in story.splitlines()) <= 100


def test_the_demo_leaves_its_files_where_it_says(tmp_path):
    _, text = shown(tmp_path / "demo")
    assert f"{tmp_path}/demo/world" in text
    assert (tmp_path / "demo" / "run" / "summary.json").is_file()
    assert (tmp_path / "demo" / "world" / "truth.csv").is_file()


def test_the_demo_does_not_write_into_a_directory_in_use(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("keep")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_demo_speaks_json(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["score"]["payment_count"] == 400
    assert told["score"]["unconserved_payments"] == []
