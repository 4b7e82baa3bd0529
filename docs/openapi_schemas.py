"""Messages of the contract as JSON schemas, as protobuf's JSON mapping writes and reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from web.json_door.contract import map_entry, oneofs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.descriptor import Descriptor, EnumDescriptor

__all__ = ["Schemas", "field_schema"]

Schema = dict[str, Any]

_INT64: Final[Schema] = {
    "type": ["string", "integer"],
    "format": "int64",
    "pattern": r"^-?(0|[1-9][0-9]{0,18})$",
    "minimum": -(2**63),
    "maximum": 2**63 - 1,
}
"""Answers hold text; requests may hold either."""

_SCALARS: Final[dict[int, Schema]] = {
    FieldDescriptor.CPPTYPE_INT32: {
        "type": "integer",
        "format": "int32",
        "minimum": -(2**31),
        "maximum": 2**31 - 1,
    },
    FieldDescriptor.CPPTYPE_INT64: _INT64,
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
}
_BYTES: Final[Schema] = {"type": "string", "contentEncoding": "base64"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}


class Schemas:
    """The schemas of every message that calls send or get, and of what stands in them."""

    def __init__(
        self,
        requests: Iterable[Descriptor],
        responses: Iterable[Descriptor],
        comments: Mapping[str, str],
    ) -> None:
        """Fields of requests are all there are: others are refused."""
        self._comments = comments
        self._in_requests: set[str] = set()
        self._found: dict[str, Schema] = {}
        sent = list(requests)
        for descriptor in sent:
            self._note(descriptor)
        for descriptor in (*sent, *responses):
            self._add(descriptor)

    def all(self) -> dict[str, Schema]:
        """Name → schema, sorted by name."""
        return dict(sorted(self._found.items()))

    def _note(self, descriptor: Descriptor) -> None:
        if descriptor.full_name in self._in_requests:
            return
        self._in_requests.add(descriptor.full_name)
        for field in descriptor.fields:
            if field.message_type is not None:
                self._note(field.message_type)

    def _add(self, descriptor: Descriptor) -> None:
        name = descriptor.name
        if name in self._found or descriptor.full_name == Timestamp.DESCRIPTOR.full_name:
            return
        schema: Schema = {"type": "object"}
        self._found[name] = schema
        if descriptor.full_name in self._comments:
            schema["description"] = self._comments[descriptor.full_name]
        schema["properties"] = {
            field.json_name: field_schema(field, self._comments.get(field.full_name, ""))
            for field in descriptor.fields
        }
        if descriptor.full_name in self._in_requests:
            schema["additionalProperties"] = False
        schema |= _choices(descriptor)
        for field in descriptor.fields:
            entry = map_entry(field)
            inner = entry.fields_by_name["value"] if entry is not None else field
            if inner.message_type is not None:
                self._add(inner.message_type)
            if inner.enum_type is not None:
                self._add_enum(inner.enum_type)

    def _add_enum(self, kind: EnumDescriptor) -> None:
        said = [
            f"`{value.name}`: {self._comments.get(f'{kind.full_name}.{value.name}', '')}"
            for value in kind.values
        ]
        self._found[kind.name] = {
            "type": "string",
            "description": "\n".join([self._comments.get(kind.full_name, ""), "", *said]),
            "enum": [value.name for value in kind.values],
        }


def field_schema(field: FieldDescriptor, comment: str) -> Schema:
    """The schema of a field's value."""
    entry = map_entry(field)
    if entry is not None:
        value = _value_schema(entry.fields_by_name["value"])
        schema: Schema = {"type": "object", "additionalProperties": value}
    elif field.is_repeated:
        schema = {"type": "array", "items": _value_schema(field)}
    else:
        schema = dict(_value_schema(field))
    if comment:
        schema["description"] = comment
    return schema


def _value_schema(field: FieldDescriptor) -> Schema:
    if field.message_type is not None:
        if field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
            return _TIME
        return {"$ref": f"#/components/schemas/{field.message_type.name}"}
    if field.enum_type is not None:
        return {"$ref": f"#/components/schemas/{field.enum_type.name}"}
    return _BYTES if field.type == FieldDescriptor.TYPE_BYTES else _SCALARS[field.cpp_type]


def _choices(descriptor: Descriptor) -> Schema:
    """That at most one of some fields may be there."""
    groups = oneofs_of(descriptor)
    if not groups:
        return {}
    (group,) = groups
    if len(group) == len(descriptor.fields):
        return {"maxProperties": 1}
    names = sorted(descriptor.fields_by_name[name].json_name for name in group)
    pairs = [
        {"required": [one, other]}
        for number, one in enumerate(names)
        for other in names[number + 1 :]
    ]
    return {"not": {"anyOf": pairs}}
