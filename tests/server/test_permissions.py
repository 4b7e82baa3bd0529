"""Who may call what: every RPC of the contract has its line, everyone else is turned away."""

import asyncio
import pkgutil
from importlib import import_module

import grpc
import grpc.aio
import msgspec
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_status import rpc_status

import tieout.v1
from rpc.caller import Caller, Role, current_caller, leave_call, set_caller
from rpc.caller_limits import CallerLimits
from rpc.errors import (
    AmountNotPermittedError,
    CompanyNotPermittedError,
    CredentialsMissingError,
    RoleMissingError,
)
from rpc.interceptor import CallInterceptor
from rpc.metrics import Metrics
from rpc.permissions import PUBLIC_RPCS, ROLES_OF, RPC_PERMISSIONS, Permission, check_permission
from rpc.request_ids import current_request_id

UNLIMITED = CallerLimits(per_second=1e6, burst=10**6, at_once=1_000, now=lambda: 0.0)
UNLISTED = "tieout.v1.MatchService/NobodyListedThis"


def services():
    """Every service of the contract, and those that the server adds."""
    names = sorted(module.name for module in pkgutil.iter_modules(tieout.v1.__path__))
    modules = [import_module(f"tieout.v1.{name}") for name in names if name.endswith("_pb2")]
    for module in (*modules, health_pb2, reflection_pb2):
        yield from module.DESCRIPTOR.services_by_name.values()


METHODS = {
    f"{service.full_name}/{method.name}": method
    for service in services()
    for method in service.methods
}
GUARDED = sorted(METHODS.keys() - PUBLIC_RPCS)


class _ByHeader:
    """Believes the role a test calls itself."""

    async def caller_of(self, metadata, context):
        del context
        if "role" not in metadata:
            message = "no credentials came with the call"
            raise CredentialsMissingError(message)
        return Caller(name="test", roles=frozenset(metadata["role"].split()))


async def _answer(*_):
    return msgspec.json.encode({"by": current_caller().name, "id": current_request_id()})


async def _answers(*_):
    yield await _answer()


def _handler(method):
    kind = ("stream" if method.client_streaming else "unary") + (
        "_stream" if method.server_streaming else "_unary"
    )
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    return make(_answers if method.server_streaming else _answer)


async def _public(*_):
    return b"public"


def _generic_handlers():
    by_service = {}
    for rpc, method in METHODS.items():
        service, _, name = rpc.partition("/")
        handler = (
            grpc.unary_unary_rpc_method_handler(_public) if rpc in PUBLIC_RPCS else _handler(method)
        )
        by_service.setdefault(service, {})[name] = handler
    service, _, name = UNLISTED.partition("/")
    by_service[service][name] = grpc.unary_unary_rpc_method_handler(_answer)
    return tuple(grpc.method_handlers_generic_handler(*one) for one in by_service.items())


async def _call(channel, rpc, metadata):
    """The first answer, or the error, and the request id that came back."""
    method = METHODS.get(rpc)
    client_streaming = method is not None and method.client_streaming
    server_streaming = method is not None and method.server_streaming
    kind = ("stream" if client_streaming else "unary") + (
        "_stream" if server_streaming else "_unary"
    )
    start = getattr(channel, kind)(f"/{rpc}")
    call = start(iter([b""]) if client_streaming else b"", metadata=metadata, timeout=20)
    try:
        answer = await call.read() if server_streaming else await call
    except grpc.aio.AioRpcError as error:
        return error
    return msgspec.json.decode(answer) | {"trailers": dict(await call.trailing_metadata())}


def _calls(*calls):
    """Answers of `calls` (rpc, metadata) by a server that has every service."""

    async def serve_and_call():
        interceptor = CallInterceptor(Metrics(), _ByHeader(), UNLIMITED, frozenset({"default"}))
        server = grpc.aio.server(interceptors=[interceptor])
        server.add_generic_rpc_handlers(_generic_handlers())
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            answers = [await _call(channel, rpc, metadata) for rpc, metadata in calls]
        await server.stop(None)
        return answers

    return asyncio.run(serve_and_call())


def _reason(error):
    assert isinstance(error, grpc.aio.AioRpcError), error
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error)
    assert status.details[0].Unpack(info)
    assert info.domain == "tieout"
    return error.code(), info.reason


def test_every_rpc_of_the_contract_is_in_the_table_and_nothing_else():
    kept = {rpc for rpc in RPC_PERMISSIONS if not rpc.startswith("grpc.reflection.v1.")}
    assert kept == set(GUARDED), "add the call to rpc/permissions.py"
    assert list(RPC_PERMISSIONS) == sorted(RPC_PERMISSIONS)
    assert set(METHODS) >= PUBLIC_RPCS
    assert {permission for permission in Permission if not ROLES_OF[permission]} == set()


def test_without_credentials_nothing_guarded_answers():
    answers = _calls(*((rpc, ()) for rpc in GUARDED))
    reasons = {_reason(answer) for answer in answers}
    assert reasons == {(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_MISSING")}
    assert len(answers) == len(GUARDED) >= 7


def test_every_role_may_make_its_calls_and_no_other():
    pairs = [(rpc, role) for rpc in GUARDED for role in Role]
    answers = _calls(*((rpc, (("role", role),)) for rpc, role in pairs))
    for (rpc, role), answer in zip(pairs, answers, strict=True):
        if role in ROLES_OF[RPC_PERMISSIONS[rpc]]:
            assert answer["by"] == "test", (rpc, role)
        else:
            denied = (grpc.StatusCode.PERMISSION_DENIED, "ROLE_MISSING")
            assert _reason(answer) == denied, (rpc, role)


def test_a_caller_without_roles_and_a_call_without_a_line_are_denied():
    denied = (grpc.StatusCode.PERMISSION_DENIED, "ROLE_MISSING")
    every_role = " ".join(Role)
    answers = _calls(
        *((rpc, (("role", ""),)) for rpc in GUARDED), (UNLISTED, (("role", every_role),))
    )
    assert {_reason(answer) for answer in answers} == {denied}


def test_the_request_id_of_the_caller_comes_back_and_a_bad_one_is_replaced():
    rpc = "tieout.v1.MatchService/MatchPayments"
    role = ("role", "clerk")
    kept, made, replaced, refused = _calls(
        (rpc, (role, ("x-request-id", "erp-42/a"))),
        (rpc, (role,)),
        (rpc, (role, ("x-request-id", 'x" injected line'))),
        (rpc, (("x-request-id", "erp-43"),)),
    )
    assert kept["id"] == kept["trailers"]["x-request-id"] == "erp-42/a"
    assert len(made["id"]) == len(replaced["id"]) == 32
    assert made["id"] != replaced["id"]
    assert dict(refused.trailing_metadata())["x-request-id"] == "erp-43"


def test_people_who_only_look_or_only_submit_cannot_decide():
    decides = ROLES_OF[Permission.DECIDE] | ROLES_OF[Permission.APPROVE]
    assert decides.isdisjoint({Role.SUBMITTER, Role.VIEWER, Role.AUDITOR})
    assert Role.CLERK not in ROLES_OF[Permission.APPROVE]
    assert ROLES_OF[Permission.ADMINISTER] == {Role.ADMIN}
    with pytest.raises(RoleMissingError, match="not in the table"):
        check_permission(Caller(name="x", roles=frozenset(Role)), "tieout.v1.No/Such")


def test_the_scope_of_a_caller_is_companies_and_amounts():
    caller = Caller(name="c", companies=frozenset({"1100"}), amount_limits_minor={"EUR": 1_000_000})
    caller.check_company("1100")
    caller.check_amount("EUR", -1_000_000)
    with pytest.raises(CompanyNotPermittedError, match="1200"):
        caller.check_company("1200")
    for currency, amount_minor in (("EUR", 1_000_001), ("EUR", -1_000_001), ("USD", 1)):
        with pytest.raises(AmountNotPermittedError):
            caller.check_amount(currency, amount_minor)
    everywhere = Caller(name="d")
    everywhere.check_company("1200")
    everywhere.check_amount("USD", 10**15)


def test_outside_of_a_call_there_is_no_caller():
    with pytest.raises(LookupError):
        current_caller()
    token = set_caller(Caller(name="tool"))
    assert current_caller().name == "tool"
    leave_call(token)
    with pytest.raises(LookupError):
        current_caller()
    assert not current_request_id()
