"""What the payer says it pays: structured lines of every version, references, check digits."""

from __future__ import annotations

import pytest
from camt_writing import adjustment, detail, document, entry, euro, message, statement, typed

from parsers.bank_files import parse_bank_file
from parsers.check_digits import judge_reference, mod_11_holds


def read(*remittance, account="DE89370400440532013000", amount="100.00"):
    content = entry(amount, detail(amount, remittance="".join(remittance)))
    return parse_bank_file(message(statement(content, account=account)), "bank.xml")


def lines(parsed):
    hidden = {"payment_id", "remittance_id", "currency", "source", "line_number"}
    return [
        {name: value for name, value in row.items() if name not in hidden and value}
        for row in parsed.remittances.record_batch.to_pylist()
    ]


def test_an_invoice_with_a_discount():
    parsed = read(
        document(
            "CINV",
            "INV-1",
            euro("DuePyblAmt", "580.00"),
            f"<DscntApldAmt>{euro('Amt', '11.60')}</DscntApldAmt>",
            euro("RmtdAmt", "568.40"),
        )
    )
    assert lines(parsed) == [
        {
            "reference": "INV-1",
            "reference_kind": "document",
            "amount_minor": 56840,
            "discount_minor": 1160,
        }
    ]
    row = parsed.remittances.record_batch.to_pylist()[0]
    assert (row["line_number"], row["currency"], row["source"]) == (1, "EUR", "structured")


def test_a_discount_of_version_02_has_no_inner_amount():
    parsed = read(document("CINV", "INV-1", euro("DscntApldAmt", "2.00"), euro("RmtdAmt", "98.00")))
    assert lines(parsed)[0]["discount_minor"] == 200


def test_typed_amounts_of_version_12_say_the_same():
    parsed = read(
        document(
            "CINV",
            "INV-1",
            typed("DUPA", "580.00"),
            typed("TMDS", "11.60"),
            typed("TAXS", "99.99"),
            typed("REMI", "568.40"),
        ),
        document("CREN", "CN-1", typed("CREN", "8.40")),
    )
    assert lines(parsed) == [
        {
            "reference": "INV-1",
            "reference_kind": "document",
            "amount_minor": 56840,
            "discount_minor": 1160,
        },
        {"reference": "CN-1", "reference_kind": "credit_memo", "amount_minor": -840},
    ]


@pytest.mark.parametrize("name", ["CdtNoteAmt", "RmtdAmt", "DuePyblAmt"])
def test_a_credit_note_is_negative_whatever_its_amount_is_called(name):
    parsed = read(document("CREN", "CN-1", euro(name, "84.82")))
    assert lines(parsed) == [
        {"reference": "CN-1", "reference_kind": "credit_memo", "amount_minor": -8482}
    ]


def test_a_deduction_keeps_its_reason():
    parsed = read(
        document(
            "CINV",
            "INV-1",
            euro("DuePyblAmt", "100.00"),
            adjustment("20.00", "DBIT", "DMGD", "two pallets damaged"),
            euro("RmtdAmt", "80.00"),
        )
    )
    assert lines(parsed) == [
        {
            "reference": "INV-1",
            "reference_kind": "document",
            "amount_minor": 8000,
            "deduction_minor": 2000,
            "deduction_reason": "DMGD two pallets damaged",
        }
    ]


def test_an_adjustment_with_the_wrong_indicator_follows_the_arithmetic():
    parsed = read(
        document(
            "CINV",
            "INV-1",
            euro("DuePyblAmt", "100.00"),
            adjustment("20.00", "CRDT", "x"),
            euro("RmtdAmt", "80.00"),
        )
    )
    assert lines(parsed)[0]["deduction_minor"] == 2000


def test_an_added_amount_is_a_negative_deduction():
    parsed = read(document("CINV", "INV-1", adjustment("5.00", "CRDT"), euro("RmtdAmt", "105.00")))
    assert lines(parsed)[0]["deduction_minor"] == -500


def test_without_a_remitted_amount_the_cash_follows_from_the_amount_due():
    parsed = read(
        document(
            "CINV",
            "INV-1",
            euro("DuePyblAmt", "100.00"),
            euro("DscntApldAmt", "2.00"),
            adjustment("8.00", "DBIT"),
        )
    )
    assert lines(parsed)[0]["amount_minor"] == 9000


def test_a_document_without_amounts_names_none():
    parsed = read(document("CINV", "INV-1"))
    assert parsed.remittances.is_null("amount_minor").tolist() == [True]


def test_several_documents_of_one_structure_are_lines_of_their_own():
    two = (
        "<Strd><RfrdDocInf><Nb>A</Nb></RfrdDocInf><RfrdDocInf><Nb>B</Nb></RfrdDocInf>"
        f"<RfrdDocAmt>{euro('RmtdAmt', '100.00')}</RfrdDocAmt></Strd>"
    )
    parsed = read(two, document("PUOR", "PO-1"))
    assert [(line["reference"], line["reference_kind"]) for line in lines(parsed)] == [
        ("A", "document"),
        ("B", "document"),
        ("PO-1", "purchase_order"),
    ]
    assert parsed.diagnostics.strings("code") == ["CAMT-REMITTANCE"]


def test_an_amount_in_another_currency_is_left_out():
    parsed = read(document("CINV", "INV-1", '<RmtdAmt Ccy="USD">1.00</RmtdAmt>'))
    assert lines(parsed) == [{"reference": "INV-1", "reference_kind": "document"}]
    assert parsed.diagnostics.strings("code") == ["CAMT-REMITTANCE"]


def creditor(reference, code="SCOR", issuer=""):
    kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry><Issr>{issuer}</Issr></Tp>"
    return f"<Strd><CdtrRefInf>{kind}<Ref>{reference}</Ref></CdtrRefInf></Strd>"


def test_a_creditor_reference_stands_beside_text_and_documents():
    mixed = (
        "<Strd><RfrdDocInf><Nb>INV-1</Nb></RfrdDocInf><CdtrRefInf>"
        "<Ref>RF18539007547034</Ref></CdtrRefInf><AddtlRmtInf>LESS FREIGHT</AddtlRmtInf></Strd>"
    )
    parsed = read("<Ustrd>?REJECT?0</Ustrd>", mixed)
    assert [line["reference_kind"] for line in lines(parsed)] == ["document", "creditor_reference"]
    assert parsed.payments.strings("remittance_text") == ["?REJECT?0\nLESS FREIGHT"]
    assert parsed.diagnostics.strings("code") == []


def test_an_amount_without_a_document_belongs_to_the_creditor_reference():
    strd = (
        "<Strd><RfrdDocAmt>" + euro("RmtdAmt", "7.00") + "</RfrdDocAmt>"
        "<CdtrRefInf><Ref>RF18539007547034</Ref></CdtrRefInf></Strd>"
    )
    assert lines(read(strd))[0]["amount_minor"] == 700


@pytest.mark.parametrize(
    ("reference", "account", "code"),
    [
        ("RF18539007547034", "DE89370400440532013000", "SCOR"),
        ("210000000003139471430009017", "CH9300762011623852957", "QRR"),
        ("+++090/9337/55493+++", "BE68539007547034", "SCOR"),
        ("1234567897", "NO9386011117947", "SCOR"),
        ("3900", "FI2112345600000785", "SCOR"),
    ],
)
def test_the_check_digits_of_each_country_are_known(reference, account, code):
    good = read(creditor(reference, code), account=account)
    assert good.diagnostics.strings("code") == []
    last = next(place for place in reversed(range(len(reference))) if reference[place].isdigit())
    wrong = str((int(reference[last]) + 1) % 10)
    bad = read(creditor(reference[:last] + wrong + reference[last + 1 :], code), account=account)
    assert bad.diagnostics.strings("code") == ["CAMT-CHECKDIGIT"]
    assert len(bad.remittances) == 1


def test_a_reference_of_no_known_scheme_is_not_judged():
    assert judge_reference("PO-4711", country="DE") is None


def test_kid_numbers_may_end_in_a_dash_for_ten():
    tens = [number for number in range(1000, 1200) if mod_11_holds(f"{number}-")]
    assert tens
    assert not any(mod_11_holds(f"{number}{digit}") for number in tens for digit in range(10))
