"""camt entries become payments: fields, batches, directions, returns, statuses, amounts."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from camt_writing import balance, detail, document, entry, euro, message, statement

from parsers.bank_files import parse_bank_file, parse_source
from parsers.byte_source import BytesSource
from parsers.errors import UnrecognisedFileError

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "camt"


def read(*content, **facts):
    return parse_bank_file(message(statement(*content, **facts)), "bank.xml")


def payments(parsed):
    return parsed.payments.record_batch.to_pylist()


def only(parsed):
    (payment,) = payments(parsed)
    return payment


def codes(parsed):
    return parsed.diagnostics.strings("code")


def test_a_booked_credit_becomes_a_payment_with_all_its_facts():
    refs = (
        "<AcctSvcrRef>BANK-1</AcctSvcrRef><InstrId>I-1</InstrId><EndToEndId>E-1</EndToEndId>"
        "<UETR>eb6305c9-1f7f-49de-aed0-16487c27b42d</UETR><TxId>T-1</TxId><ChqNb>771</ChqNb>"
    )
    parties = (
        "<RltdPties><Dbtr><Pty><Nm>ACME GmbH</Nm></Pty></Dbtr>"
        "<DbtrAcct><Id><IBAN>NL91 ABNA 0417 1643 00</IBAN></Id></DbtrAcct>"
        "<UltmtDbtr><Pty><Nm>ACME Holding</Nm></Pty></UltmtDbtr></RltdPties>"
    )
    text = "<Ustrd>INV 1</Ustrd><Ustrd>INV 2</Ustrd>"
    dates = "<ValDt><DtTm>2026-10-01T00:00:00+02:00</DtTm></ValDt>"
    parsed = read(entry("12.50", detail(refs=refs, remittance=text, more=parties), more=dates))
    payment = only(parsed)
    assert {name: payment[name] for name in payment if payment[name] not in {"", None}} == {
        "payment_id": payment["payment_id"],
        "file_id": parsed.file_id,
        "source_file": "bank.xml",
        "source_format": "camt.053",
        "source_line": 2,
        "source_offset": payment["source_offset"],
        "source_length": payment["source_length"],
        "bank_account": "DE89370400440532013000",
        "booking_date": dt.date(2026, 9, 30),
        "value_date": dt.date(2026, 10, 1),
        "amount_minor": 1250,
        "currency": "EUR",
        "method": "sepa",
        "type_code": "PMNT/RCDT/ESCT",
        "payer_name": "ACME GmbH",
        "payer_account": "NL91ABNA0417164300",
        "ultimate_payer_name": "ACME Holding",
        "bank_reference": "BANK-1",
        "customer_reference": "I-1",
        "end_to_end_id": "E-1",
        "check_number": "771",
        "trace_number": "T-1",
        "uetr": "eb6305c9-1f7f-49de-aed0-16487c27b42d",
        "remittance_text": "INV 1\nINV 2",
    }


@pytest.mark.parametrize(
    ("party", "name"),
    [
        ("<Dbtr><Nm>A</Nm></Dbtr>", "A"),
        ("<Dbtr><Pty><PstlAdr><Ctry>DE</Ctry></PstlAdr><Nm>A</Nm></Pty></Dbtr>", "A"),
        ("<Dbtr><Agt><FinInstnId><Nm>Bank A</Nm></FinInstnId></Agt></Dbtr>", "Bank A"),
        ("<Dbtr><Id/></Dbtr><UltmtDbtr><Nm>U</Nm></UltmtDbtr>", "U"),
        ("<Cdtr><Nm>Ourselves</Nm></Cdtr>", ""),
    ],
)
def test_the_payer_is_the_debtor_in_every_version(party, name):
    parsed = read(entry("1.00", detail(more=f"<RltdPties>{party}</RltdPties>")))
    assert only(parsed)["payer_name"] == name


def test_an_account_that_is_no_iban_is_kept_by_its_other_id():
    account = "<DbtrAcct><Id><Othr><Id>0457980152</Id></Othr></Id></DbtrAcct>"
    parsed = read(entry("1.00", detail(more=f"<RltdPties>{account}</RltdPties>")))
    assert only(parsed)["payer_account"] == "0457980152"


def test_not_provided_is_no_reference():
    refs = "<EndToEndId>NOTPROVIDED</EndToEndId><InstrId>NOTPROVIDED</InstrId>"
    payment = only(read(entry("1.00", detail(refs=refs))))
    assert (payment["end_to_end_id"], payment["customer_reference"]) == ("", "")


def test_additional_information_stands_in_where_no_text_is():
    more = "<AddtlNtryInf>CARD SETTLEMENT</AddtlNtryInf>"
    own = "<AddtlTxInf>TERMINAL 7</AddtlTxInf>"
    assert only(read(entry(more=more)))["remittance_text"] == "CARD SETTLEMENT"
    both = only(read(entry("1.00", detail(more=own), more=more)))
    assert both["remittance_text"] == "TERMINAL 7\nCARD SETTLEMENT"
    told = only(read(entry("1.00", detail(remittance="<Ustrd>INV 9</Ustrd>", more=own), more=more)))
    assert told["remittance_text"] == "INV 9"


def test_text_cut_at_140_characters_is_joined_again():
    long = "X" * 139 + "9"
    remittance = f"<Ustrd>{long}</Ustrd><Ustrd>876</Ustrd><Ustrd>INV 2</Ustrd>"
    payment = only(read(entry("1.00", detail(remittance=remittance))))
    assert payment["remittance_text"] == f"{long}876\nINV 2"


def test_only_booked_entries_are_money():
    parsed = read(
        entry("1.00"),
        entry("2.00", status="<Sts><Cd>BOOK</Cd></Sts>"),
        entry("4.00", status=""),
        entry("8.00", status="<Sts>PDNG</Sts>"),
        entry("16.00", status="<Sts><Cd>INFO</Cd></Sts>"),
        entry("32.00", status="<Sts>FUTR</Sts>"),
        entry("64.00", status="<Sts><Prtry>HELD</Prtry></Sts>"),
        entry("128.00", direction="DBIT"),
    )
    assert parsed.payments.int64("amount_minor").tolist() == [100, 200, 400]
    assert parsed.counted_rows == {
        "debit": 1,
        "future": 1,
        "information": 1,
        "other_status": 1,
        "pending": 1,
    }
    assert sorted(codes(parsed)) == ["CAMT-STATUS", "CAMT-STATUS-ABSENT"]


def test_a_batch_whose_details_add_up_is_split():
    parsed = read(entry("100.00", detail("60.00", debtor="A"), detail("40.00", debtor="B")))
    assert parsed.payments.int64("amount_minor").tolist() == [6000, 4000]
    assert parsed.payments.strings("payer_name") == ["A", "B"]


def test_version_02_details_tell_their_amounts_in_amtdtls():
    def old(amount):
        money = f'<AmtDtls><TxAmt><Amt Ccy="EUR">{amount}</Amt></TxAmt></AmtDtls>'
        return detail(more=money)

    parsed = read(entry("100.00", old("60.00"), old("40.00")))
    assert parsed.payments.int64("amount_minor").tolist() == [6000, 4000]


@pytest.mark.parametrize(
    "details",
    [
        (detail(debtor="A"), detail(debtor="B")),
        (detail("60.00", debtor="A"), detail("39.00", debtor="B")),
        (detail("60.00", debtor="A", ccy="USD"), detail("40.00", debtor="B", ccy="USD")),
    ],
    ids=["without amounts", "short by one", "in another currency"],
)
def test_a_batch_that_does_not_add_up_stays_one_payment(details):
    parsed = read(entry("100.00", *details, batch=2))
    payment = only(parsed)
    assert (payment["amount_minor"], payment["payer_name"]) == (10000, "")
    assert parsed.counted_rows == {"aggregated_detail": 1}
    assert "CAMT-BATCH" in codes(parsed)


def test_details_in_a_foreign_currency_use_their_account_side_amount():
    def foreign(amount, own):
        money = f'<AmtDtls><CntrValAmt><Amt Ccy="EUR">{own}</Amt></CntrValAmt></AmtDtls>'
        return detail(amount, ccy="USD", more=money)

    parsed = read(entry("100.00", foreign("66.00", "60.00"), foreign("44.00", "40.00")))
    assert parsed.payments.int64("amount_minor").tolist() == [6000, 4000]
    assert set(parsed.payments.strings("currency")) == {"EUR"}


def test_one_detail_out_of_many_does_not_lend_its_payer_to_the_sum():
    parsed = read(entry("100.00", detail("7.00", debtor="A"), batch=86))
    payment = only(parsed)
    assert (payment["amount_minor"], payment["payer_name"]) == (10000, "")
    assert set(codes(parsed)) == {"FILE-COUNT", "CAMT-BATCH"}


def test_an_entry_without_details_is_one_payment():
    payment = only(read(entry("100.00", more="<AcctSvcrRef>B</AcctSvcrRef>", batch=3)))
    assert (payment["amount_minor"], payment["bank_reference"]) == (10000, "B")


def test_a_charge_inside_a_credit_keeps_the_rows_equal_to_the_booked_sum():
    fee = detail("3.00", direction="DBIT")
    parsed = read(entry("97.00", detail("100.00", direction="CRDT"), fee))
    assert parsed.payments.int64("amount_minor").tolist() == [10000, -300]
    assert parsed.payments.strings("intake_codes") == ["", "IN-NONAR"]


def test_a_reversed_collection_is_a_negative_payment_that_names_the_original():
    refs = "<AcctSvcrRef>R-1</AcctSvcrRef><EndToEndId>E-77</EndToEndId>"
    reason = "<RtrInf><Rsn><Cd>MD06</Cd></Rsn><AddtlInf>refund by the debtor</AddtlInf></RtrInf>"
    back = entry(
        "6.00",
        detail("6.00", refs=refs, debtor="A", more=reason),
        direction="DBIT",
        code="PMNT/IDDT/UPDD",
        more="<RvslInd>1</RvslInd>",
    )
    payment = only(read(back))
    assert payment["amount_minor"] == -600
    assert payment["original_reference"] == "E-77"
    assert payment["payer_name"] == "A"
    assert payment["remittance_text"] == "MD06\nrefund by the debtor"
    assert payment["intake_codes"] == ""


def test_a_return_that_turns_the_roles_still_names_the_customer():
    parties = (
        "<RltdPties><Dbtr><Nm>Ourselves</Nm></Dbtr><DbtrAcct><Id>"
        "<IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct><Cdtr><Nm>Customer</Nm></Cdtr>"
        "</RltdPties><RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"
    )
    back = entry("6.00", detail("6.00", more=parties), direction="DBIT", code="PMNT/RCDT/RRTN")
    assert only(read(back))["payer_name"] == "Customer"


@pytest.mark.parametrize(
    "credit",
    [
        entry(more="<RvslInd>true</RvslInd>"),
        entry("1.00", detail("1.00", more="<RtrInf><Rsn><Cd>AC01</Cd></Rsn></RtrInf>")),
        entry(code="PMNT/ICDT/RRTN"),
        entry(code="ACMT/MCOP/INTR"),
        entry(code="PMNT/MCOP/CHRG"),
        entry(code="CAMT/ACCB/ZABA"),
        entry(code="PMNT/RCCN/ICCT"),
        entry(code="SECU/CUST/DVCA"),
        entry(code="LDAS/FTLN/DDWN"),
    ],
    ids=["reversal", "returned", "RRTN", "interest", "charges", "sweep", "own", "dividend", "loan"],
)
def test_a_credit_no_customer_made_is_a_row_that_is_not_receivable(credit):
    assert only(read(credit))["intake_codes"] == "IN-NONAR"


@pytest.mark.parametrize(
    ("code", "method"),
    [
        ("PMNT/RCDT/ESCT", "sepa"),
        ("PMNT/RRCT/ESCT", "instant"),
        ("PMNT/RCDT/XBCT", "wire"),
        ("PMNT/RCDT/ATXN", "ach"),
        ("PMNT/RCHQ/CCHQ", "check"),
        ("PMNT/MCRD/POSP", "card"),
        ("PMNT/CNTR/CDPT", "cash"),
        ("PMNT/RCDT/DMCT", "other"),
    ],
)
def test_the_method_follows_from_the_transaction_code(code, method):
    payment = only(read(entry(code=code)))
    assert (payment["type_code"], payment["method"]) == (code, method)


def test_a_proprietary_code_is_kept():
    prtry = "<BkTxCd><Prtry><Cd>NTRF+166+00931</Cd></Prtry></BkTxCd>"
    payment = only(read(entry("1.00", detail("1.00", more=prtry))))
    assert (payment["type_code"], payment["method"]) == ("NTRF+166+00931", "sepa")


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.50", "EUR", 1250),
        ("12.5000", "EUR", 1250),
        ("0000000000149.87", "EUR", 14987),
        ("300", "EUR", 30000),
        ("0.2", "EUR", 20),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1234),
        ("0", "EUR", 0),
        (" 1.00 ", "EUR", 100),
    ],
)
def test_amounts_are_exact_minor_units_of_their_currency(amount, currency, minor):
    payment = only(read(entry(amount, ccy=currency)))
    assert (payment["amount_minor"], payment["currency"]) == (minor, currency)


@pytest.mark.parametrize(
    "bad",
    [
        entry("1.001"),
        entry("500.5", ccy="JPY"),
        entry("1,00"),
        entry("1.234,56"),
        entry("²3.00"),
        entry(""),
        entry("9" * 40),
        entry("1.00", ccy="XYZ"),
        entry("1.00", direction=""),
        entry("1.00").replace('<Amt Ccy="EUR">1.00</Amt>', ""),
        entry("1.00").replace("1.00</Amt>", "1<x/>.00</Amt>"),
    ],
)
def test_an_entry_that_cannot_be_read_is_counted_and_holds_the_file(bad):
    parsed = read(entry("7.00"), bad)
    assert only(parsed)["intake_codes"] == "IN-TOTAL"
    assert parsed.counted_rows == {"unreadable": 1}
    assert codes(parsed) == ["CAMT-AMOUNT"]


def test_an_amount_with_a_sign_is_held():
    payment = only(read(entry("-5.00")))
    assert (payment["amount_minor"], payment["intake_codes"]) == (-500, "IN-SIGN")


def test_a_missing_direction_follows_from_details_that_agree():
    parsed = read(entry("5.00", detail("5.00", direction="CRDT"), direction=""))
    assert only(parsed)["amount_minor"] == 500


def test_an_impossible_date_is_left_empty_and_reported():
    parsed = read(entry(date="2026-02-30"))
    payment = only(parsed)
    assert (payment["booking_date"], payment["intake_codes"]) == (None, "IN-DATE")
    assert codes(parsed) == ["CAMT-DATE"]


@pytest.mark.parametrize(
    "text", ["2026-09-30Z", "2026-09-30+02:00", "20260930", "2026-09-30T11:17:11:735"]
)
def test_dates_are_read_with_zones_and_times(text):
    assert only(read(entry(date=text)))["booking_date"] == dt.date(2026, 9, 30)


def test_the_currency_of_the_account_stands_in_for_a_missing_one():
    parsed = parse_bank_file(
        message(statement(entry("1.00").replace(' Ccy="EUR"', ""))), "bank.xml"
    )
    assert only(parsed)["currency"] == "EUR"


def test_an_account_that_follows_its_entries_is_found():
    late = "<Acct><Id><Othr><Id>4711</Id></Othr></Id></Acct>"
    parsed = read(entry("1.00"), entry("2.00"), late, account="")
    assert parsed.payments.strings("bank_account") == ["4711", "4711"]
    assert codes(parsed) == []


def test_a_statement_without_account_is_reported():
    assert codes(read(entry("1.00"), account="")) == ["CAMT-ACCOUNT"]


def test_entries_outside_a_statement_are_kept():
    loose = message(entry("1.00"), entry("2.00"))
    parsed = parse_bank_file(loose, "bank.xml")
    assert parsed.payments.int64("amount_minor").tolist() == [100, 200]
    assert codes(parsed) == ["CAMT-ACCOUNT"]


def test_two_equal_payments_of_one_statement_are_two_payments():
    parsed = read(entry("1.00"), entry("1.00"))
    assert len(set(parsed.payments.strings("payment_id"))) == 2


@pytest.mark.parametrize("version", ["01", "02", "07", "12", "14", "27"])
@pytest.mark.parametrize(
    ("kind", "root", "number"),
    [
        ("Rpt", "BkToCstmrAcctRpt", "052"),
        ("Stmt", "BkToCstmrStmt", "053"),
        ("Ntfctn", "BkToCstmrDbtCdtNtfctn", "054"),
    ],
)
def test_every_message_and_version_is_known_by_local_names(kind, root, number, version):
    namespace = f"urn:iso:std:iso:20022:tech:xsd:camt.{number}.001.{version}"
    content = message(
        statement(entry("1.00"), kind=kind),
        namespace=namespace,
        root=root + ("V01" if version == "01" else ""),
    )
    parsed = parse_bank_file(content, "bank.xml")
    assert parsed.dialect == f"camt.{number}.001.{version}"
    assert parsed.source_format == f"camt.{number}"
    assert only(parsed)["amount_minor"] == 100


@pytest.mark.parametrize("wrapper", ["Envelope", "RequestPayload", "bank:Delivery"])
def test_an_envelope_around_the_message_does_not_matter(wrapper):
    inner = message(statement(entry("1.00"))).split(b"\n", 1)[1].decode()
    name = wrapper.split(":")[-1]
    content = f'<b:{name} xmlns:b="urn:b"><b:AppHdr/>{inner}</b:{name}>'.encode()
    assert only(parse_bank_file(content, "bank.xml"))["amount_minor"] == 100


def test_version_01_has_details_in_the_entry_itself():
    old = (
        '<Ntry><Amt Ccy="EUR">3.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>'
        "<BookgDt><Dt>2026-09-30</Dt></BookgDt><Btch><NbOfTxs>1</NbOfTxs></Btch>"
        "<TxDtls><RmtInf><Strd><RfrdDocInf><RfrdDocTp><Cd>CINV</Cd></RfrdDocTp>"
        "<RfrdDocNb>INV-1</RfrdDocNb></RfrdDocInf><RfrdDocAmt>"
        f"{euro('RmtdAmt', '3.00')}</RfrdDocAmt></Strd></RmtInf></TxDtls></Ntry>"
    )
    parsed = read(old)
    (line,) = parsed.remittances.record_batch.to_pylist()
    assert (line["reference"], line["amount_minor"]) == ("INV-1", 300)


@pytest.mark.parametrize("content", [b"", b"01,BANK,", b"<Document/>", b"\x00\x01", b"<?xml"])
def test_what_is_no_camt_is_refused_in_one_sentence(content):
    with pytest.raises(UnrecognisedFileError, match=r"^x\.bai: no camt\.052"):
        parse_source(BytesSource(content), "x.bai", form="camt")


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.xml")), ids=lambda path: path.stem)
def test_golden_files_are_read_as_written_beside_them(path):
    parsed = parse_bank_file(path.read_bytes(), path.name)
    expected = json.loads(path.with_suffix(".json").read_text())
    assert golden(parsed) == expected


def golden(parsed):
    """What a golden file fixes: rows without identities, lines, counts, checks, diagnostics."""
    named = {"payment_id", "file_id", "source_file", "source_offset", "source_length"}
    numbers = {name: row for row, name in enumerate(parsed.payments.strings("payment_id"))}

    def shown(row, hidden):
        return {
            name: value.isoformat() if isinstance(value, dt.date) else value
            for name, value in row.items()
            if name not in hidden and value not in {"", None}
        }

    lines = parsed.remittances.record_batch.to_pylist()
    return {
        "dialect": parsed.dialect,
        "counted_rows": parsed.counted_rows,
        "payments": [shown(row, named) for row in payments(parsed)],
        "lines": [{"payment": numbers[row["payment_id"]], **shown(row, named)} for row in lines],
        "checks": [
            f"{row['rule']}: {row['declared']} / {row['computed']} {'ok' if row['ok'] else 'no'}"
            for row in parsed.control_checks.record_batch.to_pylist()
        ],
        "diagnostics": [
            f"{row['code']} line {row['line']}"
            for row in parsed.diagnostics.record_batch.to_pylist()
        ],
    }


def test_a_document_and_its_balance_are_read_together():
    parsed = read(
        balance("OPBD", "10.00"),
        balance("CLBD", "110.00"),
        entry("100.00", detail(remittance=document("CINV", "INV-1", euro("RmtdAmt", "100.00")))),
    )
    assert len(parsed.remittances) == 1
    assert parsed.control_checks.record_batch.column("ok").to_pylist() == [True]
