"""What an address or a form says, read leniently: days, numbers, and the way to further pages."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from google.protobuf.timestamp_pb2 import Timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

__all__ = ["Given", "given", "period", "sent"]


class Given:
    """The parameters of an address; what is empty is as if it was not there."""

    def __init__(self, path: str, said: Mapping[str, str]) -> None:
        """`said` are parameters of `path` by name."""
        self._path = path
        self._said = {name: value.strip() for name, value in said.items() if value.strip()}

    def text(self, name: str) -> str:
        """What was said; empty where nothing was."""
        return self._said.get(name, "")

    def number(self, name: str, usual: int = 0) -> int:
        """A whole number; `usual` where there is none."""
        text = self._said.get(name, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else usual

    def day(self, name: str) -> datetime.date | None:
        """A day in ISO 8601; None where there is none."""
        try:
            return datetime.date.fromisoformat(self._said.get(name, ""))
        except ValueError:
            return None

    def address(self, **changes: str) -> str:
        """The same page with `changes`."""
        pairs = {name: value for name, value in (self._said | changes).items() if value}
        return f"{self._path}?{urlencode(pairs)}" if pairs else self._path


def given(request: Request) -> Given:
    """What the address of `request` says."""
    return Given(request.url.path, dict(request.query_params))


async def sent(request: Request) -> Given:
    """What the form says that came with `request`."""
    form = await request.form()
    return Given(request.url.path, {name: str(form[name]) for name in form})


def period(said: Given, first: str, last: str) -> tuple[Any, Any]:
    """The moments a period of days begins and ends with; None where it is open."""
    begin, end = said.day(first), said.day(last)
    return _moment(begin), _moment(end + datetime.timedelta(days=1) if end else None)


def _moment(day: datetime.date | None) -> Timestamp | None:
    if day is None:
        return None
    made = Timestamp()
    made.FromDatetime(datetime.datetime.combine(day, datetime.time()))
    return made
