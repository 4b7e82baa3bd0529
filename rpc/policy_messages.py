"""Rules of a request ↔ the engine's policy, field by field of their own descriptors."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from engine.policy import PolicyBook, read_policy

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

    from tieout.v1 import policy_pb2

__all__ = ["policy_book", "policy_sha256"]


def policy_book(message: policy_pb2.PolicyBook) -> PolicyBook:
    """The engine's policy for `message`; raises `PolicyError` that names the path at fault."""
    content = _content(message.common)
    content["company"] = {name: _content(rules) for name, rules in message.companies.items()}
    content["profile"] = {name: _content(rules) for name, rules in message.profiles.items()}
    content["customer"] = {name: _content(rules) for name, rules in message.customers.items()}
    content["third_party"] = [_content(party) for party in message.third_parties]
    content["processor"] = [_content(processor) for processor in message.processors]
    content["intercompany"] = _content(message.intercompany)
    content["exchange"] = _content(message.exchange)
    return read_policy(content)


def policy_sha256(book: PolicyBook) -> str:
    """SHA-256 of the rules as JSON with sorted keys, in hex."""
    return hashlib.sha256(msgspec.json.encode(book, order="sorted")).hexdigest()


def _content(message: Message) -> dict[str, Any]:
    return {field.name: _value(field, value) for field, value in message.ListFields()}


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.is_repeated:
        return [_content(one) if field.message_type is not None else one for one in value]
    if field.message_type is not None:
        return _content(value)
    if field.enum_type is not None:
        prefix = field.enum_type.values[0].name.removesuffix("UNSPECIFIED")
        name = field.enum_type.values_by_number[value].name
        return name.removeprefix(prefix).lower()
    return value
