"""Each message of a camt file against the schema of its own version: a report, never a gate.

The schemas are the user's; banks deviate from them in more than half of the files seen, so what is
found is a note and changes nothing else. The whole document is held in memory for it.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final, cast

from lxml import etree

from parsers.camt_documents import DocumentError, pieces
from parsers.camt_xml import VERSION, line_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lxml.etree import _Element

    from parsers.byte_source import ByteSource
    from parsers.camt_documents import XmlDocument
    from parsers.collector import FileCollector

__all__ = ["report_violations"]

_NAMESPACE: Final = re.compile(r"\{[^}]*\}")
_EXPECTED: Final = re.compile(r" ?Expected is (.*)\.$")


def report_violations(
    source: ByteSource,
    document: XmlDocument,
    collector: FileCollector,
    schemas: Mapping[str, bytes],
    window_bytes: int,
) -> None:
    """Report every violation; `schemas` are XSDs by version (`camt.053.001.08`).

    A document that is not well-formed, or declares a type, is reported elsewhere.
    """
    if document.has_declarations:
        return
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, encoding=document.encoding
    )
    with contextlib.suppress(etree.XMLSyntaxError, DocumentError):  # told by the reading itself
        for piece in pieces(source, document, window_bytes):
            parser.feed(piece.content)
        root = parser.close()
        for element in root.iter("{*}Document"):
            _report(element, document, collector, schemas)


def _report(
    element: _Element,
    document: XmlDocument,
    collector: FileCollector,
    schemas: Mapping[str, bytes],
) -> None:
    named = VERSION.search(str(element.tag))
    version = named[0] if named else ""
    told = line_of(element)
    line = None if told is None else told + document.line
    if version not in schemas:
        collector.diagnose(
            "CAMT-SCHEMA",
            f"no schema of {version or 'an unnamed version'} is among those given; "
            "the message is not compared with one",
            line=line,
            value=version,
        )
        return
    schema = etree.XMLSchema(etree.fromstring(schemas[version]))
    schema.validate(element)
    for error in cast("Iterable[Any]", schema.error_log):
        message = _NAMESPACE.sub("", error.message)
        wanted = _EXPECTED.search(message)
        collector.diagnose(
            "CAMT-SCHEMA",
            f"{version}: {message}",
            line=error.line + document.line,
            column=error.column or None,
            expected=wanted[1] if wanted else "",
        )
