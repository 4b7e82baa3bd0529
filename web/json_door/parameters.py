"""Query → fields of a request, as the value that its JSON would be.

A parameter is a field by its name in JSON or in the contract; `filter.states` is a field of a
field; a repeated field comes several times. A message may come as JSON text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from web.json_door.contract import field_named, map_entry
from web.json_door.problems import Refusal, refused
from web.json_door.reading import parsed

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

__all__ = ["fields_of_query", "put"]

_PARAMETERS_MAX: Final = 1_000
_BOOLEANS: Final = {"true": True, "false": False}
_TIMESTAMP: Final = Timestamp.DESCRIPTOR.full_name


def fields_of_query(descriptor: Descriptor, query: str) -> dict[str, Any]:
    """The fields that `query` names; raises `DoorError`."""
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, errors="strict", max_num_fields=_PARAMETERS_MAX
        )
    except ValueError as error:
        sentence = f"the query is none: {error}"
        raise refused(Refusal.MESSAGE_MALFORMED, sentence) from None
    found: dict[str, Any] = {}
    for path, text in pairs:
        _add(found, descriptor, path, text)
    return found


def put(fields: dict[str, Any], descriptor: Descriptor, name: str, text: str, place: str) -> None:
    """Set the field `name` to what stands at `place`; raises `DoorError` for two values of it."""
    field = descriptor.fields_by_name[name]
    for spelling in (field.json_name, field.name):
        given = fields.pop(spelling, None)
        if given is not None and str(given) != text:
            sentence = f"{field.json_name} is {text!r} in {place} and something else in the body"
            raise refused(Refusal.AMBIGUOUS_FIELD, sentence, field=field.json_name)
    fields[field.json_name] = text


def _add(found: dict[str, Any], descriptor: Descriptor, path: str, text: str) -> None:
    *outer, last = path.split(".")
    place, kind = found, descriptor
    for name in outer:
        field = _field(kind, name, path)
        inner = field.message_type
        if inner is None or field.is_repeated or inner.full_name == _TIMESTAMP:
            raise _unknown(path, kind)
        place, kind = place.setdefault(field.json_name, {}), inner
    field = _field(kind, last, path)
    if map_entry(field) is not None:
        raise _unknown(path, kind)
    value = _value(field, text)
    if field.is_repeated:
        place.setdefault(field.json_name, []).extend(value if type(value) is list else [value])
    elif field.json_name in place:
        sentence = f"the parameter {path} comes twice"
        raise refused(Refusal.AMBIGUOUS_FIELD, sentence, field=path)
    else:
        place[field.json_name] = value


def _value(field: FieldDescriptor, text: str) -> Any:
    """What the text would be in JSON; what does not fit is left for the reader to refuse."""
    inner = field.message_type
    if inner is not None and inner.full_name != _TIMESTAMP:
        return parsed(text.encode())
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return _BOOLEANS.get(text, text)
    if field.enum_type is not None and text.isdecimal() and len(text) < 4:
        return int(text)
    return text


def _field(descriptor: Descriptor, name: str, path: str) -> FieldDescriptor:
    field = field_named(descriptor, name)
    if field is None:
        raise _unknown(path, descriptor)
    return field


def _unknown(path: str, descriptor: Descriptor) -> Exception:
    known = ", ".join(field.json_name for field in descriptor.fields)
    sentence = f"{path[:100]!r} is no parameter here; {descriptor.name} has {known}"
    return refused(Refusal.UNKNOWN_FIELD, sentence, field=path[:100])
