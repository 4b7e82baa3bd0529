"""The bench of the readers: files that foot, floors, peers, and a line the docs read."""

from __future__ import annotations

import importlib.util
import io
import random
import re
from pathlib import Path

import pytest
from rich.console import Console

from bench import reading
from bench.parser_files import MEASURED_FILES, make_file
from bench.reading_record import PeerMeasure, ReadingRecord
from bench.record import HISTORY, last_line
from bench.report import reading_table
from parsers.bank_files import parse_bank_file

pytestmark = pytest.mark.xdist_group("reading")

BENCH = Path(reading.__file__).parent
ROWS = 150


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A quick run; peers live in an environment of their own and are stood in for."""
    folder = tmp_path_factory.mktemp("reading")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            reading,
            "_peer",
            lambda name, path, repeats: PeerMeasure(
                name=name, version="1.0", rows=path.stat().st_size, seconds=float(repeats)
            ),
        )
        patch.setattr(reading, "_PEER_PYTHON", folder)
        arguments = ["--quick", "--date", "2026-01-02", "--cache", str(folder)]
        assert reading.main([*arguments, "--history", str(folder / "history.jsonl")]) == 0
    return last_line(ReadingRecord, folder / "history.jsonl")


def test_every_file_is_measured_beside_a_floor_and_a_peer(record):
    assert [one.name for one in record.files] == [one.name for one in MEASURED_FILES]
    assert all(one.rows == 200 and one.seconds > 0 for one in record.files)
    assert all(one.floor and one.floor_seconds > 0 and one.peak_mib >= 0 for one in record.files)


def test_ratios_are_theirs_over_ours(record):
    for one in record.files:
        ratio = record.ratios[f"{one.name} / {one.peer.name}"]
        assert ratio == round(one.peer.seconds / one.seconds, 1)


def test_the_screen_and_the_readme_show_every_file(record):
    console = Console(file=io.StringIO(), width=240)
    reading.print_reading(record, console)
    table = reading_table(record)
    for one in record.files:
        assert one.title in console.file.getvalue()
        assert one.title in table


@pytest.mark.parametrize("measured", MEASURED_FILES, ids=lambda one: one.name)
def test_a_measured_file_foots_and_is_the_same_each_time(tmp_path, measured):
    path = make_file(measured, ROWS, tmp_path)
    content = path.read_bytes()
    dice = random.Random(ROWS)  # noqa: S311 - made-up data
    assert content == "".join(measured.write(dice, ROWS)).encode()
    parsed = parse_bank_file(content, path.name)
    checks = parsed.control_checks.record_batch.column("ok").to_pylist()
    assert ROWS in {len(parsed.payments), len(parsed.remittances)}
    assert checks
    assert all(checks)
    assert len(parsed.diagnostics) == 0


def test_every_peer_is_locked_and_has_a_way_to_run():
    spec = importlib.util.spec_from_file_location("peers", BENCH / "peers.py")
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    locked = (BENCH / "requirements.lock").read_text("utf-8")
    assert set(reading._PEER_OF.values()) == set(peers.PEERS)
    for name in peers.PEERS:
        assert re.search(rf"^{name}==", locked, re.MULTILINE), name
    text = (BENCH / "peers.py").read_text("utf-8")
    assert not re.search(r"^(from|import) (bench|engine|parsers|tieout)", text, re.MULTILINE)


def test_the_history_has_a_line_of_the_readers():
    assert last_line(ReadingRecord, HISTORY).size == "full"
