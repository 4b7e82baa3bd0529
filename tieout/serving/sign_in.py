"""People who sign in with a password: their sessions, and the services that look after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpc.passwords import PasswordChecks
from rpc.session_service import SessionService
from rpc.user_service import UserService
from rpc.user_sessions import UserSessions
from tieout.server_doors import session_rules_of
from tieout.v1 import session_service_pb2_grpc, user_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import grpc.aio

    from rpc.reading import StoreReader
    from tieout.configuration import AuthenticationTable

__all__ = ["PasswordDoor"]


class PasswordDoor:
    """Sign-in with a password; the authenticator believes `sessions`."""

    def __init__(
        self,
        table: AuthenticationTable,
        tenants: Iterable[str],
        reader: StoreReader,
        writer: StoreReader,
        now_ms: Callable[[], int],
    ) -> None:
        """Keep users and sessions of `tenants` through `writer`; `now_ms` is the clock."""
        self._reader = reader
        self._writer = writer
        self._now_ms = now_ms
        self._checks = PasswordChecks()
        self.sessions = UserSessions(
            tuple(tenants),
            reader=reader,
            writer=writer,
            checks=self._checks,
            rules=session_rules_of(table),
            now_ms=now_ms,
        )

    def add_services(self, server: grpc.aio.Server) -> None:
        """Answer the services of sessions and users on `server`."""
        session_service_pb2_grpc.add_SessionServiceServicer_to_server(
            SessionService(self.sessions), server
        )
        users = UserService(
            reader=self._reader,
            writer=self._writer,
            sessions=self.sessions,
            checks=self._checks,
            now_ms=self._now_ms,
        )
        user_service_pb2_grpc.add_UserServiceServicer_to_server(users, server)

    def close(self) -> None:
        """Let its threads end."""
        self._checks.close()
