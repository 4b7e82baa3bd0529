"""The contract as its descriptors tell it: every RPC with its message classes."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

import msgspec
from google.protobuf import descriptor_pool, message_factory

import tieout.v1

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor
    from google.protobuf.message import Message

__all__ = [
    "Rpc",
    "class_of",
    "etag_path",
    "field_named",
    "map_entry",
    "message_in",
    "oneofs_of",
    "precondition_path",
    "rpcs",
    "services",
]

_PACKAGE = "tieout.v1"


class Rpc(msgspec.Struct, frozen=True, kw_only=True):
    """One RPC: its name as `Service/Method`, its messages, and which sides are streams."""

    name: str
    request: Any
    response: Any
    streams_requests: bool
    streams_responses: bool

    @property
    def method(self) -> str:
        """Its path at the front."""
        return f"/{_PACKAGE}.{self.name}"


@functools.cache
def services() -> tuple[ServiceDescriptor, ...]:
    """Every service of the contract, by name."""
    found = []
    for module in pkgutil.iter_modules(tieout.v1.__path__):
        if module.name.endswith("_pb2"):
            content = importlib.import_module(f"{_PACKAGE}.{module.name}")
            found += content.DESCRIPTOR.services_by_name.values()
    return tuple(sorted(found, key=lambda service: str(service.full_name)))


def precondition_path(request: Descriptor) -> tuple[str, ...]:
    """As `etag_path`, of a request that changes something: nobody has seen what is created."""
    return () if request.name.startswith("Create") else etag_path(request)


@functools.cache
def rpcs() -> dict[str, Rpc]:
    """Every RPC by its name."""
    pool = descriptor_pool.Default()
    found = {}
    for service in services():
        for method in service.methods:
            # The stubs know no streaming flags of a method; its own description does.
            name = f"{service.name}/{method.name}"
            method = pool.FindMethodByName(method.full_name)  # noqa: PLW2901 - the same, found anew
            found[name] = Rpc(
                name=name,
                request=class_of(method.input_type),
                response=class_of(method.output_type),
                streams_requests=bool(method.client_streaming),
                streams_responses=bool(method.server_streaming),
            )
    return found


@functools.cache
def etag_path(message: Descriptor) -> tuple[str, ...]:
    """Fields that lead to the version of the one thing `message` is about; none: it has none."""
    fields = message.fields_by_name
    if "etag" in fields:
        return ("etag",)
    if "case" in fields:
        return ("case", "summary", "etag")
    having = [
        str(field.name)
        for field in message.fields
        if not field.is_repeated
        and field.message_type is not None
        and "etag" in field.message_type.fields_by_name
    ]
    return (having[0], "etag") if len(having) == 1 else ()


def class_of(descriptor: Descriptor) -> type[Message]:
    """The message class of `descriptor`."""
    return message_factory.GetMessageClass(descriptor)


def field_named(descriptor: Descriptor, name: str) -> FieldDescriptor | None:
    """The field by its name in JSON or in the contract; None where there is none."""
    return descriptor.fields_by_camelcase_name.get(name) or descriptor.fields_by_name.get(name)


def map_entry(field: FieldDescriptor) -> Descriptor | None:
    """The message of the field's entries where it is a map, else None."""
    entry = field.message_type
    return entry if entry is not None and entry.GetOptions().map_entry else None


def message_in(field: FieldDescriptor | None) -> Descriptor:
    """The message that the field holds; it holds one."""
    if field is None or field.message_type is None:
        message = f"{field and field.full_name} holds no message"
        raise TypeError(message)
    return field.message_type


def oneofs_of(descriptor: Descriptor) -> list[frozenset[str]]:
    """Names of the fields of which at most one may be set, group by group."""
    groups = (frozenset(field.name for field in one.fields) for one in descriptor.oneofs)
    return [names for names in groups if len(names) > 1]
