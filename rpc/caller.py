"""Who calls: name, tenant, roles and scope, known to whatever runs for the call.

The interceptor sets the caller before a service sees the request; `current_caller()` gives it
anywhere below. Nothing runs for nobody: without a call there is no caller, and asking is an error.
"""

from __future__ import annotations

import enum
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.errors import AmountNotPermittedError, CompanyNotPermittedError

if TYPE_CHECKING:
    from contextvars import Token

__all__ = [
    "DEFAULT_TENANT",
    "LOCAL_CALLER",
    "NOBODY",
    "Caller",
    "Role",
    "caller_or_none",
    "current_caller",
    "leave_call",
    "set_caller",
]

DEFAULT_TENANT: Final = "default"
"""The tenant of a server that is told of no other."""


class Role(enum.StrEnum):
    """What a caller is here for; what each may call is the table of `rpc/permissions.py`."""

    SUBMITTER = "submitter"
    VIEWER = "viewer"
    CLERK = "clerk"
    APPROVER = "approver"
    ADMIN = "admin"
    AUDITOR = "auditor"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """One caller. Scope is tenant × companies × amount: all three must hold.

    `companies` None is every company of the tenant. `amount_limits_minor` None is no limit; else
    it is the largest amount of one decision by currency, and a currency that is not named may not
    be decided on at all. `session_id` is there for people who signed in here with a password; while
    `must_change_password` holds they may do nothing else.
    """

    name: str
    tenant: str = DEFAULT_TENANT
    roles: frozenset[Role] = frozenset()
    companies: frozenset[str] | None = None
    amount_limits_minor: dict[str, int] | None = None
    session_id: str = ""
    must_change_password: bool = False

    def may_see(self, company_id: str) -> bool:
        """Whether rows of `company_id` are the caller's to read."""
        return self.companies is None or company_id in self.companies

    def check_company(self, company_id: str) -> None:
        """Raise `CompanyNotPermittedError` where `company_id` is out of scope."""
        if not self.may_see(company_id):
            message = f"company {company_id!r} is not among the companies of {self.name!r}"
            raise CompanyNotPermittedError(message, company_id=company_id, caller=self.name)

    def check_amount(self, currency: str, amount_minor: int) -> None:
        """Raise `AmountNotPermittedError` where a decision on the amount is beyond the limit."""
        if self.amount_limits_minor is None:
            return
        limit_minor = self.amount_limits_minor.get(currency, 0)
        if abs(amount_minor) > limit_minor:
            message = (
                f"{abs(amount_minor)} minor units of {currency} are beyond the limit of "
                f"{self.name!r}, {limit_minor}; someone with a higher limit must decide"
            )
            raise AmountNotPermittedError(
                message,
                caller=self.name,
                currency_code=currency,
                amount_minor=str(amount_minor),
                limit_minor=str(limit_minor),
            )


LOCAL_CALLER: Final = Caller(name="local", roles=frozenset({Role.ADMIN}))
"""Whoever calls a server without sign-in; such a server listens on this machine only."""

NOBODY: Final = Caller(name="nobody")
"""Whoever makes a call that answers without credentials; has no role."""

_caller: ContextVar[Caller] = ContextVar("caller")


def current_caller() -> Caller:
    """The caller of the call that is being answered; raises `LookupError` outside of one."""
    return _caller.get()


def caller_or_none() -> Caller | None:
    """The caller of the call that is being answered, None outside of one."""
    return _caller.get(None)


def set_caller(caller: Caller) -> Token[Caller]:
    """Let `caller` be the current one in this task; give the token to `leave_call`."""
    return _caller.set(caller)


def leave_call(token: Token[Caller]) -> None:
    """Undo one `set_caller`; for tests and tools, a call's task ends with the call."""
    _caller.reset(token)
