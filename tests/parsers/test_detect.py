"""Formats are recognised by content; anything else is refused with one clear sentence."""

from __future__ import annotations

import pytest
from bai2_writing import bai2
from hypothesis import given
from hypothesis import strategies as st
from lockbox_writing import check, lockbox
from x12_writing import simple

from parsers.bank_files import parse_bank_file
from parsers.byte_source import BytesSource
from parsers.detect import detect_format
from parsers.errors import UnrecognisedFileError

CAMT = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt/></Document>'
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (bai2(), "bai2"),
        (b"\xef\xbb\xbf" + bai2(), "bai2"),
        (b"\n  " + bai2(), "bai2"),
        (b"01,1111,testcompany,210101,", "bai2"),
        (bai2("16,195,5,,,,A").split(b"\n", 1)[1], "bai2"),
        (lockbox(check(1, 5)), "lockbox"),
        (lockbox(check(1, 5)).replace(b"\n", b""), "lockbox"),
        (lockbox(check(1, 5)).split(b"\n", 2)[2], "lockbox"),
        (CAMT.encode(), "camt"),
        (("\ufeff \n" + CAMT).encode(), "camt"),
        (('<?xml version="1.0"?><!-- x -->' + CAMT).encode(), "camt"),
        (b"<Envelope><AppHdr/>" + CAMT.encode() + b"</Envelope>", "camt"),
        (b"<RequestPayload>" + CAMT.encode() + b"</RequestPayload>", "camt"),
        (b'<n:Document xmlns:n="urn:x"><n:BkToCstmrDbtCdtNtfctn/></n:Document>', "camt"),
        (CAMT.encode("utf-16"), "camt"),
        (simple("RMR*IV*A**100"), "x12"),
        (b"\xef\xbb\xbf\r\n" + simple("RMR*IV*A**100"), "x12"),
        (b"*** MAILBOX 7 ***\n" + simple("RMR*IV*A**100"), "x12"),
        (b"ST*820*0001~BPR*C*5*C*ACH~", "x12"),
        (b"BPR*C*5*C*ACH*CTX\\RMR*IV*A**5\\", "x12"),
        (b"RMR*IV*A**5~", "x12"),
        (b"101 091000019 1234567892609140615A094101BANK", "nacha"),
        (b"\xef\xbb\xbf\r\n\n101 091000019 1234567892609140615A094109BANK", "nacha"),
        (b":20:STARTUMS\n:25:1/2\n", "mt94x"),
        (b"\r\n\r\n:20:STARTUMS\r:28C:1/2\r", "mt94x"),
        (b"0000 01INGBNL2AXXXX00001\n940 00\n:20:MPBZ\n:25:1\n", "mt94x"),
        (b"ABNANL2A\n940\nABNANL2A\n:20:X\n:25:1\n", "mt94x"),
        (b":940:\n:20:X\n:25:1\n", "mt94x"),
        (b"{1:F01BANKDEFF}{2:O9421200}{4:\n", "mt94x"),
        (b":60F:C260901EUR1,\n:61:260902C1,NTRFX\n", "mt94x"),
    ],
)
def test_bank_files_are_recognised_whatever_their_name(content, expected):
    assert detect_format(BytesSource(content), "statement.pdf") == expected


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"", "it is empty"),
        (b" \r\n\n", "it holds only blanks"),
        (b"\x00\x01\x02\x03" * 50, "it is binary data"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"%PDF-1.7", "a PDF document"),
        (b"payment_id,amount,currency\n1,5.00,USD\n", "a table (CSV) and begins with 'payment_id,"),
        (b"01,foo,bar\n", "a table (CSV)"),
        (b"1,2,3\n5,6,7\n", "a table (CSV)"),
        (b"<!DOCTYPE html><html></html>", "an HTML page"),
        (b"<html><body>camt.053</body></html>", "an HTML page"),
        (b"<Document><CstmrCdtTrfInitn/></Document>", "XML with root 'Document'"),
        (b"<<<<", "broken XML"),
        (b'{"payments": []}', "JSON"),
        (b"{1:F01BANKDEFF}{2:", "SWIFT MT"),
        (b":20:PAYMENT\n:32A:260902EUR5,\n", "text that begins with ':20:PAYMENT'"),
        (b"ISA*00*          *00*", "text that begins with 'ISA*"),
        ("01,A,B,260911,0615,1,,,2/".encode("utf-16"), "UTF-16"),
        (b"Dear customer, we paid.", "text that begins with 'Dear customer"),
    ],
)
def test_what_is_no_bank_file_is_refused_with_what_was_seen(content, seen):
    with pytest.raises(UnrecognisedFileError) as caught:
        parse_bank_file(content, "inbox/upload.bin")
    message = str(caught.value)
    assert message.startswith("inbox/upload.bin is no bank file: ")
    assert seen in message
    assert "\n" not in message


@given(st.binary(max_size=300))
def test_any_bytes_are_recognised_or_refused(content):
    try:
        found = detect_format(BytesSource(content), "x")
    except UnrecognisedFileError as error:
        found = str(error)
    formats = {"bai2", "lockbox", "camt", "mt94x", "x12", "nacha", "remt001"}
    assert found in formats or found.startswith("x is no bank file: ")
