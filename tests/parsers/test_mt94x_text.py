"""What the text of a statement line says, bank by bank."""

from __future__ import annotations

import pytest
from mt94x_reading import codes, lines, only, read
from mt94x_writing import mt940

SUBFIELDS = (
    ":86:166?00GUTSCHRIFT?109310?20EREF+E2E-4711?21KREF+KUNDE-5?22SVWZ+RECHNUNG INV-1 UND INV"
    "\n?23-2 VOM 01.09.2026?24ABWA+MUTTER HOLDING AG?30DEUTDEFFXXX?31DE893704004405\n32013000?32"
    "NORDSTAHL GMBH?33 UND CO KG?34000"
)

SWISS = {"currency": "CHF", "account": "CH9300762011623852957"}


def text_of(text, line=":61:260902C1,NTRFNONREF", **head):
    return only(read(mt940(line, f":86:{text}", **head)))


# Subfields


def test_subfields_of_german_banks_become_facts():
    row = only(read(mt940(":61:260902C1,NTRFKREF+//BANK-1", SUBFIELDS)))
    assert row["end_to_end_id"] == "E2E-4711"
    assert row["customer_reference"] == "KUNDE-5"
    assert row["remittance_text"] == "RECHNUNG INV-1 UND INV-2 VOM 01.09.2026"
    assert row["ultimate_payer_name"] == "MUTTER HOLDING AG"
    assert row["payer_account"] == "DE89370400440532013000"
    assert row["payer_name"] == "NORDSTAHL GMBH UND CO KG"
    assert row["method"] == "sepa"


@pytest.mark.parametrize("separator", "?<>~^")
def test_other_separators_work_as_the_question_mark_does(separator):
    text = SUBFIELDS.removeprefix(":86:").replace("?", separator)
    row = text_of(text)
    assert (row["end_to_end_id"], row["payer_name"]) == ("E2E-4711", "NORDSTAHL GMBH UND CO KG")


def test_a_subfield_that_fills_its_width_goes_on_in_the_next():
    row = text_of("166?20EREF+EndToEndIdTFNR20004000?2101?22SVWZ+RECHNUNG 1234567890 12?23345")
    assert row["end_to_end_id"] == "EndToEndIdTFNR2000400001"
    assert row["remittance_text"] == "RECHNUNG 1234567890 12345"


def test_a_blank_cut_off_at_the_end_of_a_subfield_is_put_back():
    row = text_of("166?20EREF+ABCDEFGHIJKLMNOP 1234?21567?22SVWZ+RECHNUNG 1234567890 1?2302")
    assert row["end_to_end_id"] == "ABCDEFGHIJKLMNOP 1234 567"
    assert row["remittance_text"] == "RECHNUNG 1234567890 1 02"


def test_a_key_may_be_broken_between_two_subfields():
    row = text_of("835?23MREF+ 12AB234CD6E7F CRED+ A?24B12CDE0000000000000000034 S?25VWZ+ INV-1")
    assert row["remittance_text"] == "INV-1"


def test_a_key_may_be_broken_between_two_lines():
    assert text_of("166?20ER\nEF+E-1?21SV\nWZ+INV-1")["end_to_end_id"] == "E-1"
    assert text_of("166?20ER\nEF+E-1?2\n1SVWZ+INV-1")["remittance_text"] == "INV-1"


def test_a_blank_cut_off_at_the_end_of_a_line_is_put_back():
    first, full = "166?20SVWZ+" + "A" * 53, "B" * 65
    assert len(first) == 64
    assert text_of(f"{first}\n{full}\nC")["remittance_text"] == "A" * 53 + f" {full}C"
    assert text_of(f"{first}\nB")["remittance_text"] == "A" * 53 + "B"


def test_purpose_goes_on_in_subfields_60_to_63():
    text = "166?28SVWZ+1234567890123456789012?29ABCDEFGHIJKLMNOPQRSTUVWXYZ1?32X?60TAIL"
    assert text_of(text)["remittance_text"] == (
        "1234567890123456789012ABCDEFGHIJKLMNOPQRSTUVWXYZ1TAIL"
    )


def test_an_identifier_ends_where_its_subfield_does():
    row = text_of("166?20EREF+SHORT?21RECHNUNG INV-1")
    assert (row["end_to_end_id"], row["remittance_text"]) == ("SHORT", "RECHNUNG INV-1")


def test_purpose_without_keys_is_kept_line_by_line():
    row = text_of("051?00UEBERWEISUNG?20RECHNUNG INV-1?21RECHNUNG INV-2?3050060400?31847564700")
    assert row["remittance_text"] == "RECHNUNG INV-1\nRECHNUNG INV-2"
    assert row["payer_account"] == "50060400/847564700"


def test_keys_with_a_colon_are_read_too():
    row = text_of(
        "166?20INV-1 EREF: E-1 MREF: M-1 I?21BAN: DE00700500000000012345?22MTLG:NACHRICHT"
    )
    assert row["remittance_text"] == "INV-1\nNACHRICHT"
    assert row["end_to_end_id"] == "E-1"


def test_a_second_value_of_a_key_stays_in_the_text():
    row = text_of("166?20EREF+E-1?21EREF+E-2?22SVWZ+INV-1")
    assert (row["end_to_end_id"], row["remittance_text"]) == ("E-1", "EREF+E-2\nINV-1")


def test_what_is_not_provided_is_no_reference():
    row = text_of("166?20EREF+NOTPROVIDED?21KREF+NONREF?22SVWZ+INV-1")
    assert (row["end_to_end_id"], row["customer_reference"]) == ("", "")


def test_the_iban_in_subfield_38_is_the_payers():
    row = text_of(
        "020<00PRZELEW<20FAKTURA 1/2026<3010600076<310000777777777777<32FIRMA SP Z O.O."
        "<38PL08106000760000777777777777<60UL. DLUGA 1"
    )
    assert row["payer_account"] == "PL08106000760000777777777777"
    assert row["remittance_text"] == "FAKTURA 1/2026"


def test_keys_without_subfields_are_read_from_the_lines():
    row = text_of("EREF+E-1\nSVWZ+INV-1")
    assert (row["end_to_end_id"], row["remittance_text"]) == ("E-1", "INV-1")


def test_a_text_that_is_999_is_text():
    assert text_of("999PN5477SCHECK-NR. 1")["remittance_text"] == "999PN5477SCHECK-NR. 1"


# Codewords


def test_codewords_of_dutch_banks_become_facts():
    row = text_of(
        "/EREF/E2E-42//CNTP/NL91ABNA0417164300/ABNANL2A/ACME BV///REMI/USTD//INVOICE INV-42"
        " \nAND 43/",
        line=":61:260902C1,NTRFEREF//BANK",
    )
    assert row["end_to_end_id"] == "E2E-42"
    assert (row["payer_name"], row["payer_account"]) == ("ACME BV", "NL91ABNA0417164300")
    assert row["remittance_text"] == "INVOICE INV-42 AND 43"
    assert (row["customer_reference"], row["method"]) == ("", "sepa")


def test_a_party_without_an_account_is_a_name_and_no_account():
    row = text_of("/EREF/E-1//CNTP//INGBNL2A/ACME BV///REMI/USTD//INV 1/")
    assert (row["payer_name"], row["payer_account"]) == ("ACME BV", "")
    row = text_of("/CNTP///ACME BV/REMI/USTD//INV 1/")
    assert (row["payer_name"], row["payer_account"]) == ("ACME BV", "")


def test_codewords_of_abn_amro_and_rabobank_become_facts():
    row = text_of(
        "/TRTP/SEPA OVERBOEKING/IBAN/NL91ABNA0417164300/BIC/ABNANL2A/NAME/J. JANSEN/REMI/INV 1/202"
        "6/EREF/NOTPROVIDED"
    )
    assert (row["payer_name"], row["payer_account"]) == ("J. JANSEN", "NL91ABNA0417164300")
    assert (row["remittance_text"], row["end_to_end_id"]) == ("INV 1/2026", "")
    row = text_of("/EREF/E-1/ORDP//NAME/GLOBEX BV/REMI/PAYMENT INV\nOICE 7/ISDT/2026-09-02")
    assert (row["payer_name"], row["remittance_text"]) == ("GLOBEX BV", "PAYMENT INVOICE 7")


def test_the_ultimate_party_is_not_the_payer():
    row = text_of("/ORDP//NAME/AGENT BV/ULTD//NAME/CHILD BV/REMI/X")
    assert (row["payer_name"], row["ultimate_payer_name"]) == ("AGENT BV", "CHILD BV")


def test_a_structured_creditor_reference_becomes_a_line():
    content = mt940(":61:260902C1,NTRFX", ":86:/EREF/E-1//REMI/STRD/ISO/RF18539007547034/")
    parsed = read(content)
    assert lines(parsed) == [("RF18539007547034", "creditor_reference", "structured")]
    assert only(parsed)["remittance_text"] == ""
    assert codes(parsed) == []


def test_a_bad_check_digit_of_a_structured_reference_is_noted():
    parsed = read(mt940(":61:260902C1,NTRFX", ":86:/EREF/E-1//REMI/STRD/ISO/RF19539007547034/"))
    assert codes(parsed) == ["MT94-CHECKDIGIT"]
    assert len(lines(parsed)) == 1


def test_codewords_of_citi_become_facts():
    row = text_of("/PT/FT/PY/INVOICE 7/BO/GLOBEX CORP/BI/123")
    assert (row["payer_name"], row["remittance_text"]) == ("GLOBEX CORP", "INVOICE 7")


# Labels, numbered lines, free text


def test_labels_of_mbank_become_facts():
    row = text_of(
        "911 TRANSAKCJA COLLECT; ID IPH: XX000000000001; Z RACH.: \n56114010810000267002001001; "
        "OD: JAN NOWAK  \nUL. NIJAKA 1 M 2 31-234 KRAKOW; TYT.: FAKTURA 1/2026   ; \nTNR: 179.01",
        currency="PLN",
    )
    assert (row["payer_name"], row["payer_account"]) == ("JAN NOWAK", "56114010810000267002001001")
    assert row["trace_number"] == "179.01"
    assert row["remittance_text"] == "911 TRANSAKCJA COLLECT\nXX000000000001\nFAKTURA 1/2026"


def test_labels_of_postfinance_become_facts():
    row = text_of(
        "GIRO AUS ONLINE-SIC 80532 AUFTRAGGEBER: JANE DOE STRASSE 10 13\n1209CH98765432"
        " MITTEILUNGEN: RECHNUNG 7",
        currency="CHF",
    )
    assert row["remittance_text"] == "GIRO AUS ONLINE-SIC 80532\nRECHNUNG 7"


def test_labels_of_dutch_banks_become_facts():
    row = text_of("12160475 ORDERID: 264267\nREK: NL84INGB0234561789/NAAM: MMS ONLINE B.V.")
    assert (row["payer_name"], row["payer_account"]) == ("MMS ONLINE B.V.", "NL84INGB0234561789")
    assert row["remittance_text"] == "12160475 ORDERID: 264267"


def test_numbered_lines_of_savings_banks_become_facts():
    row = only(
        read(
            mt940(
                ":61:260902C1,S051X",
                ":NS:01RECHNUNG INV-1\n02RECHNUNG INV-2\n15NORDSTAHL GMBH\n17GUTSCHRIFT\n3337040044"
                "\n340532013000",
            )
        )
    )
    assert row["remittance_text"] == "RECHNUNG INV-1\nRECHNUNG INV-2"
    assert (row["payer_name"], row["payer_account"]) == ("NORDSTAHL GMBH", "37040044/0532013000")


def test_a_text_that_begins_with_the_accounts_number_names_its_owner():
    row = only(
        read(
            mt940(
                ":61:260902C1,NIOBNL56ASNB9999999999\npaulissen g j l m",
                ":86:NL56ASNB9999999999 paulissen g j l m\n\nINVOICE INV-1\n",
            )
        )
    )
    assert (row["payer_name"], row["payer_account"]) == ("paulissen g j l m", "NL56ASNB9999999999")
    assert (row["remittance_text"], row["customer_reference"]) == ("INVOICE INV-1", "")


def test_free_text_keeps_its_lines_apart():
    assert text_of(" LINE ONE \n\nLINE TWO")["remittance_text"] == "LINE ONE\nLINE TWO"


def test_a_line_of_full_width_is_cut_and_goes_on():
    first = "INVOICE ".ljust(62, "X") + "202"
    assert text_of(first + "\n6-0101\nEND")["remittance_text"] == first + "6-0101\nEND"
    longer = first + "6-0101"
    assert text_of(longer + "\nEND")["remittance_text"] == longer + "\nEND"


@pytest.mark.parametrize(
    ("text", "head", "reference"),
    [
        ("RF18 5390 0754 7034", {}, "RF18539007547034"),
        ("166?20SVWZ+RF18539007547034", {}, "RF18539007547034"),
        ("+++090/9337/55493+++", {}, "+++090/9337/55493+++"),
        ("210000000003139471430009017", SWISS, "210000000003139471430009017"),
        ("21 00000 00003 13947 14300 09017", SWISS, "210000000003139471430009017"),
    ],
)
def test_a_text_that_is_a_creditor_reference_becomes_a_line(text, head, reference):
    parsed = read(mt940(":61:260902C1,NTRFX", f":86:{text}", **head))
    assert lines(parsed) == [(reference, "creditor_reference", "structured")]


@pytest.mark.parametrize(
    "text", ["RF19539007547034", "+++090/9337/55494+++", "210000000003139471430009018", "INV RF1"]
)
def test_a_text_that_only_looks_like_one_stays_text(text):
    parsed = read(mt940(":61:260902C1,NTRFX", f":86:{text}", currency="CHF"))
    assert lines(parsed) == []
    assert only(parsed)["remittance_text"] == text
    assert codes(parsed) == []
