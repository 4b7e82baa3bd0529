"""Errors of the web door.

WebError
├── AmountTextError   AMOUNT_TEXT: text that is no amount of its currency
└── SignInError       SIGN_IN: sign-in at the identity provider did not come to an end
"""

from __future__ import annotations

from typing import Self

__all__ = ["AmountTextError", "FormError", "SignInError", "WebError"]


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


class SignInError(WebError):
    """Sign-in at the identity provider did not come to an end."""

    reason = "SIGN_IN"

    @classmethod
    def of(cls, what: str) -> Self:
        """Say what happened, and what to do."""
        return cls(f"{what}; begin again")


class FormError(WebError):
    """A form that says what cannot be."""

    reason = "FORM"
