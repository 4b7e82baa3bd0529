"""The id under which one call is found in logs, here and at the caller.

It comes from the caller's `x-request-id` or is made here, and goes back in the trailing metadata.
It has nothing to do with the field `request_id` of a mutation, which makes a call repeatable.
"""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["REQUEST_ID_KEY", "begin_request", "current_request_id", "set_request_id"]

REQUEST_ID_KEY: Final = "x-request-id"
"""Metadata key, in and out."""

_ACCEPTED: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

_request_id: ContextVar[str] = ContextVar("request_id", default="")


def begin_request(metadata: Mapping[str, str | bytes]) -> str:
    """Take the caller's id where it is fit for a log line, else make one; current from now on."""
    given = metadata.get(REQUEST_ID_KEY, "")
    known = isinstance(given, str) and _ACCEPTED.fullmatch(given)
    request_id = str(given) if known else secrets.token_hex(16)
    _request_id.set(request_id)
    return request_id


def set_request_id(request_id: str) -> None:
    """Let `request_id` be the current one: a worker does a job for a call elsewhere."""
    _request_id.set(request_id)


def current_request_id() -> str:
    """The id of the call that is being answered; empty outside of one."""
    return _request_id.get()
