"""Errors of the web door.

WebError
└── AmountTextError   AMOUNT_TEXT: text that is no amount of its currency
"""

from __future__ import annotations

from typing import Self

__all__ = ["AmountTextError", "WebError"]


class WebError(Exception):
    """What a person can mend; `reason` is stable."""

    reason = "WEB"


class AmountTextError(WebError):
    """Text that is no amount of its currency."""

    reason = "AMOUNT_TEXT"

    @classmethod
    def of(cls, text: str, currency: str, example: str) -> Self:
        """Say what was written and what is expected."""
        return cls(f"{text!r} is no amount of {currency}; write it like {example}")
