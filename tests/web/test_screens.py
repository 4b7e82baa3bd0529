"""The screens beside the queue, as people of several roles are shown them and act on them."""

import io
import re

import grpc
import pytest

from tests.server.local_users import add_user
from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tests.web.browser_like import BrowserLike
from tests.web.test_sign_in_pages import settle
from tieout.client import Client, Credentials
from tieout.v1 import (
    application_service_pb2,
    application_service_pb2_grpc,
    bank_file_service_pb2,
    cases_pb2,
    exception_service_pb2,
    exception_service_pb2_grpc,
)
from web.csv_text import guarded
from web.pages.files import byte_lines
from web.pages.team import filled

pytestmark = pytest.mark.xdist_group("web screens")

WORD = "correct horse battery"
SETTINGS = """
[store]
url_file = "store.url"
[server]
workers = 1
spool = "."
[authentication]
local_users = true
[tables]
open_items = "open_items.csv"
"""
PEOPLE = {"mia": "clerk", "bob": "approver", "ada": "admin", "otto": "auditor"}
SCREENS = ("/", "/approvals", "/files", "/postings", "/customers", "/rules", "/team", "/figures")


class Served:
    """The server and whoever sits before it; `file_id` is its one bank file."""

    def __init__(self, server):
        self.server = server
        self.people = {}
        self.file_id = ""
        self.channel = grpc.insecure_channel(server.address)
        self.exceptions = exception_service_pb2_grpc.ExceptionServiceStub(self.channel)

    def browser(self, name):
        if name not in self.people:
            self.people[name] = BrowserLike(self.server.url)
            assert self.people[name].sign_in(name, WORD).status == 303
        return self.people[name]

    def page(self, name, path):
        answer = self.browser(name).get(path)
        return answer.status, answer.body.decode()

    def call(self, name, call, **fields):
        request = getattr(exception_service_pb2, f"{call}Request")(**fields)
        token = self.browser(name).cookies["tieout_session"]
        metadata = (("authorization", f"Bearer {token}"),)
        return getattr(self.exceptions, call)(request, metadata=metadata, timeout=30)

    def case(self):
        page = self.call("ada", "ListCases", order_by="amount", page_size=1)
        return page.cases[0].case_id


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("screens")
    url = f"sqlite:///{folder / 'store.db'}"
    for name, role in PEOPLE.items():
        add_user(folder, "default", name, WORD, "--role", role)
    settle(url, *PEOPLE)
    (folder / "store.url").write_text(url)
    with RunningServer(folder, SETTINGS, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        found = Served(server)
        token = found.browser("ada").cookies["tieout_session"]
        content = bai2_file((10_000, "INV-20431"), (33_300, "=THANK YOU"), (7_700, "NOBODY"))
        with Client(server.address, credentials=Credentials(token=token)) as client:
            sent = client.submit_bank_file(io.BytesIO(content), "=monday.bai")
        found.file_id = sent.bank_file.file_id
        yield found
        found.channel.close()
        assert '"level":"error"' not in server.log.read_text("utf-8")


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_everybody_is_shown_what_their_roles_allow(served, name):
    for path in SCREENS:
        status, page = served.page(name, path)
        assert status == 200, (path, page[-500:])
        assert page.count("<h1") == 1
    allowed = {"/audit": {"ada", "otto"}, "/audit.csv": {"ada", "otto"}, "/people": {"ada"}}
    for path, names in allowed.items():
        status, page = served.page(name, path)
        assert status == (200 if name in names else 403), path
        _, home = served.page(name, "/")
        shown = f'href="{path}"' in home
        assert shown == (name in names and path != "/audit.csv")


def test_who_may_only_look_is_offered_no_act(served):
    for path in ("/team", "/rules", "/approvals", "/postings"):
        _, page = served.page("otto", path)
        forms = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', page)
        assert set(forms) <= {"/sign-out"}, path


def test_a_file_is_shown_with_its_totals_and_its_bytes(served):
    _, listed = served.page("mia", "/files?name=MONDAY")
    assert "=monday.bai" in listed
    assert "510.00" in listed
    assert "No file fits" in served.page("mia", "/files?name=tuesday")[1]
    _, page = served.page("mia", f"/files/{served.file_id}")
    assert page.count("foots</span>") >= 3
    assert "does not foot</span>" not in page
    _, raw = served.page("mia", f"/files/{served.file_id}/bytes?line=4")
    assert "16,165,10000" in raw
    assert "01,BANK" not in raw
    _, marked = served.page("mia", f"/files/{served.file_id}/bytes?around=1&offset=3")
    assert "<mark>01,BANK" in marked
    assert served.page("mia", "/files/" + "0" * 64)[0] == 404


def test_bytes_that_are_no_text_are_shown_by_their_codes():
    part = bank_file_service_pb2.GetBankFileBytesResponse(
        content=b"\xff\x00<b>\r\nnext\n", offset=10, line=7
    )
    lines = byte_lines(part, 12)
    assert [(one.number, one.offset, one.text, one.is_place) for one in lines] == [
        (7, 10, "\\xff\\x00<b>", True),
        (8, 17, "next", False),
    ]


def test_two_people_approve_what_one_may_not(served):
    case = served.case()
    refund = cases_pb2.CaseEntry(kind=cases_pb2.ENTRY_KIND_REFUND, cash_minor=33_300)
    served.call("mia", "DecideException", exception_id=case, entries=[refund])
    _, inbox = served.page("bob", "/approvals")
    assert "mia" in inbox
    assert "333.00" in inbox
    etag = re.search(r'name="etag" value="(\d+)"', inbox)[1]
    path = f"/approvals/{case}"
    _, own = served.page("mia", "/approvals")
    assert f"{path}/approve" not in own
    refused = served.browser("mia").post(
        f"{path}/approve", {"csrf_token": token_of(served, "mia"), "etag": etag}
    )
    assert refused.status == 403
    stale = served.browser("bob").submit("/approvals", {"etag": "1"})
    assert stale.status == 405
    without = submit(served, "bob", f"{path}/reject", etag=etag)
    assert without.status == 422
    assert submit(served, "bob", f"{path}/reject", etag="999", reason="x").status == 409
    assert submit(served, "bob", f"{path}/reject", etag=etag, reason="ask first").status == 303
    assert "Nothing waits for approval" in served.page("bob", "/approvals")[1]
    served.call("ada", "DecideException", exception_id=case, entries=[refund])
    _, hers = served.page("ada", "/approvals")
    assert "you had a hand in it" in hers
    etag = re.search(r'name="etag" value="(\d+)"', hers)[1]
    assert submit(served, "ada", f"{path}/approve", etag=etag).status == 403
    assert submit(served, "bob", f"{path}/approve", etag=etag).status == 303
    _, postings = served.page("bob", "/postings?state=approved")
    assert "333.00" in postings
    _, trail = served.page("otto", f"/audit?subject={case}")
    assert "ask first" in trail


def token_of(served, name):
    browser = served.browser(name)
    return browser.token(browser.get("/settings"))


def submit(served, name, path, /, **fields):
    return served.browser(name).post(path, {"csrf_token": token_of(served, name)} | fields)


def test_a_refused_line_is_tried_again_by_an_admin(served):
    cases = served.call("ada", "ListCases", order_by="amount", page_size=100).cases
    untouched = [one.case_id for one in cases if one.state == cases_pb2.CASE_STATE_NEW]
    case = untouched[-1]
    entry = cases_pb2.CaseEntry(kind=cases_pb2.ENTRY_KIND_NON_AR, cash_minor=10_000)
    found = served.call("ada", "GetCase", exception_id=case)
    entry.cash_minor = found.case.summary.undecided_minor
    decided = served.call("bob", "DecideException", exception_id=case, entries=[entry]).case
    line = decided.lines[-1].line_number
    stub = application_service_pb2_grpc.ApplicationServiceStub(served.channel)
    token = served.browser("ada").cookies["tieout_session"]
    for delivery, detail in (
        (cases_pb2.DELIVERY_POSTING, ""),
        (cases_pb2.DELIVERY_FAILED, "period 03/2026 is closed"),
    ):
        stub.ReportDelivery(
            application_service_pb2.ReportDeliveryRequest(
                payment_id=case, line_numbers=[line], delivery=delivery, detail=detail
            ),
            metadata=(("authorization", f"Bearer {token}"),),
        )
    _, page = served.page("mia", "/postings")
    assert "period 03/2026 is closed" in page
    assert "/postings/retry" not in page
    _, page = served.page("ada", "/postings")
    assert "/postings/retry" in page
    assert submit(served, "mia", "/postings/retry", payment=case, lines=str(line)).status == 403
    assert submit(served, "ada", "/postings/retry", payment=case, lines=str(line)).status == 303
    assert "being posted" in served.page("ada", "/postings?state=posting")[1]


def test_the_trail_is_saved_without_formulas(served):
    answer = served.browser("otto").get("/audit.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    text = answer.body.decode("utf-8-sig")
    assert text.startswith("entry_number,record_time,actor")
    assert served.file_id in text
    for cell in ("=1+1", "+1", "-1", "@x", "\tx"):
        assert guarded(cell) == f"'{cell}"
    assert guarded("1-1") == "1-1"


def test_a_team_keeps_its_terms_and_texts(served):
    fields = [("amount_min", "10 000"), ("age_days_min", ""), ("due_hours", "4")]
    empty = [("amount_min", ""), ("age_days_min", ""), ("due_hours", "")]
    form = [("csrf_token", token_of(served, "ada")), *fields, *empty]
    assert served.browser("ada").post("/team/due-rules", form).status == 303
    assert 'value="10000"' in served.page("ada", "/team")[1]
    assert "From 10,000 and 0 days: 4 hours" in served.page("mia", "/team")[1]
    assert submit(served, "mia", "/team/due-rules", due_hours="1").status == 403
    assert submit(served, "ada", "/team/due-rules", due_hours="soon").status == 422
    text = {"name": "which", "subject": "Payment {amount}", "body": "Dear {payer}, {unknown}?"}
    assert submit(served, "mia", "/team/templates", **text).status == 303
    assert submit(served, "mia", "/team/templates", **text).status == 409
    assert submit(served, "otto", "/team/templates", **text).status == 403
    _, letter = served.page("mia", f"/team/letter?case={served.case()}&name=which")
    assert re.search(r"Payment [\d,]+\.\d\d USD", letter)
    assert "{unknown}" in letter
    assert submit(served, "mia", "/team/templates/delete", name="which").status == 303
    assert filled("{a}{b}", {"a": "{b}", "b": "x"}) == "xx"


def etag_in(page, action):
    """The etag that the form with this action carries."""
    form = page.partition(f'action="{action}"')[2].partition("</form>")[0]
    return re.search(r'name="etag" value="([^"]+)"', form)[1]


def test_a_form_that_was_open_while_somebody_else_saved_changes_nothing(served):
    submit(served, "mia", "/views", name="mine", query="sort=amount")
    view = re.search(r'action="(/views/[^/]+/delete)"', served.page("mia", "/")[1])[1]
    _, people = served.page("ada", "/people")
    assert 'name="etag"' in people.partition('action="/people/password"')[2].partition("</form>")[0]
    rules = {"amount_min": "7", "due_hours": "9"}
    for name, page, action, fields in (
        ("ada", "/team", "/team/due-rules", rules),
        ("mia", "/settings", "/settings", {"theme": "dark"}),
        ("mia", "/", view, {}),
    ):
        etag = etag_in(served.page(name, page)[1], action)
        if action == view:
            submit(served, name, "/views", name="mine", query="sort=due")
        else:
            assert submit(served, name, action, etag=etag, **fields).status == 303
        late = submit(served, name, action, etag=etag, **fields)
        assert (late.status, "Somebody else changed this" in late.body.decode()) == (409, True)
        etag = etag_in(served.page(name, page)[1], action)
        assert submit(served, name, action, etag=etag, **fields).status == 303


def test_people_are_added_changed_and_kept_out(served):
    user = {"user_name": "nia", "role": "clerk", "password": "a good long sentence"}
    assert submit(served, "ada", "/people", **user).status == 303
    assert submit(served, "ada", "/people", **user).status == 409
    assert submit(served, "mia", "/people", **user).status == 403
    _, page = served.page("ada", "/people")
    assert "nia" in page
    assert "must choose a password" in page
    browser = BrowserLike(served.server.url)
    assert browser.sign_in("nia", "a good long sentence").status == 303
    off = {"user_name": "nia", "role": "clerk", "is_disabled": "1", "limits": "EUR 5.00"}
    assert submit(served, "ada", "/people/change", **off).status == 303
    assert browser.sign_in("nia", "a good long sentence").status == 401
    last = {"user_name": "ada", "role": "clerk"}
    assert submit(served, "ada", "/people/change", **last).status == 409
    reset = {"user_name": "nia", "password": "another good sentence"}
    assert submit(served, "ada", "/people/password", **reset).status == 303


def test_expected_payments_are_listed_and_saved(served):
    _, figures = served.page("otto", "/figures?company=K")
    assert 'href="/figures/expected?company=K"' in figures
    _, page = served.page("otto", "/figures/expected")
    assert "Expected payments" in page
    assert "How far such dates were off" in page
    assert "data-row" in page
    assert "style=" not in page
    _, text = served.page("otto", "/figures/expected.csv")
    head, *rows = text.splitlines()
    assert "company_id,customer_id,open_item_id" in head
    assert len(rows) == page.count("<tr data-row")


def test_figures_are_drawn_and_stand_in_tables(served):
    _, page = served.page("otto", "/figures?from=2026-01-01")
    assert page.count('<svg class="chart"') >= 2
    assert page.count("<title id=") == page.count("<desc id=") == page.count("<svg ")
    assert "style=" not in page
    assert "by payment" in page
