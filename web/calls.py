"""Calls that a page makes, as whoever looks at it. What the front refuses becomes a `CallError`.

CallError   the front's own reason and sentence
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio

from tieout.v1 import (
    application_service_pb2_grpc,
    audit_service_pb2_grpc,
    bank_file_service_pb2_grpc,
    customer_service_pb2_grpc,
    event_service_pb2_grpc,
    exception_service_pb2_grpc,
    fact_service_pb2_grpc,
    open_item_service_pb2_grpc,
    person_service_pb2_grpc,
    report_service_pb2_grpc,
    run_service_pb2_grpc,
    session_service_pb2_grpc,
    team_service_pb2_grpc,
    user_service_pb2_grpc,
    view_service_pb2_grpc,
    webhook_service_pb2_grpc,
)
from web.channel import session_metadata

if TYPE_CHECKING:
    from starlette.requests import Request

    from web.channel import Metadata

__all__ = ["CallError", "Services", "ask"]

_SECONDS: Final = 30
_REASON_KEY: Final = "tieout-reason"


class CallError(Exception):
    """A call that the front did not answer with what was asked for."""

    def __init__(self, code: grpc.StatusCode, reason: str, message: str) -> None:
        """Keep the status code, the stable reason (empty: none was given) and the sentence."""
        super().__init__(message)
        self.code = code
        self.reason = reason


class Services:
    """The services of the contract over one channel."""

    def __init__(self, front: grpc.aio.Channel) -> None:
        """Call over `front`."""
        self.applications = application_service_pb2_grpc.ApplicationServiceStub(front)
        self.audit = audit_service_pb2_grpc.AuditServiceStub(front)
        self.facts = fact_service_pb2_grpc.FactServiceStub(front)
        self.team = team_service_pb2_grpc.TeamServiceStub(front)
        self.bank_files = bank_file_service_pb2_grpc.BankFileServiceStub(front)
        self.customers = customer_service_pb2_grpc.CustomerServiceStub(front)
        self.events = event_service_pb2_grpc.EventServiceStub(front)
        self.exceptions = exception_service_pb2_grpc.ExceptionServiceStub(front)
        self.open_items = open_item_service_pb2_grpc.OpenItemServiceStub(front)
        self.persons = person_service_pb2_grpc.PersonServiceStub(front)
        self.reports = report_service_pb2_grpc.ReportServiceStub(front)
        self.runs = run_service_pb2_grpc.RunServiceStub(front)
        self.sessions = session_service_pb2_grpc.SessionServiceStub(front)
        self.users = user_service_pb2_grpc.UserServiceStub(front)
        self.views = view_service_pb2_grpc.ViewServiceStub(front)
        self.webhooks = webhook_service_pb2_grpc.WebhookServiceStub(front)


async def ask(request: Request, service: str, call: str, message: Any, more: Metadata = ()) -> Any:
    """What `call` of the `service` (a name of `Services`) answers to whoever sent `request`.

    `more` travels beside the credentials.
    """
    method = getattr(getattr(request.app.state.services, service), call)
    metadata = (*session_metadata(request), *more)
    try:
        return await method(message, metadata=metadata, timeout=_SECONDS)
    except grpc.aio.AioRpcError as error:
        trailing = error.trailing_metadata() or ()
        reasons = [value for name, value in trailing if name == _REASON_KEY]
        reason = str(reasons[0]) if reasons else ""
        raise CallError(error.code(), reason, error.details() or error.code().name) from error
