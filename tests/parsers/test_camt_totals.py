"""Totals a bank declares: balances, summaries, batches, sequences, pages, copies, repeats."""

from __future__ import annotations

import pytest
from camt_writing import balance, detail, entry, message, statement

from parsers.bank_files import parse_bank_file


def read(*statements):
    return parse_bank_file(message(*statements), "bank.xml")


def checks(parsed, kind):
    rows = parsed.control_checks.record_batch.to_pylist()
    return [(row["declared"], row["computed"], row["ok"]) for row in rows if row["kind"] == kind]


def held(parsed):
    return parsed.payments.strings("intake_codes")


def test_opening_balance_and_entries_give_the_closing_balance():
    parsed = read(
        statement(
            balance("OPBD", "5.00", "DBIT"),
            balance("CLBD", "3.00"),
            balance("CLAV", "999.00"),
            entry("10.00"),
            entry("2.00", direction="DBIT"),
            entry("77.00", status="<Sts>PDNG</Sts>"),
        )
    )
    assert checks(parsed, "balance") == [("3.00", "3.00", True)]
    assert held(parsed) == [""]


def test_a_missing_entry_fails_the_balance_and_holds_the_file():
    parsed = read(statement(balance("PRCD", "0.00"), balance("CLBD", "30.00"), entry("10.00")))
    assert checks(parsed, "balance") == [("30.00", "10.00", False)]
    assert held(parsed) == ["IN-TOTAL"]
    assert parsed.diagnostics.strings("code") == ["FILE-TOTAL"]


def test_currencies_of_an_account_are_balanced_apart():
    parsed = read(
        statement(
            balance("OPBD", "0.00"),
            balance("CLBD", "1.00"),
            balance("OPBD", "0", ccy="JPY"),
            balance("CLBD", "7", ccy="JPY"),
            entry("1.00"),
            entry("7", ccy="JPY"),
        )
    )
    assert checks(parsed, "balance") == [("1.00", "1.00", True), ("7", "7", True)]


def test_several_days_in_one_statement_run_from_the_first_to_the_last():
    parsed = read(
        statement(
            balance("CLBD", "3.00", date="2026-09-30"),
            balance("OPBD", "1.00", date="2026-09-30"),
            balance("CLBD", "1.00", date="2026-09-29"),
            balance("OPBD", "0.00", date="2026-09-29"),
            entry("1.00"),
            entry("2.00"),
        )
    )
    assert checks(parsed, "balance") == [("3.00", "3.00", True)]


@pytest.mark.parametrize(
    "balances",
    [
        balance("ITBD", "5.00") + balance("ITBD", "9.00"),
        balance("OPBD", "0.00") + balance("ITBD", "9.00"),
        balance("OPBD", "0.00")
        + balance("CLBD", "9.00").replace("<CdtDbtInd>CRDT</CdtDbtInd>", ""),
        balance("OPBD", "0.00"),
        balance("CLBD", "9.00"),
    ],
    ids=["interim only", "interim close", "unsigned", "opening only", "closing only"],
)
def test_balances_that_decide_nothing_fail_nothing(balances):
    parsed = read(statement(balances, entry("1.00")))
    assert checks(parsed, "balance") == []
    assert held(parsed) == [""]


def test_a_report_of_the_day_is_not_judged_by_its_balances():
    report = statement(balance("OPBD", "0.00"), balance("CLBD", "9.00"), entry("1.00"), kind="Rpt")
    parsed = parse_bank_file(message(report, root="BkToCstmrAcctRpt"), "bank.xml")
    assert held(parsed) == [""]


def summary(entries, credit):
    return (
        f"<TxsSummry><TtlNtries><NbOfNtries>{entries}</NbOfNtries></TtlNtries>"
        f"<TtlCdtNtries><NbOfNtries>2</NbOfNtries><Sum>{credit}</Sum></TtlCdtNtries></TxsSummry>"
    )


def test_the_summary_is_compared_with_the_entries():
    entries = (entry("1.00"), entry("2.00"), entry("9.00", direction="DBIT"))
    good = read(statement(summary(3, "3.00"), *entries))
    assert checks(good, "count") == [("3", "3", True), ("2", "2", True)]
    assert checks(good, "sum") == [("3.00", "3.00", True)]
    assert held(good) == ["", ""]


def test_a_summary_with_another_sum_holds_the_file_another_count_does_not():
    entries = (entry("1.00"), entry("2.00"))
    assert held(read(statement(summary(2, "3.01"), *entries))) == ["IN-TOTAL", "IN-TOTAL"]
    counted = read(statement(summary(7, "3.00"), *entries))
    assert held(counted) == ["", ""]
    assert counted.diagnostics.strings("code") == ["FILE-COUNT"]


def test_a_summary_may_count_pending_entries():
    entries = (entry("1.00"), entry("2.00", status="<Sts>PDNG</Sts>"))
    parsed = read(statement(summary(2, "3.00"), *entries))
    assert held(parsed) == [""]


def test_a_report_may_summarise_entries_it_does_not_list():
    parsed = parse_bank_file(
        message(statement(summary(2, "3.00"), kind="Rpt"), root="BkToCstmrAcctRpt"), "bank.xml"
    )
    assert (len(parsed.control_checks), len(parsed.diagnostics)) == (0, 0)


def test_the_declared_size_of_a_batch_is_checked():
    batch = entry("3.00", detail("1.00"), detail("2.00"), batch=2)
    assert checks(read(statement(batch)), "count") == [("2", "2", True)]


def numbered(number, identity):
    head = f"<ElctrncSeqNb>{number}</ElctrncSeqNb>"
    return statement(entry("1.00"), identity=identity, head=head)


def test_a_gap_between_statements_is_reported():
    parsed = read(numbered(4, "A"), numbered(5, "B"), numbered(8, "C"))
    assert checks(parsed, "sequence") == [("5", "5", True), ("8", "6", False)]
    assert parsed.diagnostics.strings("code") == ["CAMT-SEQUENCE"]
    assert held(parsed) == ["", "", ""]


def page(number, last):
    head = f"<StmtPgntn><PgNb>{number}</PgNb><LastPgInd>{last}</LastPgInd></StmtPgntn>"
    return statement(summary(2, "3.00"), entry(f"{number}.00"), head=head)


def test_pages_of_a_statement_are_read_together_and_a_missing_one_is_reported():
    both = read(page(1, "false"), page(2, "true"))
    assert both.payments.int64("amount_minor").tolist() == [100, 200]
    assert both.diagnostics.strings("code") == []
    assert read(page(1, "false")).diagnostics.strings("code") == ["CAMT-PAGING"]


@pytest.mark.parametrize("copy", ["COPY", "DUPL", "CODU"])
def test_payments_of_a_copy_are_held_as_possible_duplicates(copy):
    parsed = read(statement(entry("1.00"), head=f"<CpyDplctInd>{copy}</CpyDplctInd>"))
    assert held(parsed) == ["IN-DUPPAY"]
    assert parsed.diagnostics.strings("code") == ["CAMT-COPY"]


def test_the_same_statement_twice_counts_once():
    one = statement(entry("3.00", detail("1.00"), detail("2.00")), entry("9.00", direction="DBIT"))
    parsed = read(one, one)
    assert parsed.payments.int64("amount_minor").tolist() == [100, 200]
    assert parsed.counted_rows == {"debit": 1, "repeated_statement": 3}
    assert parsed.statement_count == 1
    assert parsed.diagnostics.strings("code") == ["CAMT-REPEATED"]


def test_the_same_identity_with_other_entries_loses_nothing():
    parsed = read(statement(entry("1.00")), statement(entry("1.00"), entry("2.00")))
    assert parsed.payments.int64("amount_minor").tolist() == [100, 100, 200]
    assert held(parsed) == ["", "IN-DUPPAY", ""]
    assert parsed.diagnostics.strings("code") == ["CAMT-REPEATED"]


def dated(number, opening, closing, *, name="ElctrncSeqNb", head=""):
    balances = balance("OPBD", opening) + balance("CLBD", closing)
    amount = f"{float(closing) - float(opening):.2f}"
    told = f"<{name}>{number}</{name}>{head}"
    return statement(balances, entry(amount), identity=f"S{number}", head=told)


def test_a_statement_opens_with_what_the_one_before_closed_with():
    parsed = read(dated(1, "0.00", "5.00"), dated(2, "5.00", "9.00"), dated(3, "9.00", "10.00"))
    assert checks(parsed, "balance")[-2:] == [("5.00", "5.00", True), ("9.00", "9.00", True)]
    assert parsed.diagnostics.strings("code") == []


def test_a_statement_that_opens_with_something_else_is_reported():
    parsed = read(dated(1, "0.00", "5.00"), dated(2, "6.00", "9.00"))
    assert checks(parsed, "balance")[-1] == ("6.00", "5.00", False)
    assert parsed.diagnostics.strings("code") == ["CAMT-CHAIN"]
    assert held(parsed) == ["", ""]


def test_statements_that_are_not_neighbours_are_not_compared():
    parsed = read(dated(1, "0.00", "5.00"), dated(3, "6.00", "9.00"))
    assert parsed.diagnostics.strings("code") == ["CAMT-SEQUENCE"]


def test_legal_numbers_stand_in_where_electronic_ones_are_absent():
    parsed = read(
        dated(1, "0.00", "5.00", name="LglSeqNb"), dated(4, "5.00", "9.00", name="LglSeqNb")
    )
    assert checks(parsed, "sequence") == [("4", "2", False)]


def test_the_paging_of_a_message_says_that_pages_are_missing():
    paging = "<MsgPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></MsgPgntn>"
    content = message(statement(entry("1.00"))).replace(
        b"</GrpHdr>", paging.encode() + b"</GrpHdr>"
    )
    assert parse_bank_file(content, "bank.xml").diagnostics.strings("code") == ["CAMT-PAGING"]
