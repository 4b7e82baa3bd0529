"""Writes small `.xlsx` workbooks part by part, as generators of the wild do."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from decimal import Decimal
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="170" formatCode="[$-407]dd/mm/yyyy;@"/>'
    '<numFmt numFmtId="171" formatCode="#,##0.00 &quot;day&quot;"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/>'
    '<xf numFmtId="171"/></cellXfs>'
    "</styleSheet>"
)


def workbook(*sheets, shared=True, epoch_1904=False, parts=None, hidden=()):
    """A workbook of `sheets` (name, rows); `parts` replace parts by name."""
    texts: list[str] = []
    pieces = {
        "_rels/.rels": _relations([("officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": _workbook([name for name, _ in sheets], epoch_1904, hidden),
        "xl/styles.xml": STYLES,
    }
    targets = [("worksheet", f"worksheets/sheet{at}.xml") for at in range(1, len(sheets) + 1)]
    targets += [("styles", "styles.xml"), ("sharedStrings", "sharedStrings.xml")]
    pieces["xl/_rels/workbook.xml.rels"] = _relations(targets)
    for at, (_, rows) in enumerate(sheets, 1):
        pieces[f"xl/worksheets/sheet{at}.xml"] = sheet(
            rows, texts if shared else None, epoch_1904=epoch_1904
        )
    strings = "".join(f"<si><r><t>{escape(one)}</t></r><rPh><t>x</t></rPh></si>" for one in texts)
    pieces["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{strings}</sst>'
    pieces |= parts or {}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in pieces.items():
            archive.writestr(name, text)
    return out.getvalue()


def sheet(rows, texts=None, *, epoch_1904=False):
    """A sheet of `rows` (lists of values; None leaves a cell out, a row that is None as well)."""
    written = []
    for number, cells in enumerate(rows, 1):
        if cells is None:
            continue
        row = "".join(
            _cell(f"{chr(65 + at)}{number}", value, texts, epoch_1904)
            for at, value in enumerate(cells)
            if value is not None
        )
        written.append(f'<row r="{number}">{row}</row>')
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(written)}</sheetData></worksheet>'


def _cell(place, value, texts, epoch_1904):
    if isinstance(value, dt.date):
        days = (value - dt.date(1899, 12, 30)).days - (1462 if epoch_1904 else 0)
        return f'<c r="{place}" s="2"><v>{days}</v></c>'
    if isinstance(value, int | Decimal | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    if texts is None:
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    texts.append(value)
    return f'<c r="{place}" t="s"><v>{len(texts) - 1}</v></c>'


def _workbook(names, epoch_1904, hidden):
    sheets = "".join(
        f'<sheet name="{escape(name)}" sheetId="{at}" r:id="rId{at}"'
        f"{' state=' + chr(34) + 'hidden' + chr(34) if name in hidden else ''}/>"
        for at, name in enumerate(names, 1)
    )
    epoch = '<workbookPr date1904="1"/>' if epoch_1904 else ""
    return f'<workbook xmlns="{MAIN}" xmlns:r="{REL}">{epoch}<sheets>{sheets}</sheets></workbook>'


def _relations(targets):
    rows = "".join(
        f'<Relationship Id="rId{at}" Type="{REL}/{kind}" Target="{target}"/>'
        for at, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{PACKAGE}">{rows}</Relationships>'
