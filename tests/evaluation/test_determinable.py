"""What could anybody have told? The oracle beside every choice of a small ledger, one by one."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from tieout.evaluation.determinable import has_rival

DUE = (10, 10, 10, 20, 30)


def _answer(kinds, due):
    def answer(rows):
        return tuple(sorted((kinds[row], cash, due[row]) for cash, row in rows))

    return answer


def test_of_two_equal_rents_nobody_can_tell_which_is_paid():
    options = [(80_000, 0), (80_000, 1)]
    assert has_rival(options, [(80_000, 0)], _answer(["invoice"] * 2, [10, 40]))


def test_two_equal_items_due_on_one_day_are_one_answer():
    options = [(80_000, 0), (80_000, 1)]
    assert not has_rival(options, [(80_000, 0)], _answer(["invoice"] * 2, [10, 10]))


def test_a_debit_memo_is_no_invoice_of_the_same_amount_and_day():
    options = [(80_000, 0), (80_000, 1)]
    assert has_rival(options, [(80_000, 0)], _answer(["invoice", "debit_memo"], [10, 10]))


def test_a_set_of_more_items_is_no_rival():
    options = [(300, 0), (100, 1), (200, 2)]
    answer = _answer(["invoice"] * 3, [1, 2, 3])
    assert not has_rival(options, [(300, 0)], answer)
    assert has_rival(options, [(100, 1), (200, 2)], answer)


def test_an_item_is_not_paid_gross_and_net_at_once():
    options = [(100, 0), (98, 0), (102, 1)]
    assert not has_rival(options, [(100, 0), (102, 1)], _answer(["invoice"] * 2, [1, 2]))


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=7),
    st.data(),
)
def test_rivals_are_those_a_plain_search_finds(amounts, data):
    options = [(amount, row) for row, amount in enumerate(amounts)]
    wanted = data.draw(
        st.lists(st.sampled_from(options), min_size=1, max_size=3, unique=True).map(sorted)
    )
    due = [DUE[row % len(DUE)] for row in range(len(amounts))]
    answer = _answer(["invoice"] * len(amounts), due)
    target = sum(cash for cash, _ in wanted)
    plain = any(
        sum(cash for cash, _ in chosen) == target and answer(chosen) != answer(wanted)
        for size in range(1, len(wanted) + 1)
        for chosen in combinations(options, size)
    )
    assert has_rival(options, wanted, answer) == plain
