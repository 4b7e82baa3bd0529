"""Message → JSON, by protobuf's JSON mapping: names in lowerCamelCase, 64-bit integers as text,
enums by name, bytes as base64, times in RFC 3339; what has its default value is left out.
"""

from __future__ import annotations

import base64
import functools
from typing import TYPE_CHECKING, Any, Final

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from web.json_door.contract import map_entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import Descriptor, EnumDescriptor
    from google.protobuf.message import Message

__all__ = ["json_of", "plain_of"]

if TYPE_CHECKING:
    _Write = Callable[[Any], Any]


def json_of(message: Message) -> bytes:
    """The message as JSON, on one line."""
    return msgspec.json.encode(plain_of(message))


def plain_of(message: Message) -> Any:
    """The message as dictionaries, lists and scalars."""
    return _writer(message.DESCRIPTOR)(message)


@functools.cache
def _writer(descriptor: Descriptor) -> _Write:
    if descriptor.full_name == Timestamp.DESCRIPTOR.full_name:
        return Timestamp.ToJsonString
    fields = {field.number: (field.json_name, _field_writer(field)) for field in descriptor.fields}

    def write(message: Message) -> dict[str, Any]:
        written = {}
        for field, value in message.ListFields():
            name, of = fields[field.number]
            written[name] = of(value) if of is not None else value
        return written

    return write


def _field_writer(field: FieldDescriptor) -> _Write | None:
    """What writes the field's value; None where it is JSON as it is."""
    entry = map_entry(field)
    if entry is not None:
        of = _value_writer(entry.fields_by_name["value"]) or _same
        return lambda value: {name: of(value[name]) for name in sorted(value)}
    one = _value_writer(field)
    if not field.is_repeated:
        return one
    return list if one is None else lambda value: [one(item) for item in value]


def _value_writer(field: FieldDescriptor) -> _Write | None:
    if field.message_type is not None:
        return _writer(field.message_type)
    if field.enum_type is not None:
        return _enum_writer(field.enum_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _base64
    return str if field.cpp_type in _LONG else None


def _enum_writer(kind: EnumDescriptor) -> _Write:
    names = {value.number: value.name for value in kind.values}
    return lambda number: names.get(number, number)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _same(value: Any) -> Any:
    return value


_LONG: Final = frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})
