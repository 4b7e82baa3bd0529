"""Messages against their schemas: every violation a note, nothing else changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from camt_reading import read_all
from camt_writing import detail, entry, message, statement

from parsers.read_options import ReadOptions
from tieout.own_schemas import read_schemas

TINY = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified"
  xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
  targetNamespace="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">
<xs:element name="Document"><xs:complexType><xs:sequence>
<xs:element name="Other"/></xs:sequence></xs:complexType></xs:element></xs:schema>"""
CONTENT = message(statement(entry("1.00", detail("1.00")), entry("2.00")))
XSD = Path(__file__).resolve().parents[2] / ".." / "shared" / "xsd"


def with_schemas(content, schemas):
    return read_all(content, options=ReadOptions(camt_schemas=schemas))


def test_a_violation_is_a_note_and_nothing_else_changes():
    found = with_schemas(CONTENT, {"camt.053.001.08": TINY})
    plain = read_all(CONTENT)
    (note,) = found["diagnostics"]
    assert (note["code"], note["severity"], note["line"]) == ("CAMT-SCHEMA", "note", 2)
    assert "BkToCstmrStmt" in note["message"]
    assert "Other" in note["expected"]
    assert found | {"diagnostics": []} == plain


def test_a_version_without_schema_is_said_to_be_unchecked():
    (note,) = with_schemas(CONTENT, {"camt.053.001.02": TINY})["diagnostics"]
    assert "no schema of camt.053.001.08" in note["message"]


def test_the_message_inside_an_envelope_is_compared():
    inner = CONTENT.split(b"\n", 1)[1]
    content = b"\n<Envelope><AppHdr/>\n" + inner + b"</Envelope>"
    notes = with_schemas(content, {"camt.053.001.08": TINY})["diagnostics"]
    assert [note["line"] for note in notes if note["code"] == "CAMT-SCHEMA"] == [3]


def test_broken_files_and_declared_types_are_reported_by_the_reading_alone():
    plain = read_all(CONTENT[:-40])
    assert with_schemas(CONTENT[:-40], {"camt.053.001.08": TINY}) == plain


def test_a_folder_without_schemas_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no schema"):
        read_schemas(tmp_path)


@pytest.mark.skipif(not XSD.exists(), reason="the shared schemas are not here")
def test_the_schemas_of_the_standard_find_what_is_wrong():
    schemas = read_schemas(XSD)
    assert len(schemas) == 14
    notes = with_schemas(CONTENT, schemas)["diagnostics"]
    assert {note["code"] for note in notes} == {"CAMT-SCHEMA"}
    assert any("CreDtTm" in note["expected"] for note in notes)
