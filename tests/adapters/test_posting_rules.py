"""Accounts, days and limits: what cannot be posted is refused by row, and the rest goes on."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from ledgers import Book, small_book
from readers import lines

from adapters.accounts import (
    ClosedDays,
    PostingRules,
    posting_day,
    read_determination,
)
from adapters.catalogue import ADAPTERS, adapter_of, template
from adapters.document_ids import document_id, short_id
from adapters.documents import document_lines
from adapters.errors import AccountsError, PostingRefusedError, PostingTotalsError
from adapters.export import export_documents
from adapters.limits import NETSUITE_LINES_MAX, SAP_LINES_MAX

SEPTEMBER = dt.date(2026, 9, 30)


def exported(book, name, accounts=None):
    text = template(name) if accounts is None else accounts
    return export_documents(book.given(), ADAPTERS[name], read_determination(text))


def refusals(export):
    return {
        one.payment_id: (one.sentence, one.open_item_id)
        for one in export.held
        if one.reason == "refused"
    }


def sent(export):
    return lines(document_lines(export.documents))


def test_a_missing_account_is_named_with_its_row_and_the_others_are_posted():
    text = template("journal").replace(
        '[accounts.write_off]              # by reason; "*" is every other one\n"*" = "6990"',
        "[accounts.write_off]",
    )
    export = exported(small_book(), "journal", text)
    sentence, item = refusals(export)["P3"]
    assert item == "I3"
    assert "write-off for 'tolerance'" in sentence
    assert "add accounts.write_off.tolerance" in sentence
    assert {one.payment_id for one in export.postings} == {"P1", "P2", "P4", "P6", "P7"}


def test_a_return_of_a_payment_that_was_refused_is_refused_with_it():
    text = template("journal").replace('"*" = "6990"', "")
    assert "came back was not posted" in refusals(exported(small_book(), "journal", text))["R1"][0]


def test_a_company_has_accounts_of_its_own_before_those_for_all():
    text = template("journal") + '\n[companies.J1.accounts]\nbank = "1099"\n'
    export = exported(small_book(), "journal", text)
    banks = {one["payment_id"]: one["body"]["lines"][0]["account"] for one in sent(export)}
    assert (banks["P7"], banks["P1"]) == ("1099", "1000")


def test_a_reason_comes_before_every_other_and_brings_its_cost_object():
    book = Book()
    book.item("I1", "C1", "N1", 100_00)
    fee = {"write_off_minor": 10_00, "write_off_reason": "bank_charge"}
    book.payment("P1", "C1", 90_00, [("I1", 90_00, fee)])
    (entry,) = sent(exported(book, "journal"))
    (line,) = [one for one in entry["body"]["lines"] if one["role"] == "write_off"]
    assert line["account"] == "6855"
    assert line["cost_objects"] == {"cost_center": "TREASURY"}


@pytest.mark.parametrize(
    ("rules", "day"),
    [
        (PostingRules(), SEPTEMBER),
        (PostingRules(day=dt.date(2026, 10, 5)), dt.date(2026, 10, 5)),
        (PostingRules(closed_until=SEPTEMBER), dt.date(2026, 10, 1)),
        (
            PostingRules(
                closed_until=SEPTEMBER,
                closed=(ClosedDays(dt.date(2026, 10, 1), dt.date(2026, 10, 4)),),
            ),
            dt.date(2026, 10, 5),
        ),
        (PostingRules(date="booking_date"), dt.date(2026, 9, 29)),
    ],
)
def test_a_payment_is_posted_on_the_next_open_day(rules, day):
    assert posting_day(rules, SEPTEMBER, dt.date(2026, 9, 29)) == day


def test_a_closed_period_refuses_where_the_rules_say_so():
    rules = PostingRules(closed_until=SEPTEMBER, when_closed="refuse")
    with pytest.raises(PostingRefusedError, match="next open day is 2026-10-01"):
        posting_day(rules, SEPTEMBER, None)


def test_a_payment_without_any_day_is_refused():
    with pytest.raises(PostingRefusedError, match=r"set posting\.day"):
        posting_day(PostingRules(), None, None)


def test_the_posting_date_is_that_of_the_rules_and_the_document_date_that_of_the_bank():
    text = template("journal").replace("# closed_until = 2026-08-31", "closed_until = 2026-09-30 #")
    body = sent(exported(small_book(), "journal", text))[0]["body"]
    assert (body["posting_date"], body["document_date"]) == ("2026-10-01", "2026-09-30")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[accounts]\nbank = 1", "Expected `str`, got `int` - at `$.accounts.bank`"),
        ("[acounts]", "unknown field `acounts`"),
        ("[posting]\nwhen_closed = 'never'", "Invalid enum value 'never'"),
        ("accounts", "Expected '=' after a key"),
    ],
)
def test_accounts_that_are_none_are_refused_with_the_key(text, said):
    with pytest.raises(AccountsError, match=r"accounts\.toml: ") as caught:
        read_determination(text, "accounts.toml")
    assert said in str(caught.value)


def test_a_setting_nobody_knows_stops_the_export():
    with pytest.raises(AccountsError, match="unknown field `journal_nam`"):
        exported(
            small_book(),
            "dynamics_finance",
            template("dynamics_finance").replace("journal_name", "journal_nam"),
        )


def test_an_adapter_nobody_knows_lists_those_there_are():
    with pytest.raises(AccountsError, match="no adapter is called 'sage'; there are sap,"):
        adapter_of("sage")


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_template_of_every_adapter_is_understood(name):
    assert read_determination(template(name)).accounts.bank
    assert f"docs/adapters/{name}.md" in template(name)


def wide_book(count, netted=()):
    """One payment on `count` invoices and the credits `netted`."""
    book = Book()
    rows = []
    for at in range(count):
        book.item(f"I{at:05d}", "C1", f"N{at}", 1_00 + at)
        rows.append((f"I{at:05d}", 1_00 + at, {}))
    for at, amount in enumerate(netted):
        book.item(f"M{at}", "C1", f"CM{at}", -amount)
        rows.append((f"M{at}", -amount, {}))
    book.payment("P1", "C1", sum(cash for _, cash, _ in rows), rows)
    return book


def test_netsuite_takes_a_large_payment_in_parts_that_add_up():
    book = wide_book(12_001, netted=(500_00, 20_000_00))
    export = exported(book, "netsuite")
    bodies = [one["body"] for one in sent(export)]
    counts = [
        len(one["apply"]["items"]) + len(one.get("credit", {"items": ()})["items"])
        for one in bodies
    ]
    assert len(bodies) == 3
    assert sum(counts) == 12_003
    assert max(counts) <= NETSUITE_LINES_MAX
    assert all(one["payment"] >= 0 for one in bodies)
    assert len({one["externalId"] for one in bodies}) == 3


def test_netsuite_refuses_a_credit_that_no_part_can_take():
    book = wide_book(5_000, netted=(12_000_000,))
    book.payments[0]["amount_minor"] += 12_000_000 - sum(100 + at for at in range(5_000)) + 5
    book.payments[0]["amount_minor"] = sum(row["applied_minor"] for row in book.applications)
    assert book.payments[0]["amount_minor"] > 0
    sentence, item = refusals(exported(book, "netsuite"))["P1"]
    assert item == "M0"
    assert "5000 lines in one payment" in sentence


def test_netsuite_refuses_a_number_where_an_id_is_wanted():
    text = template("netsuite").replace('item_ids = "external"', 'item_ids = "internal"')
    sentence, item = refusals(exported(small_book(), "netsuite", text))["P1"]
    assert item == "I1"
    assert "'I1' is no internal id" in sentence


def test_sap_refuses_more_lines_than_a_document_has():
    book = wide_book(SAP_LINES_MAX + 5)
    for one in book.items:
        one["original_minor"] += 1  # paid in part before: each needs a line of its own
    sentence, _ = refusals(exported(book, "sap"))["P1"]
    assert "more than 999 lines" in sentence


def test_sap_clears_no_number_that_two_open_items_bear():
    book = small_book()
    book.item("I1b", "C1", "INV-1001", 55_00)
    sentence, item = refusals(exported(book, "sap"))["P1"]
    assert item == "I1"
    assert 'settings.select_by = "BELNR"' in sentence


def test_sap_selects_by_document_year_and_line_where_ids_say_them():
    book = Book()
    book.item("1000/1800000123/2026/001", "C1", "INV-1", 100_00)
    book.item("1000/1800000124/2026/1", "C1", "INV-2", 50_00)
    rows = [("1000/1800000123/2026/001", 100_00, {}), ("1000/1800000124/2026/1", 20_00, {})]
    book.payment("P1", "C1", 120_00, rows)
    text = template("sap").replace('"XBLNR"', '"BELNR"', 1)
    (document,) = sent(exported(book, "sap", text))
    (clear,) = document["body"]["T_FTCLEAR"]
    assert (clear["SELFD"], clear["SELVON"]) == ("BELNR", "18000001232026001")
    part = {
        one["FNAM"]: one["FVAL"] for one in document["body"]["T_FTPOST"] if one["COUNT"] == "002"
    }
    assert (part["BSEG-REBZG"], part["BSEG-REBZJ"], part["BSEG-REBZZ"]) == (
        "1800000124",
        "2026",
        "001",
    )


def test_sap_writes_amounts_and_dates_as_the_user_types_them():
    text = (
        template("sap")
        .replace('decimal = "."', 'decimal = ","')
        .replace('"DD.MM.YYYY"', '"YYYYMMDD"', 1)
    )
    (fields,) = [one["body"]["T_FTPOST"] for one in sent(exported(small_book(), "sap", text))[:1]]
    values = {one["FNAM"]: one["FVAL"] for one in fields}
    assert (values["BSEG-WRBTR"], values["BKPF-BUDAT"]) == ("100,00", "20260930")


@pytest.mark.parametrize("name", ["oracle_fusion", "netsuite", "erpnext", "quickbooks", "xero"])
def test_another_company_s_item_is_refused_where_the_erp_posts_one_company(name):
    book = Book()
    book.item("I1", "C1", "INV-1", 100_00, company_id="B2")
    book.payment("P1", "C1", 100_00, [("I1", 100_00, {})])
    sentence, item = refusals(exported(book, name))["P1"]
    assert item == "I1"
    assert "the item is of company 'B2'" in sentence


@pytest.mark.parametrize("name", ["netsuite", "erpnext", "quickbooks"])
def test_credits_of_one_customer_for_invoices_of_another_are_refused(name):
    book = Book()
    book.item("I1", "C1", "INV-1", 100_00)
    book.item("M1", "C2", "CM-1", -30_00)
    book.payment("P1", "C1", 70_00, [("I1", 100_00, {}), ("M1", -30_00, {})])
    assert "which" in refusals(exported(book, name))["P1"][0]
    assert refusals(exported(book, name))["P1"][1] == "M1"


@pytest.mark.parametrize(
    "name", ["oracle_fusion", "dynamics_finance", "business_central", "odoo", "xero"]
)
def test_a_number_that_two_items_bear_stands_for_neither(name):
    book = small_book()
    book.item("I1b", "C1", "INV-1001", 55_00)
    sentence, item = refusals(exported(book, name))["P1"]
    assert item == "I1"
    assert "'INV-1001'" in sentence


def test_what_is_left_of_a_decided_payment_is_the_customer_s_credit():
    book = Book()
    book.item("I1", "C1", "INV-1", 100_00)
    book.payment("P1", "C1", 120_00, [("I1", 100_00, {})], unapplied_minor=20_00)
    book.payment("P2", "C1", 50_00, unapplied_minor=50_00)
    export = exported(book, "journal")
    assert [one.payment_id for one in export.postings] == ["P1"]
    assert [(one.payment_id, one.reason) for one in export.held] == [("P2", "undecided")]
    text = template("journal").replace('"remainder"', '"hold"')
    assert not exported(book, "journal", text).postings


def test_money_of_unknown_payers_waits_or_goes_to_suspense():
    text = template("journal").replace('unidentified = "hold"', 'unidentified = "suspense"')
    export = exported(small_book(), "journal", text)
    assert "P8" in {one.payment_id for one in export.postings}
    (entry,) = [one for one in sent(export) if one["payment_id"] == "P8"]
    assert [one["role"] for one in entry["body"]["lines"]] == ["bank", "suspense"]
    text = template("netsuite").replace('unidentified = "hold"', 'unidentified = "suspense"')
    assert "payer is not known" in refusals(exported(small_book(), "netsuite", text))["P8"][0]


def test_a_file_in_doubt_posts_nothing():
    book = small_book()
    book.payments[0]["intake_codes"] = "IN-TOTAL"
    held = {one.payment_id: one for one in exported(book, "journal").held}
    assert held["P1"].sentence == "the bank's file is in doubt (IN-TOTAL)"


def test_lost_money_stops_everything():
    adapter = ADAPTERS["journal"]
    lossy = type(adapter)(
        name="journal",
        title="",
        posts="",
        reverse=adapter.reverse,
        files=adapter.files,
        post=lambda posting, accounts: adapter.post(posting, accounts)[:0],
    )
    with pytest.raises(PostingTotalsError, match="nothing is exported"):
        export_documents(small_book().given(), lossy, read_determination(template("journal")))


def test_ids_follow_from_ledger_and_payment_and_from_nothing_else():
    first = document_id("", "A1", "P1", "entry")
    assert first == document_id("", "A1", "P1", "entry")
    assert first != document_id("test", "A1", "P1", "entry")
    assert document_id("ab", "c") != document_id("a", "bc")
    assert first[14] == "8"
    assert first[19] in "89ab"
    assert len(short_id(first, 15)) == 15
    assert short_id(first, 15).isalnum()
