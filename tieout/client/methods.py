"""Which RPC a request is for: in the contract every RPC has a request of its own."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import tieout.v1

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["Method", "method_of"]


@dataclass(frozen=True)
class Method:
    """An RPC: its path, the names of its messages, and whether each side is a stream."""

    path: str
    request: str
    answer: str
    is_sent_in_parts: bool
    is_answered_in_parts: bool


def method_of(request: type[Message], answer: type[Message]) -> Method:
    """The RPC that takes `request` and gives `answer`; raises `TypeError` where there is none."""
    name = request.DESCRIPTOR.full_name
    method = _methods().get(name)
    if method is None:
        message = f"{name} is the request of no RPC of tieout.v1"
        raise TypeError(message)
    if method.answer != answer.DESCRIPTOR.full_name:
        message = f"{method.path} answers with {method.answer}, not {answer.DESCRIPTOR.full_name}"
        raise TypeError(message)
    return method


@cache
def _methods() -> dict[str, Method]:
    """Request → RPC, over every service of the installed contract."""
    found = {}
    for module in pkgutil.iter_modules(tieout.v1.__path__):
        if not module.name.endswith("_service_pb2"):
            continue
        contract: Any = importlib.import_module(f"tieout.v1.{module.name}")
        for service in contract.DESCRIPTOR.services_by_name.values():
            for one in service.methods:
                found[one.input_type.full_name] = Method(
                    path=f"/{service.full_name}/{one.name}",
                    request=one.input_type.full_name,
                    answer=one.output_type.full_name,
                    is_sent_in_parts=one.client_streaming,
                    is_answered_in_parts=one.server_streaming,
                )
    return found
