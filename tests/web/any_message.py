"""Messages of any kind of the contract, made up by hypothesis."""

from __future__ import annotations

import functools

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from web.json_door.contract import class_of, map_entry

__all__ = ["messages"]

_SCALARS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
}
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
_TIMES = st.integers(0, 4_000_000_000).map(lambda seconds: Timestamp(seconds=seconds, nanos=5000))


@functools.cache
def messages(descriptor, depth=3):
    """Any message of `descriptor`; fields below `depth` levels stay empty."""
    if descriptor.full_name == Timestamp.DESCRIPTOR.full_name:
        return _TIMES
    fields = {}
    for field in descriptor.fields:
        value = _values(field, depth)
        if value is not None:
            fields[field.name] = value
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: _made(descriptor, given))


def _made(descriptor, given):
    for group in descriptor.oneofs:
        for name in [field.name for field in group.fields if field.name in given][1:]:
            del given[name]
    message = class_of(descriptor)()
    for name, value in given.items():
        field = descriptor.fields_by_name[name]
        if map_entry(field) is not None and field.message_type.fields_by_name["value"].message_type:
            for key, one in value.items():
                getattr(message, name)[key].CopyFrom(one)
        else:
            message.MergeFrom(class_of(descriptor)(**{name: value}))
    return message


def _values(field, depth):
    entry = map_entry(field)
    if entry is not None:
        one = _one(entry.fields_by_name["value"], depth)
        return None if one is None else st.dictionaries(_TEXTS, one, max_size=2)
    one = _one(field, depth)
    return st.lists(one, max_size=2) if one is not None and field.is_repeated else one


def _one(field, depth):
    if field.message_type is not None:
        return messages(field.message_type, depth - 1) if depth else None
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=5)
    return _SCALARS.get(field.cpp_type, _TEXTS)
