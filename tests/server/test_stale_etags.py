"""Whoever changes what somebody else has changed since is told so, over both doors and stores.

What is changed is everything that people and programs edit and that is no case and no row of an
ERP: those have tests of their own (`test_case_calls.py`, `test_open_item_service.py`).
"""

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from store.key_ring import add_master_key
from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tests.web.door_requests import post, problem, told
from tieout.client import Client
from tieout.v1 import (
    cases_pb2,
    exception_service_pb2,
    fact_service_pb2,
    person_service_pb2,
    team_service_pb2,
    user_service_pb2,
    view_service_pb2,
    webhook_service_pb2,
)
from web.json_door.bindings import BINDINGS

pytestmark = pytest.mark.xdist_group("server")

SETTINGS = """
[store]
url_file = "store.url"
encryption_key_file = "encryption.keys"
[tables]
open_items = "open_items.csv"
"""
SENTENCE = "four words that nobody guesses"


class World:
    """A server, and what there is to change on it."""

    def __init__(self, server):
        self.server = server
        self.channel = grpc.insecure_channel(server.address)
        self.view_id = self.webhook_id = ""

    def call(self, request):
        """The answer over gRPC."""
        name = type(request).DESCRIPTOR.name.removesuffix("Request")
        binding = binding_of(name)
        module = MODULES[binding.rpc.partition("/")[0]]
        return self.channel.unary_unary(
            f"/tieout.v1.{binding.rpc}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=getattr(module, f"{name}Response").FromString,
        )(request, timeout=30)

    def refused(self, request):
        """Code and reason over gRPC."""
        with pytest.raises(grpc.RpcError) as caught:
            self.call(request)
        info = error_details_pb2.ErrorInfo()
        assert rpc_status.from_call(caught.value).details[0].Unpack(info)
        return caught.value.code(), info.reason

    def sent(self, request, **headers):
        """The answer over HTTP; what stands in the path is not in the body."""
        binding = binding_of(type(request).DESCRIPTOR.name.removesuffix("Request"))
        body = MessageToDict(request, preserving_proto_field_name=True)
        path = binding.path
        for name in list(body):
            if f"{{{name}}}" in path:
                path = path.replace(f"{{{name}}}", str(body.pop(name)))
        return post(self.server, path, body, **headers)


MODULES = {
    "FactService": fact_service_pb2,
    "PersonService": person_service_pb2,
    "TeamService": team_service_pb2,
    "UserService": user_service_pb2,
    "ViewService": view_service_pb2,
    "WebhookService": webhook_service_pb2,
}


def binding_of(name):
    return next(one for one in BINDINGS if one.rpc.endswith(f"/{name}"))


class Kept:
    """One thing that is changed: how to make it, change it and look at it.

    `change` gives a request that says something else at each turn; `look` gives what is there, as a
    message that has the `etag`, or None.
    """

    def __init__(self, change, look, make=None, nested=""):
        self.change, self.look, self.make, self.nested = change, look, make, nested

    def request(self, world, turn, etag="", **more):
        request = self.change(world, turn)
        place = getattr(request, self.nested) if self.nested else request
        place.etag = etag
        for name, value in more.items():
            setattr(request, name, value)
        return request


def the_view(world):
    found = world.call(view_service_pb2.ListViewsRequest()).views
    return next((one for one in found if one.name == "large"), None)


def save_view(_world, turn):
    return view_service_pb2.SaveViewRequest(name="large", query=f"sort=amount&turn={turn}")


def delete_view(world, _turn):
    return view_service_pb2.DeleteViewRequest(view_id=world.view_id)


def keep_view(world, turn=0):
    world.view_id = world.call(save_view(world, turn)).view.view_id


def save_preferences(_world, turn):
    said = person_service_pb2.Preferences(language="en-GB", keys={"accept": "a", "park": f"{turn}"})
    return person_service_pb2.SavePreferencesRequest(preferences=said)


def due_rules(_world, turn):
    return team_service_pb2.ReplaceDueRulesRequest(
        rules=[team_service_pb2.DueRule(amount_min=5, due_hours=turn + 1)]
    )


def the_template(world):
    found = world.call(team_service_pb2.ListNoteTemplatesRequest()).templates
    return found[0] if found else None


def save_template(_world, turn):
    template = team_service_pb2.NoteTemplate(name="advice", body=f"turn {turn}")
    return team_service_pb2.SaveNoteTemplateRequest(template=template)


def keep_template(world, turn=0):
    request = save_template(world, turn)
    before = the_template(world)
    request.template.etag = before.etag if before else ""
    world.call(request)


def delete_template(_world, _turn):
    return team_service_pb2.DeleteNoteTemplateRequest(name="advice")


def the_user(world):
    return world.call(user_service_pb2.ListUsersRequest()).users[0]


def add_users(world):
    if world.call(user_service_pb2.ListUsersRequest()).users:
        return
    for name in ("mia", "nia"):
        user = user_service_pb2.User(user_name=name, roles=["admin"], all_companies=True)
        world.call(user_service_pb2.CreateUserRequest(user=user, password=SENTENCE))


def update_user(_world, turn):
    user = user_service_pb2.User(
        user_name="mia", roles=["admin"], all_companies=True, display_name=f"Mia {turn}"
    )
    return user_service_pb2.UpdateUserRequest(user=user)


def reset_password(_world, turn):
    password = f"{SENTENCE} at turn {turn}"
    return user_service_pb2.ResetPasswordRequest(user_name="mia", password=password)


def the_webhook(world):
    found = world.call(webhook_service_pb2.ListWebhooksRequest()).webhooks
    return found[0] if found else None


def keep_webhook(world, _turn=0):
    if the_webhook(world) is None:
        request = webhook_service_pb2.CreateWebhookRequest(url="https://erp.example.com/hook")
        world.webhook_id = world.call(request).webhook.webhook_id
    else:
        world.call(webhook_service_pb2.DisableWebhookRequest(webhook_id=world.webhook_id))


def rotate(world, _turn):
    return webhook_service_pb2.RotateWebhookSecretRequest(webhook_id=world.webhook_id)


def enable(world, _turn):
    return webhook_service_pb2.EnableWebhookRequest(webhook_id=world.webhook_id)


def delete_webhook(world, _turn):
    return webhook_service_pb2.DeleteWebhookRequest(webhook_id=world.webhook_id)


def the_fact(world):
    return world.call(fact_service_pb2.ListFactsRequest()).facts[0]


def teach(world):
    with Client(world.server.address) as client:
        content = bai2_file((33_300, "THANK YOU"), account="FACTS")
        sent = client.submit_bank_file(content, "day.bai")
        case = next(iter(client.exceptions(file_id=sent.bank_file.file_id)))
        entry = cases_pb2.CaseEntry(
            kind=cases_pb2.ENTRY_KIND_FACT,
            fact_kind="alias",
            value="Payer",
            customer_id="C-1",
            company_id="K",
        )
        request = exception_service_pb2.DecideExceptionRequest(
            exception_id=case.payment_id, entries=[entry]
        )
        client.call(request, exception_service_pb2.DecideExceptionResponse)


def change_expiry(world, turn):
    fact = the_fact(world)
    day = fact.teach_time.ToDatetime().date().toordinal() + 20 + turn
    return fact_service_pb2.ChangeFactExpiryRequest(
        case_id=fact.case_id,
        line_number=fact.line_number,
        expire_date=type(fact.teach_time.ToDatetime()).fromordinal(day).date().isoformat(),
    )


CHANGED = {
    "SaveView": Kept(save_view, the_view, keep_view),
    "SavePreferences": Kept(
        save_preferences, lambda world: world.call(person_service_pb2.GetPreferencesRequest())
    ),
    "ReplaceDueRules": Kept(
        due_rules, lambda world: world.call(team_service_pb2.ListDueRulesRequest())
    ),
    "SaveNoteTemplate": Kept(save_template, the_template, keep_template, nested="template"),
    "UpdateUser": Kept(update_user, the_user, add_users, nested="user"),
    "ResetPassword": Kept(reset_password, the_user, add_users),
    "RotateWebhookSecret": Kept(rotate, the_webhook, keep_webhook),
    "EnableWebhook": Kept(enable, the_webhook, keep_webhook),
    "ChangeFactExpiry": Kept(change_expiry, the_fact, teach),
}
REMOVED = {
    "DeleteView": Kept(delete_view, the_view, keep_view),
    "DeleteNoteTemplate": Kept(delete_template, the_template, keep_template),
    "DeleteWebhook": Kept(delete_webhook, the_webhook, keep_webhook),
}
SAYS_MORE = CHANGED.keys() - {"ResetPassword"}
"""Passwords are no part of what is compared: a hash of one would help whoever guesses."""

STALE = (grpc.StatusCode.ABORTED, "STALE_ROW")
NEVER_GIVEN = ("x", "9" * 30, "٣", "-1", "1.0")


@pytest.fixture
def world(store_url, tmp_path):
    (tmp_path / "store.url").write_text(store_url)
    add_master_key(tmp_path / "encryption.keys", "k1")
    with RunningServer(tmp_path, SETTINGS, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        opened = World(server)
        yield opened
        opened.channel.close()
        assert server.terminate() == 0
        assert '"level":"error"' not in server.log.read_text()


def test_a_change_of_what_was_changed_since_is_refused(world):
    for name, kept in CHANGED.items():
        check_changes(world, name, kept)
    for name, kept in REMOVED.items():
        check_removals(world, name, kept)


def check_changes(world, name, kept):
    if kept.make:
        kept.make(world)
    first = kept.look(world)
    world.call(kept.request(world, 1, first.etag))
    second = kept.look(world)
    assert second.etag != first.etag, name
    stale = kept.request(world, 2, first.etag)
    check_stale(world, kept, stale, first.etag, name)
    assert kept.look(world) == second, f"{name}: nothing was changed"
    again = kept.request(world, 3, second.etag, request_id=f"{name}-3")
    answer = world.call(again)
    assert world.call(again) == answer, f"{name}: asked again, the first answer comes back"
    third = kept.look(world)
    if name in SAYS_MORE:
        other = kept.request(world, 4, third.etag, request_id=f"{name}-3")
        assert world.refused(other)[1] == "REQUEST_ID_REUSED", name
    whoever = world.sent(kept.request(world, 5), if_match=f'"{third.etag}"')
    assert whoever.status == 200, (name, whoever.body)
    told_etag = whoever.headers.get("etag", f'"{kept.look(world).etag}"')
    assert told_etag == f'"{kept.look(world).etag}"', name
    assert kept.look(world).etag != third.etag, name


def check_stale(world, kept, stale, seen, name):
    """Refused over gRPC, by a header over HTTP, and by a field there."""
    assert world.refused(stale) == STALE, name
    assert problem(world.sent(stale)) == (409, "STALE_ROW"), name
    place = getattr(stale, kept.nested) if kept.nested else stale
    place.etag = ""
    for tag in (f'"{seen}"', f'W/"{seen}"'):
        answer = world.sent(stale, if_match=tag)
        assert problem(answer) == (412, "STALE_ROW"), (name, answer.body)
    assert told(answer)["code"] == "ABORTED"


def check_removals(world, name, kept):
    kept.make(world)
    seen = kept.look(world)
    kept.make(world, 7)
    now = kept.look(world)
    assert now.etag != seen.etag, name
    check_stale(world, kept, kept.request(world, 0, seen.etag), seen.etag, name)
    assert kept.look(world) == now, f"{name}: it is there"
    gone = kept.request(world, 0, now.etag, request_id=f"{name}-1")
    answer = world.call(gone)
    assert kept.look(world) is None, name
    assert world.call(gone) == answer, name


def test_what_nobody_has_kept_yet_is_changed_by_the_first_alone(world):
    for name, etag in (("SaveView", "0"), ("SavePreferences", "0")):
        kept = CHANGED[name]
        world.call(kept.request(world, 1, etag))
        assert world.refused(kept.request(world, 2, etag)) == STALE, name
    view = the_view(world)
    world.call(save_view(world, 8))
    assert the_view(world).view_id == view.view_id, "replaced, it keeps its key"


def test_an_etag_that_was_never_given_out_changes_nothing(world):
    for name, kept in (CHANGED | REMOVED).items():
        if kept.make:
            kept.make(world)
        before = kept.look(world)
        for etag in NEVER_GIVEN:
            code, reason = world.refused(kept.request(world, 1, etag))
            assert (code.name, reason) in {
                ("ABORTED", "STALE_ROW"),
                ("INVALID_ARGUMENT", "FIELD_INVALID"),
            }, (name, etag, reason)
        assert kept.look(world) == before, name


def test_every_update_of_the_contract_takes_an_etag():
    """Whatever sets something that was there before: by its verb, but for what says why not."""
    from tests.server.test_contract import calls, names_in  # noqa: PLC0415 - tests of a contract

    verbs = ("Save", "Replace", "Update", "Change", "Rotate", "Reset", "Enable", "Disable")
    found = [one for one in calls() if one[0].startswith((*verbs, "Delete"))]
    assert len(found) >= len(CHANGED) + len(REMOVED)
    inner = {"UpdateUser", "SaveNoteTemplate"}
    without = {name for name, request, _ in found if "etag" not in names_in(request)} - inner
    assert without == {"ChangePassword"}, "the password before is what it wants"
    tried = {*CHANGED, *REMOVED, "DisableWebhook", "ChangePassword"}
    assert tried == {name for name, _, _ in found}
