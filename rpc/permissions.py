"""Who may call what: one table, RPC → permission → roles. What is not in it may not be called."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from rpc.caller import Role
from rpc.errors import PasswordChangeRequiredError, RoleMissingError

if TYPE_CHECKING:
    from rpc.caller import Caller

__all__ = [
    "PROBE_RPCS",
    "PUBLIC_RPCS",
    "ROLES_OF",
    "RPC_PERMISSIONS",
    "Permission",
    "check_permission",
    "permission_of",
]


class Permission(enum.StrEnum):
    """What a call does, as far as the right to do it is concerned."""

    DESCRIBE = "describe"
    """See which calls there are."""
    SUBMIT = "submit"
    """Bring bank files in."""
    MATCH = "match"
    """Have payments matched or explained; nothing is kept."""
    READ_FILES = "read_files"
    """Read receipts and what became of a file."""
    READ = "read"
    """Read the queue, applications, open items, customers, runs, events and reports."""
    MAINTAIN = "maintain"
    """Bring open items and customers in."""
    DECIDE = "decide"
    """Work exceptions: claim, propose, accept, park, reverse."""
    APPROVE = "approve"
    """Approve or reject what someone else has prepared."""
    AUDIT = "audit"
    """Read and verify the audit chain and its proofs."""
    ADMINISTER = "administer"
    """Change what the server itself does: users, runs of others, webhooks, purge, erase."""
    OWN = "own"
    """Look after one's own session and password."""


_S, _V, _C, _P, _A, _U = (
    Role.SUBMITTER,
    Role.VIEWER,
    Role.CLERK,
    Role.APPROVER,
    Role.ADMIN,
    Role.AUDITOR,
)

ROLES_OF: Final[dict[Permission, frozenset[Role]]] = {
    Permission.DESCRIBE: frozenset(Role),
    Permission.SUBMIT: frozenset({_S, _A}),
    Permission.MATCH: frozenset({_S, _C, _P, _A}),
    Permission.READ_FILES: frozenset(Role),
    Permission.READ: frozenset({_V, _C, _P, _A, _U}),
    Permission.MAINTAIN: frozenset({_S, _A}),
    Permission.DECIDE: frozenset({_C, _P, _A}),
    Permission.APPROVE: frozenset({_P, _A}),
    Permission.AUDIT: frozenset({_U, _A}),
    Permission.ADMINISTER: frozenset({_A}),
    Permission.OWN: frozenset(Role),
}
"""Roles that have each permission; one of them is enough."""

RPC_PERMISSIONS: Final[dict[str, Permission]] = {
    "grpc.health.v1.Health/List": Permission.DESCRIBE,
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": Permission.DESCRIBE,
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Permission.DESCRIBE,
    "tieout.v1.ApplicationService/ListPostings": Permission.READ,
    "tieout.v1.ApplicationService/PostResults": Permission.SUBMIT,
    "tieout.v1.ApplicationService/ReportDelivery": Permission.MAINTAIN,
    "tieout.v1.ApplicationService/ReverseApplication": Permission.DECIDE,
    "tieout.v1.ApplicationService/ReverseFile": Permission.DECIDE,
    "tieout.v1.AuditService/ListAuditEntries": Permission.AUDIT,
    "tieout.v1.BankFileService/AppendUpload": Permission.SUBMIT,
    "tieout.v1.BankFileService/BeginUpload": Permission.SUBMIT,
    "tieout.v1.BankFileService/GetBankFile": Permission.READ_FILES,
    "tieout.v1.BankFileService/GetBankFileBytes": Permission.READ,
    "tieout.v1.BankFileService/GetBankFileResult": Permission.READ_FILES,
    "tieout.v1.BankFileService/GetUpload": Permission.SUBMIT,
    "tieout.v1.BankFileService/ListBankFiles": Permission.READ_FILES,
    "tieout.v1.BankFileService/ListControlChecks": Permission.READ_FILES,
    "tieout.v1.BankFileService/ListDiagnostics": Permission.READ_FILES,
    "tieout.v1.BankFileService/SubmitBankFile": Permission.SUBMIT,
    "tieout.v1.CustomerService/FindCustomers": Permission.READ,
    "tieout.v1.CustomerService/GetCustomer": Permission.READ,
    "tieout.v1.CustomerService/ImportCustomers": Permission.MAINTAIN,
    "tieout.v1.CustomerService/ListCustomers": Permission.READ,
    "tieout.v1.EventService/ListEvents": Permission.READ,
    "tieout.v1.EventService/StreamEvents": Permission.READ,
    "tieout.v1.ExceptionService/ApproveException": Permission.APPROVE,
    "tieout.v1.ExceptionService/AssignException": Permission.DECIDE,
    "tieout.v1.ExceptionService/AttachRemittance": Permission.DECIDE,
    "tieout.v1.ExceptionService/BatchExceptions": Permission.DECIDE,
    "tieout.v1.ExceptionService/ClaimException": Permission.DECIDE,
    "tieout.v1.ExceptionService/CountCases": Permission.READ,
    "tieout.v1.ExceptionService/DecideException": Permission.DECIDE,
    "tieout.v1.ExceptionService/EscalateException": Permission.DECIDE,
    "tieout.v1.ExceptionService/ExplainItem": Permission.READ,
    "tieout.v1.ExceptionService/GetCase": Permission.READ,
    "tieout.v1.ExceptionService/GetPaymentBytes": Permission.READ,
    "tieout.v1.ExceptionService/IdentifyPayer": Permission.DECIDE,
    "tieout.v1.ExceptionService/ListCases": Permission.READ,
    "tieout.v1.ExceptionService/ListExceptions": Permission.READ,
    "tieout.v1.ExceptionService/NoteException": Permission.DECIDE,
    "tieout.v1.ExceptionService/ParkException": Permission.DECIDE,
    "tieout.v1.ExceptionService/PrepareException": Permission.DECIDE,
    "tieout.v1.ExceptionService/PreviewFact": Permission.DECIDE,
    "tieout.v1.ExceptionService/ReadReferences": Permission.DECIDE,
    "tieout.v1.ExceptionService/RejectException": Permission.APPROVE,
    "tieout.v1.ExceptionService/ReleaseException": Permission.DECIDE,
    "tieout.v1.ExceptionService/ResolveException": Permission.DECIDE,
    "tieout.v1.ExceptionService/TakeOverException": Permission.DECIDE,
    "tieout.v1.ExceptionService/UndoException": Permission.DECIDE,
    "tieout.v1.ExceptionService/WakeException": Permission.DECIDE,
    "tieout.v1.ExceptionService/WithdrawException": Permission.DECIDE,
    "tieout.v1.FactService/ChangeFactExpiry": Permission.DECIDE,
    "tieout.v1.FactService/GetFact": Permission.READ,
    "tieout.v1.FactService/ListFacts": Permission.READ,
    "tieout.v1.MatchService/ExplainPayment": Permission.MATCH,
    "tieout.v1.MatchService/MatchPayments": Permission.MATCH,
    "tieout.v1.MatchService/MatchResidentPayments": Permission.MATCH,
    "tieout.v1.MatchService/StreamMatchPayments": Permission.MATCH,
    "tieout.v1.OpenItemService/GetOpenItem": Permission.READ,
    "tieout.v1.OpenItemService/ImportOpenItems": Permission.MAINTAIN,
    "tieout.v1.OpenItemService/ListOpenItems": Permission.READ,
    "tieout.v1.PersonService/GetPreferences": Permission.OWN,
    "tieout.v1.PersonService/ListMentions": Permission.READ,
    "tieout.v1.PersonService/ReadMentions": Permission.READ,
    "tieout.v1.PersonService/SavePreferences": Permission.OWN,
    "tieout.v1.ReportService/GetActivityReport": Permission.READ,
    "tieout.v1.ReportService/GetCustomerReport": Permission.READ,
    "tieout.v1.ReportService/GetReceivablesReport": Permission.READ,
    "tieout.v1.ReportService/GetWorkReport": Permission.READ,
    "tieout.v1.ReportService/ListExpectedPayments": Permission.READ,
    "tieout.v1.RunService/CancelRun": Permission.SUBMIT,
    "tieout.v1.RunService/GetRun": Permission.READ_FILES,
    "tieout.v1.RunService/ListRuns": Permission.READ_FILES,
    "tieout.v1.RunService/WaitRun": Permission.READ_FILES,
    "tieout.v1.RunService/WatchRun": Permission.READ_FILES,
    "tieout.v1.SessionService/ChangePassword": Permission.OWN,
    "tieout.v1.SessionService/GetSession": Permission.OWN,
    "tieout.v1.SessionService/ListSessions": Permission.OWN,
    "tieout.v1.SessionService/RevokeSession": Permission.OWN,
    "tieout.v1.SessionService/SignOut": Permission.OWN,
    "tieout.v1.TeamService/DeleteNoteTemplate": Permission.DECIDE,
    "tieout.v1.TeamService/GetTeamReport": Permission.READ,
    "tieout.v1.TeamService/ListDueRules": Permission.READ,
    "tieout.v1.TeamService/ListNoteTemplates": Permission.READ,
    "tieout.v1.TeamService/ReplaceDueRules": Permission.ADMINISTER,
    "tieout.v1.TeamService/SaveNoteTemplate": Permission.DECIDE,
    "tieout.v1.UserService/CreateUser": Permission.ADMINISTER,
    "tieout.v1.UserService/ListUsers": Permission.ADMINISTER,
    "tieout.v1.UserService/ResetPassword": Permission.ADMINISTER,
    "tieout.v1.UserService/UpdateUser": Permission.ADMINISTER,
    "tieout.v1.ViewService/DeleteView": Permission.READ,
    "tieout.v1.ViewService/ListViews": Permission.READ,
    "tieout.v1.ViewService/SaveView": Permission.READ,
    "tieout.v1.WebhookService/CreateWebhook": Permission.ADMINISTER,
    "tieout.v1.WebhookService/DeleteWebhook": Permission.ADMINISTER,
    "tieout.v1.WebhookService/DisableWebhook": Permission.ADMINISTER,
    "tieout.v1.WebhookService/EnableWebhook": Permission.ADMINISTER,
    "tieout.v1.WebhookService/ListWebhookDeliveries": Permission.ADMINISTER,
    "tieout.v1.WebhookService/ListWebhooks": Permission.ADMINISTER,
    "tieout.v1.WebhookService/PingWebhook": Permission.ADMINISTER,
    "tieout.v1.WebhookService/ResendWebhookDeliveries": Permission.ADMINISTER,
    "tieout.v1.WebhookService/RotateWebhookSecret": Permission.ADMINISTER,
}
"""The permission each RPC asks for, sorted by name; a test compares it with reflection."""

PROBE_RPCS: Final = frozenset({"grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"})
"""Asked by load balancers all the time: they pass through untouched."""

PUBLIC_RPCS: Final = PROBE_RPCS | {"tieout.v1.SessionService/SignIn"}
"""Answered without credentials."""


def permission_of(rpc: str) -> Permission | None:
    """The permission `rpc` (`package.Service/Method`) asks for; None where nobody may call it."""
    return RPC_PERMISSIONS.get(rpc)


def check_permission(caller: Caller, rpc: str) -> None:
    """Raise a `NotPermittedError` where `caller` may not call `rpc`."""
    permission = RPC_PERMISSIONS.get(rpc)
    roles: frozenset[Role] = ROLES_OF[permission] if permission else frozenset()
    if caller.must_change_password and permission is not Permission.OWN:
        message = f"{caller.name!r} must choose a new password first (ChangePassword)"
        raise PasswordChangeRequiredError(message, caller=caller.name)
    if not caller.roles.isdisjoint(roles):
        return
    wanted = ", ".join(sorted(roles)) or "none: the call is not in the table of permissions"
    have = ", ".join(sorted(caller.roles)) or "none"
    message = f"{caller.name!r} may not call {rpc}: it takes one of the roles {wanted}; has {have}"
    raise RoleMissingError(message, caller=caller.name, rpc=rpc, permission=permission or "")
