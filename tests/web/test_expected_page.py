"""Expected payments as the page shows them: the judgement on past days, what nobody saw yet."""

import asyncio
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from tieout.v1 import report_service_pb2 as contract
from web.frame import Frame, Viewer
from web.pages import expected
from web.preferences import Preferences

ANSWER = contract.ListExpectedPaymentsResponse(
    as_of="2026-11-26",
    payments=[
        contract.ExpectedPayment(
            company_id="K",
            open_item_id="I-1",
            customer_id="C-1",
            document_number="INV-<1>",
            currency_code="EUR",
            open_minor=123_456,
            due_date="2026-11-30",
            early_date="2026-12-01",
            likely_date="2026-12-05",
            settled_count=4,
        )
    ],
    record=contract.ForecastRecord(
        day_count=12,
        judged_count=1_234,
        coverage=0.81,
        coverage_meant=0.8,
        errors=[
            contract.ForecastError(method="own habits", mean_days=3.2, within_7_days=0.915),
            contract.ForecastError(method="due date", mean_days=8.1, bias_days=-7),
        ],
    ),
    next_page_token="more",
)


@pytest.fixture
def shown(monkeypatch):
    """The page of `ANSWER` for a region, and what was asked."""
    asked = []

    async def ask(_, service, call, message):
        asked.append((service, call, message))
        return ANSWER

    def show(region, query=b""):
        viewer = Viewer(
            region=region,
            preferences=Preferences(),
            person="otto",
            csrf_token="",
            permissions=frozenset(),
            path="/figures/expected",
            address="/figures/expected",
        )
        monkeypatch.setattr(expected, "ask", ask)
        app = SimpleNamespace(state=SimpleNamespace(frame=Frame()))
        scope = {"type": "http", "method": "GET", "path": "/figures/expected", "headers": []}
        request = Request(scope | {"query_string": query, "app": app, "root_path": ""})
        request.state.viewer = viewer
        return asyncio.run(expected.ROUTES[0].endpoint(request)).body.decode(), asked

    return show


def test_dates_and_how_far_such_dates_were_off_are_shown(shown):
    page, asked = shown("en-US", b"company=K&after=t&as_of=2026-11-26")
    (service, call, wanted) = asked[0]
    assert (service, call) == ("reports", "ListExpectedPayments")
    assert (wanted.company_id, wanted.page_token, wanted.as_of) == ("K", "t", "2026-11-26")
    assert "INV-&lt;1&gt;" in page
    assert "1,234.56" in page
    assert "81.0" in page
    assert "91.5" in page
    assert page.count('<svg class="chart"') == 1
    assert "the dates shown here: 3.2, the due date: 8.1" in page
    assert "after=more" in page


def test_the_page_is_german_where_the_reader_is(shown):
    page, _ = shown("de-DE")
    assert "Erwartete Zahlungen" in page
    assert "die hier gezeigten Tage: 3,2, die Fälligkeit: 8,1" in page
    assert "1.234,56" in page
