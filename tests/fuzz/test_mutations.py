"""Golden files of every format, damaged: no crash, no endless work, no row lost in silence.

Twenty thousand cases in the suite, a million in the long run; a case is its file and its number.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from accounting import check_accounts, rows_written, within_operations
from mutations import MUTATIONS, mutated

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
FILES = {
    f"{path.parent.name}/{path.name}": path.read_bytes()
    for path in sorted(GOLDEN.glob("*/*"))
    if path.is_file() and path.suffix not in (".json", ".md")
}
CASES, LONG_CASES, CHUNKS = 20_000, 1_000_000, 4
COUNTED_SHARE = 20
"""Of so many cases one has its calls counted, which costs as much as reading it half again."""


def run_cases(name, first, last):
    """Damage one file in the ways `first` to `last`; gives how many were read and refused."""
    original, others = FILES[name], list(FILES.values())
    outcomes = {"read": 0, "refused": 0}
    for number in range(first, last):
        content = mutated(original, f"{name}:{number}", others)
        outcome = check_accounts(content, name, is_counted=number % COUNTED_SHARE == 0)
        outcomes[outcome] += 1
    return outcomes


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("name", FILES)
def test_damage_is_read_or_refused_and_every_row_has_a_place(name, chunk):
    count = -(-CASES // (len(FILES) * CHUNKS))
    outcomes = run_cases(name, chunk * count, (chunk + 1) * count)
    assert sum(outcomes.values()) == count
    assert outcomes["read"] > count // 20


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("name", FILES)
def test_a_million_damaged_files_are_read_or_refused(name, chunk):
    skipped = -(-CASES // len(FILES))
    count = -(-LONG_CASES // (len(FILES) * CHUNKS))
    outcomes = run_cases(name, skipped + chunk * count, skipped + (chunk + 1) * count)
    assert sum(outcomes.values()) == count
    assert outcomes["read"] > count // 20


@pytest.mark.parametrize("name", FILES)
def test_an_undamaged_file_is_read_with_a_place_for_every_row(name):
    assert check_accounts(FILES[name], name, is_counted=True) == "read"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("x12/orders.edi", 2006132),
        ("x12/orders.edi", 2004291),
        ("remt001/payables_run_06.xml", 2008783),
    ],
)
def test_damage_that_once_broke_a_reader_breaks_it_no_more(name, number):
    content = mutated(FILES[name], f"{name}:{number}", list(FILES.values()))
    assert check_accounts(content, name, is_counted=True) in {"read", "refused"}


def test_the_same_case_is_the_same_damage():
    one, again = (mutated(b"01,A,B\n16,1\n", "seed:7", [b"x"]) for _ in range(2))
    assert one == again
    assert len({mutated(b"01,A,B\n16,1\n", f"seed:{n}") for n in range(60)}) > 30
    assert len(MUTATIONS) == 6


def test_rows_are_counted_by_plain_means():
    assert rows_written("bai2", b"16,165,5,,\n16,165,6,,\n88,16,165,7,\n") == 2
    assert rows_written("bai2", b"16,165,5,,\r16,165,6,,\r88,16,165,7,\r") == 2
    assert rows_written("camt.053", b"<D><Ntry><a/></Ntry><n:Ntry>x</n:Ntry><Ntry>") == 2
    assert rows_written("camt.053", b"<D><!-- <Ntry></Ntry> --></D>") == 0
    assert rows_written("other", b"16,165,5,") == 0


def test_endless_work_is_noticed(monkeypatch):
    monkeypatch.setattr("accounting._OPERATIONS_BASE", 10)
    monkeypatch.setattr("accounting._OPERATIONS_PER_BYTE", 0)
    with pytest.raises(AssertionError, match="more than 0 calls per byte"):
        within_operations(FILES["bai2/two_banks_one_stream.bai"], "n")
