"""How a caller stands with the limit on calls: asked of the front, told in HTTP's own fields.

The fields are those of the IETF's draft on rate limit headers: `RateLimit-Policy` says how many
calls there are after a pause (`q`) and in how many seconds they grow again (`w`), `RateLimit` how
many are left (`r`) and in how many seconds all are there again (`t`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from web.channel import Metadata

__all__ = ["ASKING", "rate_limit_headers"]

_KEY: Final = "tieout-ratelimit"

ASKING: Final[Metadata] = ((_KEY, "tell"),)
"""Metadata of a call whose caller is to be told."""

_HEADERS: Final = {_KEY: "ratelimit", f"{_KEY}-policy": "ratelimit-policy"}


def rate_limit_headers(trailing: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    """The fields that the front's trailers tell of; none where it told nothing."""
    told = trailing or ()
    return {_HEADERS[name]: str(value) for name, value in told if name in _HEADERS}
