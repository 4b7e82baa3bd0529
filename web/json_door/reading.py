"""JSON → message, by protobuf's JSON mapping, strictly.

A field that the message does not have, a value of another kind, a name that comes twice: each is
refused with the place where it stands. Amounts and other 64-bit integers are text (`"129990"`) or
numbers; enums are names; bytes are base64; times are RFC 3339; `null` is what is not there.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import math
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from web.json_door.contract import class_of, map_entry, oneofs_of
from web.json_door.problems import DoorError, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import Descriptor, EnumDescriptor
    from google.protobuf.message import Message

__all__ = ["message_of", "parsed"]

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")

if TYPE_CHECKING:
    _Read = Callable[[Any], Any]


class _Wrong(Exception):  # noqa: N818 - not an error that leaves this module
    """What is wrong, and the path to it from inside out."""

    def __init__(self, sentence: str, refusal: Refusal = Refusal.FIELD_INVALID) -> None:
        super().__init__(sentence)
        self.refusal = refusal
        self.path: list[str] = []


def parsed(content: bytes) -> Any:
    """The value that `content` is as JSON; raises `DoorError` for what is none."""
    try:
        text = content.decode("utf-8")
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except _Wrong as error:
        raise DoorError(error.refusal, str(error)) from None
    except UnicodeDecodeError as error:
        sentence = f"byte {error.start} of the body is no UTF-8"
        raise DoorError(Refusal.MESSAGE_MALFORMED, sentence) from None
    except RecursionError:
        sentence = "the body is nested deeper than any message"
        raise DoorError(Refusal.MESSAGE_MALFORMED, sentence) from None
    except ValueError as error:
        sentence = f"the body is no JSON: {error}"
        raise DoorError(Refusal.MESSAGE_MALFORMED, sentence) from None


def message_of(kind: type[Message], value: Any) -> Message:
    """`value`, as `parsed` gives it, as a message; raises `DoorError` that names the place."""
    try:
        return kind(**_reader(kind.DESCRIPTOR)(value))
    except _Wrong as error:
        path = "".join(reversed(error.path)).lstrip(".")
        place = path or "the body"
        raise DoorError(error.refusal, f"{place}: {error}", field=path) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        sentence = f"the name {twice!r} comes twice in one object"
        raise _Wrong(sentence, Refusal.MESSAGE_MALFORMED)
    return found


def _no_constant(name: str) -> Any:
    sentence = f"{name} is no JSON"
    raise _Wrong(sentence, Refusal.MESSAGE_MALFORMED)


@functools.cache
def _reader(descriptor: Descriptor) -> _Read:
    """What reads an object as the keyword arguments of the message."""
    if descriptor.full_name == Timestamp.DESCRIPTOR.full_name:
        return _timestamp
    return _MessageReader(descriptor)


class _MessageReader:
    """Reads the objects that are one kind of message."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._fields: dict[str, tuple[str, _Read]] = {}
        for field in descriptor.fields:
            known = (field.name, _field_reader(field))
            self._fields[field.json_name] = self._fields[field.name] = known
        self._groups = oneofs_of(descriptor)

    def __call__(self, value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            _refuse(f"an object, a {self._descriptor.name}", value)
        given: dict[str, Any] = {}
        fields = self._fields
        for name, one in value.items():
            field = fields.get(name)
            if field is None:
                raise _unknown(name, self._descriptor)
            if one is None:
                continue
            try:
                found = field[1](one)
            except _Wrong as error:
                error.path.append(f".{name}")
                raise
            if field[0] in given:
                sentence = f"{field[0]} comes twice, under both of its names"
                raise _Wrong(sentence)
            given[field[0]] = found
        for group in self._groups:
            if len(group & given.keys()) > 1:
                sentence = f"at most one of {', '.join(sorted(group & given.keys()))} may be there"
                raise _Wrong(sentence)
        return given


def _field_reader(field: FieldDescriptor) -> _Read:
    entry = map_entry(field)
    if entry is not None:
        return _map_reader(entry)
    if field.is_repeated:
        return _list_reader(_value_reader(field))
    return _value_reader(field)


def _value_reader(field: FieldDescriptor) -> _Read:
    if field.message_type is not None:
        return _reader(field.message_type)
    if field.enum_type is not None:
        return _enum_reader(field.enum_type)
    return _SCALARS[field.cpp_type] if field.type != FieldDescriptor.TYPE_BYTES else _bytes


def _list_reader(read: _Read) -> _Read:
    def read_list(value: Any) -> list[Any]:
        if type(value) is not list:
            _refuse("a list", value)
        found: list[Any] = []
        try:
            found.extend(map(read, value))
        except _Wrong as error:
            error.path.append(f"[{len(found)}]")
            raise
        return found

    return read_list


def _map_reader(entry: Descriptor) -> _Read:
    """Keys are text in every map of the contract; values may be messages."""
    kind = entry.fields_by_name["value"]
    read = _value_reader(kind)
    made = None if kind.message_type is None else class_of(kind.message_type)

    def read_map(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            _refuse("an object", value)
        found = {}
        for name, one in value.items():
            try:
                inner = read(one)
                found[_string(name)] = inner if made is None else made(**inner)
            except _Wrong as error:
                error.path.append(f"[{json.dumps(name)}]")
                raise
        return found

    return read_map


def _enum_reader(kind: EnumDescriptor) -> _Read:
    numbers = {value.name: value.number for value in kind.values}
    known = frozenset(numbers.values())

    def read(value: Any) -> int:
        number = numbers.get(value) if type(value) is str else value
        if type(number) is not int or number not in known:
            _refuse(f"one of {', '.join(numbers)}", value)
        return number

    return read


def _integer(bits: int) -> _Read:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def read(value: Any) -> int:
        if type(value) is int:
            number = value
        elif (type(value) is str and _INTEGER.fullmatch(value)) or (
            type(value) is float and value.is_integer() and abs(value) < 2**53
        ):
            number = int(value)
        else:
            _refuse("an integer", value)
        if not low <= number <= high:
            sentence = f"{_shown(value)} does not fit into {bits} bits"
            raise _Wrong(sentence)
        return number

    return read


def _number(value: Any) -> float:
    try:
        number = float(value) if type(value) in (int, float, str) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        _refuse("a number", value)
    return number


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        _refuse("true or false", value)
    return value


def _string(value: Any) -> str:
    if type(value) is not str:
        _refuse("text", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            sentence = "half of a surrogate pair is no text"
            raise _Wrong(sentence) from None
    return value


def _bytes(value: Any) -> bytes:
    if type(value) is not str or not _BASE64.fullmatch(value):
        _refuse("bytes as base64", value)
    plain = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        _refuse("bytes as base64", value)


def _timestamp(value: Any) -> dict[str, int]:
    found = Timestamp()
    try:
        found.FromJsonString(_string(value))
    except ValueError:
        _refuse("a time such as 2026-09-30T12:00:00Z", value)
    return {"seconds": found.seconds, "nanos": found.nanos}


_SCALARS: Final[dict[int, _Read]] = {
    FieldDescriptor.CPPTYPE_INT32: _integer(32),
    FieldDescriptor.CPPTYPE_INT64: _integer(64),
    FieldDescriptor.CPPTYPE_DOUBLE: _number,
    FieldDescriptor.CPPTYPE_BOOL: _boolean,
    FieldDescriptor.CPPTYPE_STRING: _string,
}
"""Kinds of values in the contract; one that is not here is a KeyError of the first request, and
of a test."""


def _refuse(what: str, value: Any) -> NoReturn:
    sentence = f"expected {what}, got {_shown(value)}"
    raise _Wrong(sentence)


def _unknown(name: str, descriptor: Descriptor) -> _Wrong:
    known = ", ".join(field.json_name for field in descriptor.fields)
    sentence = f"{_shown(name)} is no field; {descriptor.name} has {known}"
    error = _Wrong(sentence, Refusal.UNKNOWN_FIELD)
    error.path.append(f".{name[:_SHOWN_LENGTH]}")
    return error


_SHOWN_LENGTH: Final = 60


def _shown(value: Any) -> str:
    """`value` as a sentence may show it."""
    if type(value) is dict:
        return "an object"
    if type(value) is list:
        return "a list"
    text = str(value) if type(value) is int else json.dumps(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"
