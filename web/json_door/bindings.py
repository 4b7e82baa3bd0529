"""RPC → verb and path: the one table of the JSON door. What is not in it cannot be called by JSON.

`{field}` in a path is that field of the request; where requests are a stream, of their header.
The other fields come from the query (`GET`) or from the body (`POST`). A new RPC needs its line
here, as it needs one in `rpc/permissions.py`; a test compares both with the contract.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

__all__ = ["BINDINGS", "Binding", "Upload"]


class Upload(enum.Enum):
    """What the body of a call is whose requests are a stream."""

    MESSAGES = "messages"
    """One request message per line, or a JSON array of them; the first is the header."""
    FILE = "file"
    """The bytes of a file as they are; the header's fields come from the query."""
    ROWS = "rows"
    """As `MESSAGES`; or rows of a table as CSV, the header's fields from the query."""


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """Where one RPC is found.

    `is_endless` says that the answer goes on as things happen; it may be had as server-sent events.
    `deprecated_on` and `gone_on` (`YYYY-MM-DD`) announce its end with the headers `Deprecation`
    and `Sunset`: nothing that is announced ends within twelve months.
    """

    rpc: str
    verb: str
    path: str
    upload: Upload | None = None
    is_endless: bool = False
    deprecated_on: str = ""
    gone_on: str = ""


def _get(rpc: str, path: str) -> Binding:
    return Binding(rpc=rpc, verb="GET", path=f"/v1/{path}")


def _post(rpc: str, path: str, upload: Upload | None = None) -> Binding:
    return Binding(rpc=rpc, verb="POST", path=f"/v1/{path}", upload=upload)


def _act(rpc: str, verb: str) -> Binding:
    """An act on a case."""
    return _post(f"ExceptionService/{rpc}", f"cases/{{exception_id}}:{verb}")


BINDINGS: Final = (
    _post("BankFileService/SubmitBankFile", "bank-files", Upload.FILE),
    _post("BankFileService/BeginUpload", "uploads"),
    _post("BankFileService/AppendUpload", "uploads/{upload_id}:append", Upload.FILE),
    _get("BankFileService/GetUpload", "uploads/{upload_id}"),
    _get("BankFileService/ListBankFiles", "bank-files"),
    _get("BankFileService/GetBankFile", "bank-files/{file_id}"),
    _get("BankFileService/GetBankFileBytes", "bank-files/{file_id}/bytes"),
    _get("AuditService/ListAuditEntries", "audit-entries"),
    _get("FactService/ListFacts", "facts"),
    _get("FactService/GetFact", "facts/{case_id}/{line_number}"),
    _post("FactService/ChangeFactExpiry", "facts/{case_id}/{line_number}:changeExpiry"),
    _get("ReportService/GetWorkReport", "reports/work"),
    _get("ReportService/GetReceivablesReport", "reports/receivables"),
    _get("ReportService/GetCustomerReport", "reports/customer"),
    _get("TeamService/GetTeamReport", "reports/team"),
    _get("TeamService/ListDueRules", "due-rules"),
    _post("TeamService/ReplaceDueRules", "due-rules"),
    _get("TeamService/ListNoteTemplates", "note-templates"),
    _post("TeamService/SaveNoteTemplate", "note-templates"),
    _post("TeamService/DeleteNoteTemplate", "note-templates/{name}:delete"),
    _get("BankFileService/ListControlChecks", "bank-files/{file_id}/control-checks"),
    _get("BankFileService/ListDiagnostics", "bank-files/{file_id}/diagnostics"),
    _get("BankFileService/GetBankFileResult", "bank-files/{file_id}/result"),
    _post("ApplicationService/ReverseFile", "bank-files/{file_id}:reverse"),
    _get("RunService/ListRuns", "runs"),
    _get("RunService/GetRun", "runs/{run_id}"),
    _post("RunService/WaitRun", "runs/{run_id}:wait"),
    _post("RunService/WatchRun", "runs/{run_id}:watch"),
    _post("RunService/CancelRun", "runs/{run_id}:cancel"),
    _post("MatchService/MatchPayments", "payments:match"),
    _post("MatchService/StreamMatchPayments", "payments:streamMatch", Upload.MESSAGES),
    _post("MatchService/MatchResidentPayments", "payments:matchResident"),
    _post("MatchService/ExplainPayment", "payments:explain"),
    _get("ApplicationService/ListPostings", "postings"),
    _post(
        "ApplicationService/ReverseApplication", "payments/{payment_id}/lines/{line_number}:reverse"
    ),
    _post("ApplicationService/PostResults", "results:post", Upload.MESSAGES),
    _post("ApplicationService/ReportDelivery", "payments/{payment_id}:reportDelivery"),
    _get("ExceptionService/ListExceptions", "exceptions"),
    _get("ExceptionService/ListCases", "cases"),
    _get("ExceptionService/CountCases", "cases:count"),
    _post("ExceptionService/BatchExceptions", "cases:batch"),
    _get("ExceptionService/GetCase", "cases/{exception_id}"),
    _get("ExceptionService/GetPaymentBytes", "cases/{exception_id}/bytes"),
    _get("ExceptionService/ExplainItem", "cases/{exception_id}:explainItem"),
    _get("ExceptionService/PreviewFact", "cases/{exception_id}:previewFact"),
    _act("AttachRemittance", "attachRemittance"),
    _act("ReadReferences", "readReferences"),
    _act("ClaimException", "claim"),
    _act("ReleaseException", "release"),
    _act("TakeOverException", "takeOver"),
    _act("AssignException", "assign"),
    _act("ParkException", "park"),
    _act("WakeException", "wake"),
    _act("EscalateException", "escalate"),
    _act("NoteException", "note"),
    _act("IdentifyPayer", "identifyPayer"),
    _act("PrepareException", "prepare"),
    _act("DecideException", "decide"),
    _act("ApproveException", "approve"),
    _act("RejectException", "reject"),
    _act("WithdrawException", "withdraw"),
    _act("UndoException", "undo"),
    _act("ResolveException", "resolve"),
    _post("OpenItemService/ImportOpenItems", "open-items:import", Upload.ROWS),
    _get("OpenItemService/ListOpenItems", "open-items"),
    _get("OpenItemService/GetOpenItem", "open-items/{open_item_id}"),
    _post("CustomerService/ImportCustomers", "customers:import", Upload.ROWS),
    _get("CustomerService/ListCustomers", "customers"),
    _get("CustomerService/FindCustomers", "customers:find"),
    _get("CustomerService/GetCustomer", "customers/{customer_id}"),
    _get("EventService/ListEvents", "events"),
    Binding(rpc="EventService/StreamEvents", verb="GET", path="/v1/events:stream", is_endless=True),
    _get("ReportService/GetActivityReport", "reports/activity"),
    _get("PersonService/GetPreferences", "preferences"),
    _post("PersonService/SavePreferences", "preferences"),
    _get("PersonService/ListMentions", "mentions"),
    _post("PersonService/ReadMentions", "mentions:read"),
    _get("ViewService/ListViews", "views"),
    _post("ViewService/SaveView", "views"),
    _post("ViewService/DeleteView", "views/{view_id}:delete"),
    _post("SessionService/SignIn", "session:signIn"),
    _get("SessionService/GetSession", "session"),
    _post("SessionService/ChangePassword", "session:changePassword"),
    _post("SessionService/SignOut", "session:signOut"),
    _get("SessionService/ListSessions", "sessions"),
    _post("SessionService/RevokeSession", "sessions/{session_id}:revoke"),
    _get("UserService/ListUsers", "users"),
    _post("UserService/CreateUser", "users"),
    _post("UserService/UpdateUser", "users:update"),
    _post("UserService/ResetPassword", "users/{user_name}:resetPassword"),
    _post("WebhookService/CreateWebhook", "webhooks"),
    _get("WebhookService/ListWebhooks", "webhooks"),
    _post("WebhookService/DisableWebhook", "webhooks/{webhook_id}:disable"),
    _post("WebhookService/EnableWebhook", "webhooks/{webhook_id}:enable"),
    _post("WebhookService/DeleteWebhook", "webhooks/{webhook_id}:delete"),
    _post("WebhookService/PingWebhook", "webhooks/{webhook_id}:ping"),
    _post("WebhookService/RotateWebhookSecret", "webhooks/{webhook_id}:rotateSecret"),
    _get("WebhookService/ListWebhookDeliveries", "webhooks/{webhook_id}/deliveries"),
    _post("WebhookService/ResendWebhookDeliveries", "webhooks/{webhook_id}/deliveries:resend"),
    _get("ReportService/ListExpectedPayments", "reports/expected-payments"),
)
"""Every call, in the order the reference shows them."""
