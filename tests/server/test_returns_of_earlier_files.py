"""Money that comes back days later re-opens what it had settled, to the cent and once."""

import pytest

from desk.acts import Note
from desk.authority import DEFAULT_AUTHORITY
from desk.facts import Actor
from engine.batches import ReversalBatch
from rpc.desk_work import Command, DeskWork
from store import open_repository
from store.checking import check_store
from store.decision_records import Decision, PostingFilter
from store.errors import PostingRejectedError
from tests.server.test_repeated_files import Store

TABLE = """\
open_item_id,company_id,customer_id,document_number,currency,open_amount,document_date,\
discount_date,discount_amount
I-1,K,C-1,INV-20431,USD,100.00,2026-03-01,,
I-2,K,C-1,INV-20544,USD,250.50,2026-03-02,,
I-4,K,C-1,INV-40001,USD,50.00,2026-03-02,2026-04-30,1.00
"""


def statement(*rows, day="260331"):
    """A BAI2 file of `(type, amount_minor, references, text)`; debits are below zero."""
    credits_minor = sum(amount for _, amount, *_ in rows if amount > 0)
    debits_minor = -sum(amount for _, amount, *_ in rows if amount < 0)
    details = [
        f"16,{code},{abs(amount)},0,{references},{text}/" for code, amount, references, text in rows
    ]
    total = credits_minor + debits_minor
    lines = [
        f"01,BANK,US,{day},0800,1,,,2/",
        f"02,US,BANK,1,{day},,USD,2/",
        "03,ACC1,USD,010,0,,/",
        *details,
        f"49,{total},{len(rows) + 2}/",
        f"98,{total},1,{len(rows) + 4}/",
        f"99,{total},1,{len(rows) + 6}/",
    ]
    return ("\n".join(lines) + "\n").encode()


PAID = statement(
    ("165", 10_000, "BR1,E-1", "INV-20431"),
    ("165", 29_950, "BR2,E-2", "INV-20544 INV-40001"),
)


@pytest.fixture
def store(tmp_path, store_url):
    found = Store(tmp_path, store_url)
    found.export(TABLE)
    assert found.send(PAID).bank_file.application_count == 3
    yield found
    repository = open_repository(store_url)
    assert check_store(repository.database) == ()
    repository.close()
    found.close()


def come_back(store, amount_minor, reference, day="260403"):
    sent = store.send(statement(("555", -amount_minor, f"R{day},{reference}", "RETURN"), day=day))
    repository = store.open()
    file_id = sent.bank_file.file_id
    (batch,) = repository.bank_files.read_table(file_id, ReversalBatch, 100)
    repository.close()
    return sent, sorted(
        zip(batch.strings("open_item_id"), batch.int64("amount_minor").tolist(), strict=True)
    )


def open_now(store):
    repository = store.open()
    rows = repository.open_items.read().changed.rows
    repository.close()
    return dict(zip(rows.strings("open_item_id"), rows.int64("open_minor").tolist(), strict=True))


def test_a_return_of_an_earlier_file_reopens_all_it_settled_and_the_discount_too(store):
    assert open_now(store) == {"I-1": 0, "I-2": 0, "I-4": 0}
    store.restart()
    sent, reopened = come_back(store, 29_950, "E-2")
    assert reopened == [("I-2", 25_050), ("I-4", 5_000)]
    assert open_now(store) == {"I-1": 0, "I-2": 25_050, "I-4": 5_000}
    assert "RET-POSTED" in store.exceptions(sent)
    assert store.prove(sent.bank_file.file_id).outcome == "proven"


def test_a_payment_comes_back_once(store):
    come_back(store, 10_000, "E-1")
    sent = store.send(statement(("555", -10_000, "R9,E-1", "RETURN"), day="260405"))
    assert open_now(store)["I-1"] == 10_000
    assert "RET-NOPAYMENT" in store.exceptions(sent)


def test_what_came_back_is_not_taken_back_by_a_person_as_well(store):
    come_back(store, 10_000, "E-1")
    repository = store.open()
    rows = repository.decisions.list_postings(PostingFilter(open_item_id="I-1"), 0, 10)
    number = rows.record_batch["posting_number"][0].as_py()
    person = Decision(decided_by="ann", decided_at_ms=0, subject="S", is_human=True)
    with pytest.raises(PostingRejectedError) as refused, repository.booking() as booking:
        booking.decisions.reverse([number], person)
    assert [one.reason for one in refused.value.refusals] == ["posting_returned"]
    repository.close()


def test_what_a_person_took_back_before_is_not_reopened_again(store):
    repository = store.open()
    rows = repository.decisions.list_postings(PostingFilter(open_item_id="I-1"), 0, 10)
    number = rows.record_batch["posting_number"][0].as_py()
    person = Decision(decided_by="ann", decided_at_ms=0, subject="S", is_human=True)
    with repository.booking() as booking:
        booking.decisions.reverse([number], person)
    repository.close()
    assert open_now(store)["I-1"] == 10_000
    sent = store.send(statement(("555", -10_000, "R9,E-1", "RETURN"), day="260405"))
    assert open_now(store)["I-1"] == 10_000
    assert sent.bank_file.payment_count == 1


def test_a_return_of_money_nobody_knows_reopens_nothing(store):
    sent = store.send(statement(("555", -10_000, "R9,E-77", "RETURN"), day="260405"))
    assert "RET-NOPAYMENT" in store.exceptions(sent)
    assert open_now(store) == {"I-1": 0, "I-2": 0, "I-4": 0}


def test_the_case_of_a_payment_that_came_back_can_be_worked_on(store):
    come_back(store, 10_000, "E-1")
    repository = store.open()
    ((payment,),) = repository.database.rows(
        "SELECT payment_id FROM payment WHERE amount_minor = ?", 10_000
    )
    desk = DeskWork(DEFAULT_AUTHORITY, lambda: 0)
    actor = Actor(name="ann", roles=("admin",))
    with repository.booking() as booking:
        desk.perform(booking, Command(identity=payment, act=Note(text="seen"), actor=actor))
    assert repository.decisions.find_balances([payment])[payment].applied_minor == 10_000
    repository.close()
