"""The check of transitions sees every cent that moves without a line."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest
from small_worlds import COMPANY, case_of, on

import desk.conservation
from desk.cases import Entry, Line, buckets
from desk.conservation import DeskConservationError, check_conserved

BEFORE = msgspec.structs.replace(
    case_of(2),
    lines=(Line(**msgspec.structs.asdict(on("I1", 1)), number=1, act_number=1),),
)


def with_line(**more):
    fields = msgspec.structs.asdict(on("I1", 1)) | {"number": 2, "act_number": 2} | more
    return msgspec.structs.replace(BEFORE, lines=(*BEFORE.lines, Line(**fields)))


def check(after, held=None):
    added = after.lines[len(BEFORE.lines) :]
    check_conserved(BEFORE, after, added, held or buckets(after))


def test_what_adds_up_passes():
    check(with_line())
    check(with_line(cash_minor=-1, reverses=1))
    moved = msgspec.structs.replace(BEFORE.lines[0], delivery="posting")
    check(msgspec.structs.replace(BEFORE, lines=(moved,)))


@pytest.mark.parametrize(
    "after",
    [
        msgspec.structs.replace(BEFORE, amount_minor=3),
        msgspec.structs.replace(BEFORE, currency="USD"),
        msgspec.structs.replace(BEFORE, lines=()),
        msgspec.structs.replace(
            BEFORE, lines=(msgspec.structs.replace(BEFORE.lines[0], cash_minor=2),)
        ),
        with_line(cash_minor=2),
        with_line(cash_minor=-2),
        with_line(number=3),
        with_line(cash_minor=-1, reverses=7),
        with_line(cash_minor=0, reverses=1),
        with_line(cash_minor=-1, reverses=1, open_item_id="I2"),
        with_line(cash_minor=-1, reverses=1, write_off_minor=1),
    ],
)
def test_what_does_not_is_refused(after):
    with pytest.raises(DeskConservationError):
        check(after)


def test_lines_that_are_not_told_and_buckets_that_differ_are_refused():
    after = with_line()
    with pytest.raises(DeskConservationError, match="lines added"):
        check_conserved(BEFORE, after, (), buckets(after))
    with pytest.raises(DeskConservationError, match="buckets"):
        check(after, buckets(BEFORE))
    moved = msgspec.structs.replace(buckets(BEFORE), applied_minor=2, unapplied_minor=0)
    with pytest.raises(DeskConservationError, match="undecided"):
        check(BEFORE, moved)


def test_a_line_is_reversed_once():
    twice = with_line(cash_minor=-1, reverses=1)
    again = Line(**msgspec.structs.asdict(twice.lines[-1]) | {"number": 3})
    after = msgspec.structs.replace(twice, lines=(*twice.lines, again))
    with pytest.raises(DeskConservationError):
        check(after)


def test_the_check_shares_no_code_with_what_it_checks():
    tree = ast.parse(Path(desk.conservation.__file__).read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"__future__", "typing", "collections.abc", "desk.cases"}


def test_entries_say_what_they_take_from_an_item():
    entry = Entry(company_id=COMPANY, cash_minor=1, discount_minor=2, deduction_minor=4)
    assert entry.settled_minor == 7
