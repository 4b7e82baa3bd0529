"""Posting: whole sets, what is open at that moment, reversals that re-open exactly."""

import apsw
import psycopg
import pytest

from store import open_repository
from store.decision_records import CashMove, PostingFilter
from store.errors import PostingRejectedError, StoreIntegrityError
from tests.store.item_rows import items_of
from tests.store.kept_postings import (
    balances,
    keep_cash,
    keep_items,
    open_amounts,
    person,
    postings,
    robot,
    violations,
)
from tests.store.raw_rows import raw_rows


@pytest.fixture
def repository(store_url):
    opened = open_repository(store_url, busy_seconds=0.05)
    keep_cash(opened)
    yield opened
    assert violations(opened) == []
    opened.close()


def post(repository, batch, decision=None):
    with repository.booking() as booking:
        return booking.decisions.post(batch, decision or robot())


def reverse(repository, numbers, decision=None):
    with repository.booking() as booking:
        return booking.decisions.reverse(numbers, decision or person())


def refused(repository, batch, decision=None):
    """The refusals of a set that must change nothing."""
    before = open_amounts(repository), balances(repository, "monday-0", "monday-1")
    with pytest.raises(PostingRejectedError, match="nothing was posted") as caught:
        post(repository, batch, decision)
    assert (open_amounts(repository), balances(repository, "monday-0", "monday-1")) == before
    return [(one.reason, one.open_item_id or one.payment_id) for one in caught.value.refusals]


def test_a_set_takes_from_items_and_payments_at_once(repository):
    keep_items(repository, A=6_000, B=20_000, C=-500)
    batch = postings(("monday-0", "A", 6_000), ("monday-0", "C", -500), ("monday-1", "B", 9_000))
    done = post(repository, batch)
    assert open_amounts(repository) == {"A": 0, "B": 11_000, "C": 0}
    assert balances(repository, "monday-0", "monday-1") == {
        "monday-0": (5_500, 4_500),
        "monday-1": (9_000, 1_000),
    }
    kept = repository.decisions.list_postings(PostingFilter(), 0, 10)
    assert kept.int64("posting_number").tolist() == [
        *range(done.first_number, done.last_number + 1)
    ]
    assert kept.strings("kind") == ["application"] * 3
    assert kept.strings("decided_by") == ["matcher"] * 3


def test_discount_deduction_and_write_off_close_an_item_without_cash(repository):
    keep_items(repository, A=10_000)
    batch = postings(
        ("monday-0", "A", 9_000),
        discount_minor=200,
        deduction_minor=500,
        deduction_reason="damage",
        write_off_minor=300,
        write_off_reason="within tolerance",
    )
    post(repository, batch)
    assert open_amounts(repository) == {"A": 0}
    assert balances(repository, "monday-0") == {"monday-0": (9_000, 1_000)}
    assert repository.open_items.find([("K", "A")]).rows.strings("status") == ["paid"]


@pytest.mark.parametrize(
    ("rows", "same", "reasons"),
    [
        ([("monday-0", "A", 6_001)], {}, [("item_not_covered", "A")]),
        ([("monday-0", "C", 10)], {}, [("item_sign", "C")]),
        ([("monday-0", "nobody", 1)], {}, [("item_not_found", "nobody")]),
        ([("monday-0", "gone", 1)], {}, [("item_deleted", "gone")]),
        ([("monday-0", "D", 1)], {}, [("item_status", "D")]),
        ([("monday-0", "A", 1)], {"currency": "EUR"}, [("item_currency", "A")]),
        ([("monday-0", "A", 1)], {"company_id": "L"}, [("item_not_found", "A")]),
        ([("monday-0", "X", 1)], {"company_id": "L"}, [("payment_company", "monday-0")]),
        ([("monday-0", "A", 1)], {"item_version": 7}, [("item_version", "A")]),
        ([("nobody", "A", 1)], {}, [("payment_not_found", "nobody")]),
        ([("monday-0", "B", 10_001)], {}, [("payment_not_covered", "monday-0")]),
        ([("monday-0", "A", 1)], {"bucket": "on_account"}, [("payment_not_covered", "monday-0")]),
        (
            [("monday-0", "A", 4_000), ("monday-1", "A", 4_000), ("monday-1", "D", 1)],
            {},
            [("item_not_covered", "A"), ("item_status", "D")],
        ),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_of_the_set_is_posted(
    repository, rows, same, reasons
):
    keep_items(repository, A=6_000, B=20_000, C=-500, gone=100)
    keep_items(repository, "L", X=100)
    with repository.booking() as booking:
        booking.open_items.upsert(items_of("K", {"D": 500}, status="disputed"))
        booking.open_items.remove([("K", "gone")])
    fits = [("monday-1", "B", 500)] if not same else []
    assert refused(repository, postings(*fits, *rows, **same)) == reasons
    assert len(repository.decisions.list_postings(PostingFilter(), 0, 10)) == 0


def test_large_sets_are_refused_in_the_same_words(repository):
    keep_cash(repository, "tuesday", payments=200)
    keep_items(repository, **{f"I{n}": 100 for n in range(200)})
    rows = [(f"tuesday-{n}", f"I{n}", 100 + (n in (7, 99))) for n in range(200)]
    assert refused(repository, postings(*rows)) == [
        ("item_not_covered", "I7"),
        ("item_not_covered", "I99"),
    ]
    post(repository, postings(*((one, item, 100) for one, item, _ in rows)))
    assert set(open_amounts(repository).values()) == {0}


def test_a_disputed_item_takes_cash_from_who_knows_that_it_is(repository):
    with repository.booking() as booking:
        booking.open_items.upsert(items_of("K", {"D": 500}, status="disputed"))
    post(repository, postings(("monday-0", "D", 500), expected_status="disputed"))
    assert open_amounts(repository) == {"D": 0}


def test_an_item_named_in_two_versions_is_refused(repository):
    keep_items(repository, A=6_000)
    one = postings(("monday-0", "A", 1), item_version=1)
    two = postings(("monday-0", "A", 1))
    assert ("item_named_twice", "A") in refused(repository, type(one).concat([one, two]))


def test_a_reversal_opens_exactly_what_was_taken_and_frees_the_cash(repository):
    keep_items(repository, A=6_000, C=-500)
    done = post(repository, postings(("monday-0", "A", 6_000), ("monday-0", "C", -500)))
    back = reverse(repository, [done.first_number, done.last_number])
    assert open_amounts(repository) == {"A": 6_000, "C": -500}
    assert balances(repository, "monday-0") == {"monday-0": (0, 10_000)}
    kept = repository.decisions.find_postings([done.first_number, back.first_number])
    assert kept.record_batch["is_reversed"].to_pylist() == [True, False]
    assert kept.int64("reverses").tolist() == [0, done.first_number]
    assert kept.int64("taken_minor").tolist() == [6_000, -6_000]


def test_a_posting_is_taken_back_once(repository):
    keep_items(repository, A=6_000)
    done = post(repository, postings(("monday-0", "A", 6_000)))
    back = reverse(repository, [done.first_number])
    for number, reason in (
        (done.first_number, "posting_reversed"),
        (back.first_number, "posting_is_reversal"),
        (999, "posting_not_found"),
    ):
        with pytest.raises(PostingRejectedError) as caught:
            reverse(repository, [number])
        assert [one.reason for one in caught.value.refusals] == [reason]


def test_one_of_several_applications_is_taken_back_and_applied_elsewhere(repository):
    keep_items(repository, A=6_000, B=6_000)
    done = post(repository, postings(("monday-0", "A", 6_000), ("monday-0", "B", 4_000)))
    reverse(repository, [done.first_number])
    post(repository, postings(("monday-0", "B", 2_000)), person())
    assert open_amounts(repository) == {"A": 6_000, "B": 0}
    assert balances(repository, "monday-0") == {"monday-0": (6_000, 4_000)}


def test_what_a_person_decided_no_run_touches(repository):
    keep_items(repository, A=6_000, B=6_000)
    done = post(repository, postings(("monday-0", "A", 1_000)), person())
    assert repository.decisions.pinned_payments(["monday-0", "monday-1"]) == {"monday-0"}
    assert refused(repository, postings(("monday-0", "B", 1))) == [("payment_pinned", "monday-0")]
    with pytest.raises(PostingRejectedError, match=r"payment_pinned, it is 'm\.weber'"):
        reverse(repository, [done.first_number], robot())
    with repository.booking() as booking:
        booking.decisions.release(["monday-0"], person("j.kim"))
    post(repository, postings(("monday-0", "B", 1)))


def test_cash_moves_between_buckets_and_only_where_it_is(repository):
    def move(source, target, amount, decision=None):
        cash = CashMove(
            payment_id="monday-0", from_bucket=source, to_bucket=target, amount_minor=amount
        )
        with repository.booking() as booking:
            booking.decisions.move_cash([cash], decision or person())

    move("unapplied", "on_account", 4_000)
    balance = repository.decisions.find_balances(["monday-0"])["monday-0"]
    assert (balance.unapplied_minor, balance.on_account_minor) == (6_000, 4_000)
    assert balance.pinned_by == "m.weber"
    with pytest.raises(PostingRejectedError, match="payment_not_covered"):
        move("unapplied", "refund", 6_001)
    with pytest.raises(PostingRejectedError, match="payment_pinned"):
        move("unapplied", "refund", 1, robot())
    with pytest.raises(StoreIntegrityError, match="applied by postings"):
        move("unapplied", "applied", 1)


def test_cash_of_a_bucket_goes_back_to_it(repository):
    keep_cash(repository, "tuesday", bucket="on_account_minor")
    keep_items(repository, A=6_000)
    done = post(repository, postings(("tuesday-0", "A", 6_000), bucket="on_account"))
    reverse(repository, [done.first_number])
    balance = repository.decisions.find_balances(["tuesday-0"])["tuesday-0"]
    assert (balance.applied_minor, balance.on_account_minor) == (0, 10_000)


def test_postings_are_found_by_payment_item_and_subject(repository):
    keep_items(repository, A=6_000, B=6_000)
    post(repository, postings(("monday-0", "A", 1), ("monday-1", "A", 2)), robot("file-1"))
    post(repository, postings(("monday-1", "B", 4)), robot("file-2"))

    def found(**wanted):
        kept = repository.decisions.list_postings(PostingFilter(**wanted), 0, 10)
        return kept.int64("applied_minor").tolist()

    assert found() == [1, 2, 4]
    assert found(payment_id="monday-1") == [2, 4]
    assert found(company_id="K", open_item_id="A") == [1, 2]
    assert found(subject="file-2") == [4]
    assert len(repository.decisions.list_postings(PostingFilter(), 1, 1)) == 1


def test_what_was_posted_shows_in_the_feed(repository):
    keep_items(repository, A=6_000, B=6_000)
    start = repository.open_items.read().number
    post(repository, postings(("monday-0", "A", 1_000)))
    feed = repository.open_items.changes_after(start)
    assert feed.changed.rows.strings("open_item_id") == ["A"]
    assert feed.changed.rows.int64("open_minor").tolist() == [5_000]


@pytest.mark.parametrize("table", ["posting_set", "posting_line", "cash_move"])
def test_decisions_are_never_changed(store_url, repository, table):
    keep_items(repository, A=6_000)
    post(repository, postings(("monday-0", "A", 1_000)))
    cash = CashMove(
        payment_id="monday-0", from_bucket="unapplied", to_bucket="refund", amount_minor=1
    )
    with repository.booking() as booking:
        booking.decisions.move_cash([cash], person())
    word = "currency" if table == "posting_line" else "reason"
    for change in (f"UPDATE {{}} SET {word} = 'x'", "DELETE FROM {}"):
        with pytest.raises((apsw.ConstraintError, psycopg.Error), match=r"append-only|denied"):
            raw_rows(store_url, change.format(table))
