"""Tables of lockbox layouts, ours and a user's own, read strictly.

Whatever is wrong with a table is one `LayoutError` that names the file and the place in it, like
`own.toml: acme.wide.1: check.amount: …`: a layout that is nearly right would misread money.
"""

from __future__ import annotations

import re
import tomllib
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from parsers.errors import LayoutError
from parsers.lockbox_fields import mask_parts
from parsers.lockbox_layouts import DateField, EntryLayout, LockboxLayout, Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.lockbox_layouts import Columns, RecordTable

__all__ = ["LOCKBOX_LAYOUTS", "read_layouts"]

_NAME: Final = re.compile(r"[a-z0-9_-]+\.[a-z0-9_-]+\.[1-9][0-9]*")
_NAME_SHAPE: Final = "bank.variant.version, in small letters and digits, like acme.wide.1"
_LAYOUTS_MAX: Final = 100
_WIDTH_MAX: Final = 4096
"""Columns of a record at most: five times the longest record seen."""
_NUMBER_WIDTH_MAX: Final = 18
"""Digits of an amount or count at most: what 64 bits always hold."""
_NUMBERS: Final = ("amount", "discount", "deduction", "count", "total", "sequence")
_DECIMALS_MAX: Final = 6
_PATH: Final = re.compile(r"(?P<said>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)


def read_layouts(text: str, source_file: str) -> tuple[LockboxLayout, ...]:
    """The layouts of the TOML `text`, in its order; raises `LayoutError`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = f"{source_file} is no TOML: {error}"
        raise LayoutError(message) from error
    if not 0 < len(tables) <= _LAYOUTS_MAX:
        message = f"{source_file} holds {len(tables)} layouts; 1 to {_LAYOUTS_MAX} are expected"
        raise LayoutError(message)
    return tuple(_read_layout(name, table, source_file) for name, table in tables.items())


def _read_layout(name: str, table: Any, source_file: str) -> LockboxLayout:
    place = f"{source_file}: {name}"
    if not _NAME.fullmatch(name):
        message = f"{place}: a layout is named {_NAME_SHAPE}"
        raise LayoutError(message)
    if isinstance(table, dict) and "name" in table:
        message = f"{place}: name: the table's key is the name"
        raise LayoutError(message)
    try:
        layout = msgspec.convert(table, LockboxLayout)
    except msgspec.ValidationError as error:
        found = _PATH.fullmatch(str(error))
        said = str(error) if found is None else found["said"]
        path = "" if found is None else (found["path"] or "").removeprefix(".")
        message = f"{place}: {path}: {said}" if path else f"{place}: {said}"
        raise LayoutError(message) from error
    for path, said in _faults(layout):
        message = f"{place}: {path}: {said}"
        raise LayoutError(message)
    return msgspec.structs.replace(layout, name=name)


def _faults(layout: LockboxLayout) -> Iterator[tuple[str, str]]:
    """(path, what is wrong) of everything the types alone do not say."""
    if not 0 < layout.width <= _WIDTH_MAX:
        yield "width", f"{layout.width} is none of 1 to {_WIDTH_MAX}"
    if layout.decimals is not None and not 0 <= layout.decimals <= _DECIMALS_MAX:
        yield "decimals", f"{layout.decimals} is none of 0 to {_DECIMALS_MAX}"
    places = list(_record_paths(layout))
    for path, record in places:
        yield from _record_faults(path, record, layout.width)
    for (path, one), (other_path, other) in combinations(places, 2):
        if not _tells_apart(one.marks, other.marks):
            yield f"{path}.marks", f"a record may be this one and {other_path}"


def _record_paths(layout: LockboxLayout) -> Iterator[tuple[str, RecordTable]]:
    numbers: dict[str, int] = {}
    for kind, record in layout.kinds():
        number = numbers[kind] = numbers.get(kind, -1) + 1
        several = kind in {"overflow", "information"}
        yield (f"{kind}[{number}]" if several else kind), record


def _record_faults(path: str, record: RecordTable, width: int) -> Iterator[tuple[str, str]]:
    if not record.marks:
        yield f"{path}.marks", "at least one is needed to tell the record"
    fields = sorted(_fields(path, record), key=lambda field: field[1])
    for place, (start, stop), name in fields:
        if not 0 <= start < stop <= width:
            yield place, f"[{start}, {stop}] are no columns of a record of {width}"
        if name in _NUMBERS and stop - start > _NUMBER_WIDTH_MAX:
            yield place, f"{stop - start} columns; a number has at most {_NUMBER_WIDTH_MAX}"
    for (place, one, _), (other_place, other, _) in pairwise(fields):
        if other[0] < one[1]:
            yield other_place, f"{list(other)} overlaps {place} {list(one)}"
    yield from _mark_and_entry_faults(path, record)
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, DateField):
            yield from _mask_faults(f"{path}.{name}", value)


def _mark_and_entry_faults(path: str, record: Any) -> Iterator[tuple[str, str]]:
    for number, mark in enumerate(record.marks):
        if len(mark.text) != mark.columns[1] - mark.columns[0]:
            wide = mark.columns[1] - mark.columns[0]
            yield f"{path}.marks[{number}].text", f"{mark.text!r} does not fill {wide} columns"
    is_grouped = getattr(record, "group", None) is not None
    for number, entry in enumerate(getattr(record, "entries", ())):
        if entry.document is None and not is_grouped:
            yield f"{path}.entries[{number}].document", "is missing, and no `group` joins records"


def _mask_faults(path: str, field: DateField) -> Iterator[tuple[str, str]]:
    wide = field.columns[1] - field.columns[0]
    if len(field.mask) != wide:
        yield f"{path}.mask", f"{field.mask!r} does not fill {wide} columns"
    elif mask_parts(field.mask) is None:
        yield (
            f"{path}.mask",
            f"{field.mask!r} must name year, month and day once: YY, MM or MON, DD",
        )


def _fields(path: str, record: Any) -> Iterator[tuple[str, Columns, str]]:
    """(path, columns, name) of every field of a record, those of its entries and marks too."""
    for name in record.__struct_fields__:
        value, place = getattr(record, name), f"{path}.{name}"
        if isinstance(value, DateField):
            yield f"{place}.columns", value.columns, name
        elif isinstance(value, tuple) and value and isinstance(value[0], EntryLayout | Mark):
            for number, part in enumerate(value):
                if isinstance(part, Mark):
                    yield f"{place}[{number}].columns", part.columns, name
                else:
                    yield from _fields(f"{place}[{number}]", part)
        elif isinstance(value, tuple) and value:
            yield place, value, name


def _tells_apart(one: tuple[Mark, ...], other: tuple[Mark, ...]) -> bool:
    """Whether no record can carry the marks of both."""
    letters = {
        column: letter
        for mark in one
        for column, letter in zip(range(*mark.columns), mark.text, strict=False)
    }
    return any(
        letters.get(column, letter) != letter
        for mark in other
        for column, letter in zip(range(*mark.columns), mark.text, strict=False)
    )


def _load() -> dict[str, LockboxLayout]:
    path = Path(__file__).with_name("lockbox_layouts.toml")
    layouts = read_layouts(path.read_text(encoding="utf-8"), path.name)
    return {layout.name: layout for layout in layouts}


LOCKBOX_LAYOUTS: Final[dict[str, LockboxLayout]] = _load()
"""Name → layout that ships, in the order of the table."""
