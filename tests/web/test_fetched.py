"""Whether an exception that a browser fetched ahead may be shown as it was fetched."""

from urllib.parse import urlencode

import pytest

from tieout.v1 import cases_pb2, exception_service_pb2
from web.pages.case_data import CaseData, neighbours_of
from web.pages.fetched import is_as_fetched, version_shown

PAGE = exception_service_pb2.ListCasesResponse(
    cases=[
        cases_pb2.CaseSummary(case_id=f"P-{n}", etag=str(n), customer_id=f"C-{n}")
        for n in range(100)
    ],
    total_count=400,
    next_page_token="more",
)
HELD = urlencode([("case", "P-7"), ("etag", "7"), ("customer", "C-7"), ("customer", "C-8")])


def line(customer):
    return cases_pb2.CaseLine(entry=cases_pb2.CaseEntry(customer_id=customer))


def test_an_untouched_exception_is_shown_as_it_was_fetched():
    assert is_as_fetched(HELD, "P-7", neighbours_of(PAGE, "P-7"), [line("C-1"), line("C-2")])


@pytest.mark.parametrize(
    ("held", "identity", "customers"),
    [
        (HELD, "P-8", []),
        (HELD.replace("etag=7", "etag=6"), "P-7", []),
        (HELD, "P-7", ["C-1", "C-8"]),
        (HELD.replace("&customer=C-7", ""), "P-7", ["C-7"]),
        (HELD.replace("P-7", "P-700").replace("etag=7", "etag=700"), "P-700", []),
        ("", "P-7", []),
        (HELD + "&customer=" + "x" * 4_000, "P-7", []),
        ("%%%&&&", "P-7", []),
    ],
)
def test_what_an_act_or_a_colleague_changed_is_fetched_anew(held, identity, customers):
    around = neighbours_of(PAGE, identity)
    assert not is_as_fetched(held, identity, around, [line(one) for one in customers])


def test_a_page_names_its_version_and_every_customer_whose_items_it_shows():
    detail = exception_service_pb2.GetCaseResponse()
    detail.case.summary.case_id, detail.case.summary.etag = "P-7", "7"
    data = CaseData(
        detail=detail,
        neighbours=neighbours_of(PAGE, "P-7"),
        record=None,
        items=(),
        is_cut=False,
        customers={"C-8": None, "C-7": None},
        found=(),
        explained=None,
        reach=None,
        done=None,
    )
    assert version_shown(data) == HELD


@pytest.mark.parametrize(
    ("place", "first", "shown"), [(0, 0, 30), (20, 12, 30), (99, 91, 9), (-1, 0, 30)]
)
def test_neighbours_are_those_around_a_case(place, first, shown):
    around = neighbours_of(PAGE, f"P-{place}" if place >= 0 else "elsewhere")
    assert [one.case_id for one in around.cases] == [f"P-{first + n}" for n in range(shown)]
    assert around.next_id == ("" if place == 99 else f"P-{place + 1}")
    assert around.previous_id == ("" if place in (-1, 0) else f"P-{place - 1}")
    assert (around.total, around.next_token) == (400, "more")
