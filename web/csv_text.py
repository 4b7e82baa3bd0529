"""Tables as CSV for spreadsheets, in which no cell can act as a formula."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["csv_answer", "guarded"]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """`text` as a cell that a spreadsheet shows and does not run."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_answer(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A file to save, in UTF-8 with its mark: spreadsheets take it for something else without."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([guarded(str(cell)) for cell in row])
    return Response(
        text.getvalue().encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )
