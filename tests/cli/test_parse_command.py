"""`tieout parse`: packed files, pipes, several files, and memory that does not grow with a file."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bench.parser_files import MEASURED_FILES, make_file
from parsers.bank_files import parse_bank_file
from tieout.commands import main
from tieout.exit_codes import ExitCode
from tieout.sources import FileSource, FileSpool, open_sources

GOLDEN = Path(__file__).parents[1] / "golden"
STATEMENT = GOLDEN / "camt" / "statement_02.xml"
REPORT = GOLDEN / "bai2" / "two_banks_one_stream.bai"
LOCKBOX = GOLDEN / "lockbox" / "two_batches.lockbox.txt"


def ids(out):
    return pq.read_table(out / "payments.parquet").column("payment_id").to_pylist()


def parsed_ids(path):
    return parse_bank_file(path.read_bytes(), path.name).payments.strings("payment_id")


@pytest.mark.parametrize("path", [STATEMENT, REPORT, LOCKBOX], ids=lambda path: path.name)
def test_a_single_file_is_written_as_it_was_read(tmp_path, path):
    assert main(["parse", str(path), "--out", str(tmp_path / "out")]) == ExitCode.DONE
    assert ids(tmp_path / "out") == parsed_ids(path)


def test_one_file_among_others_reads_as_alone(tmp_path):
    names = [str(STATEMENT), str(REPORT), str(LOCKBOX)]
    assert main(["parse", *names, "--out", str(tmp_path / "a")]) == ExitCode.DONE
    assert main(["parse", *reversed(names), "--out", str(tmp_path / "b")]) == ExitCode.DONE
    expected = sorted(one for path in (STATEMENT, REPORT, LOCKBOX) for one in parsed_ids(path))
    assert sorted(ids(tmp_path / "a")) == expected
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_packed_file_is_the_file(tmp_path):
    (tmp_path / "r.bai.gz").write_bytes(gzip.compress(REPORT.read_bytes()))
    assert main(["parse", str(tmp_path / "r.bai.gz"), "--out", str(tmp_path / "a")]) == 0
    assert main(["parse", str(REPORT), "--out", str(tmp_path / "b")]) == ExitCode.DONE
    one, two = (
        json.loads((tmp_path / name / "summary.json").read_text())["files"][0] for name in "ab"
    )
    assert one.pop("source_file") == "r.bai.gz"
    assert two.pop("source_file") == REPORT.name
    assert one == two


def test_the_files_of_a_zip_are_read_one_by_one(tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "day.zip", "w") as archive:
        archive.write(STATEMENT, "s.xml")
        archive.write(REPORT, "r.bai")
        archive.writestr("readme.txt", "hello")
    code = main(["parse", str(tmp_path / "day.zip"), "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert code == ExitCode.PARTIAL
    assert "day.zip/readme.txt is no bank file" in said.err
    assert sorted(ids(tmp_path / "out")) == sorted(parsed_ids(STATEMENT) + parsed_ids(REPORT))


def test_an_archive_that_cannot_be_opened_exits_65(tmp_path, capsys):
    (tmp_path / "r.gz").write_bytes(gzip.compress(REPORT.read_bytes())[:-9])
    assert main(["parse", str(tmp_path / "r.gz")]) == ExitCode.MALFORMED
    assert "r.gz: the archive is damaged" in capsys.readouterr().err


def test_a_named_pipe_is_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(REPORT.read_bytes()))
    writer.start()
    assert main(["parse", str(pipe), "--out", str(tmp_path / "out")]) == ExitCode.DONE
    writer.join()
    assert ids(tmp_path / "out") == parsed_ids(REPORT)


@pytest.mark.parametrize("file_format", ["parquet", "csv", "jsonl"])
def test_what_stops_a_parse_leaves_nothing_behind(tmp_path, file_format):
    (tmp_path / "x").write_text("Dear customer")
    arguments = ["parse", str(tmp_path / "x"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--format", file_format]) == ExitCode.MALFORMED
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_spooled_source_is_what_was_written():
    for size in (0, 10, 5 << 20):
        spool = FileSpool()
        content = os.urandom(size)
        for at in range(0, size, 70_001):
            spool.write(content[at : at + 70_001])
        source = spool.finish()
        assert source.size == size
        assert source.read(0, size) == content
        assert source.read(size - 3, size + 9) == content[-3:] if size else True


def test_a_file_source_reads_any_range(tmp_path):
    (tmp_path / "f").write_bytes(b"0123456789")
    source = FileSource.open(tmp_path / "f")
    assert [source.read(0, 99), source.read(3, 5), source.read(8, 8)] == [b"0123456789", b"34", b""]
    (member,) = open_sources(tmp_path / "f")
    assert (member.name, member.source.size) == ("f", 10)


MEASURED = """
import resource, sys
from pathlib import Path
from tieout.commands import main
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
small, large, out = sys.argv[1:]
assert main(["parse", small, "--out", out + "-small"]) == 0
before = peak()
assert main(["parse", large, "--out", out]) == 0
print((peak() - before) / 1024)
"""
"""Reads a small file, so that every library is loaded, then a large one."""

ROWS_PER_MEGABYTE = {"bai2": 9_300, "bai2-long": 5_900, "camt.053": 1_375, "lockbox": 4_700}
GROWTH_MIB_MAX = 200


def growth_mib(folder, name, megabytes):
    """Peak memory of `tieout parse` of a file of that size above what the imports took, in MiB."""
    (measured,) = (one for one in MEASURED_FILES if one.name == name)
    small = make_file(measured, 300, folder)
    large = make_file(measured, ROWS_PER_MEGABYTE[name] * megabytes, folder)
    command = [sys.executable, "-c", MEASURED, str(small), str(large), str(folder / "out")]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    rows = pq.read_metadata(folder / "out" / "payments.parquet").num_rows
    assert rows == ROWS_PER_MEGABYTE[name] * megabytes
    large.unlink()
    return float(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ROWS_PER_MEGABYTE)
def test_memory_does_not_grow_with_the_file(tmp_path, name):
    assert growth_mib(tmp_path, name, 60) < GROWTH_MIB_MAX


@pytest.mark.long
@pytest.mark.parametrize("name", ["bai2", "camt.053"])
def test_a_gigabyte_is_read_in_as_much_memory(tmp_path, name):
    assert growth_mib(tmp_path, name, 1_000) < GROWTH_MIB_MAX


def test_of_many_files_the_last_line_says_only_how_many(tmp_path, capsys):
    content = REPORT.read_bytes()
    for number in range(9):
        (tmp_path / f"{number}.bai").write_bytes(content[: -30 - number])
    main(["parse", *(str(path) for path in sorted(tmp_path.iterdir()))])
    lines = capsys.readouterr().err.splitlines()
    assert any(line.endswith(" in 9 files") for line in lines)
