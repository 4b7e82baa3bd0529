"""Users, sessions and callers → messages of the contract, and users back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from rpc.local_users import user_key
from rpc.permissions import ROLES_OF
from store.users import LocalUser
from tieout.v1 import session_service_pb2, user_service_pb2

if TYPE_CHECKING:
    from rpc.caller import Caller
    from store.sessions import UserSession

__all__ = ["identity_message", "session_message", "user_message", "user_of"]


def identity_message(caller: Caller, display_name: str) -> session_service_pb2.Identity:
    """What a caller may know about itself."""
    return session_service_pb2.Identity(
        name=caller.name,
        display_name=display_name,
        tenant=caller.tenant,
        roles=sorted(caller.roles),
        company_ids=sorted(caller.companies or ()),
        all_companies=caller.companies is None,
        permissions=sorted(
            permission
            for permission, roles in ROLES_OF.items()
            if not roles.isdisjoint(caller.roles)
        ),
        amount_limits_minor=caller.amount_limits_minor or {},
        has_amount_limits=caller.amount_limits_minor is not None,
        must_change_password=caller.must_change_password,
    )


def session_message(session: UserSession, current_id: str) -> session_service_pb2.Session:
    """A session without what proves it."""
    return session_service_pb2.Session(
        session_id=session.session_id,
        begin_time=_time(session.begun_at_ms),
        use_time=_time(session.used_at_ms),
        end_time=_time(session.ends_at_ms),
        source=session.source,
        user_agent=session.user_agent,
        is_current=session.session_id == current_id,
    )


def user_message(user: LocalUser) -> user_service_pb2.User:
    """A user without the hash of its password."""
    return user_service_pb2.User(
        user_name=user.user_name,
        display_name=user.display_name,
        roles=user.roles,
        company_ids=user.companies or (),
        all_companies=user.companies is None,
        amount_limits=user.amount_limits or {},
        is_disabled=user.is_disabled,
        must_change_password=user.must_change_password,
        etag=str(user.version),
        create_time=_time(user.created_at_ms),
        sign_in_time=_time(user.signed_in_at_ms),
    )


def user_of(message: user_service_pb2.User, version: int, password_hash: str = "") -> LocalUser:
    """The user that a caller wants there to be; what only the server sets is left out."""
    return LocalUser(
        user_name=user_key(message.user_name),
        display_name=message.display_name.strip(),
        password_hash=password_hash,
        roles=tuple(sorted(set(message.roles))),
        companies=None if message.all_companies else tuple(sorted(set(message.company_ids))),
        amount_limits=dict(message.amount_limits) or None,
        is_disabled=message.is_disabled,
        must_change_password=True,
        version=version,
    )


def _time(at_ms: int) -> Timestamp | None:
    if not at_ms:
        return None
    moment = Timestamp()
    moment.FromMilliseconds(at_ms)
    return moment
