"""A view of the queue is its address, and nothing else."""

from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from desk.states import ALLOWED
from store.case_records import FACETS
from tieout.v1 import cases_pb2
from web.pages.queue_query import FACET_FIELDS, OPEN_STATES, ORDERS, QueueQuery, query_of

words = st.lists(st.text(max_size=8), max_size=3, unique=True).map(tuple)


def parsed(address):
    _, _, query = address.partition("?")
    return query_of(QueryParams(parse_qsl(query, keep_blank_values=True)))


@given(
    st.builds(
        QueueQuery,
        states=st.lists(st.sampled_from(OPEN_STATES), max_size=2, unique=True).map(tuple),
        codes=words,
        companies=words,
        assignees=words,
        ages=words,
        text=st.text(max_size=20).map(str.strip),
        order=st.sampled_from(ORDERS),
        after=st.text("abc=", max_size=8),
    )
)
def test_an_address_says_the_whole_view(query):
    assert parsed(query.here("/")) == query


def test_a_change_of_filters_starts_at_the_first_page():
    query = QueueQuery(codes=("AMT-SHORT",), after="token")
    assert parsed(query.toggled("code", "REF-NONE")).codes == ("AMT-SHORT", "REF-NONE")
    assert parsed(query.toggled("code", "REF-NONE")).after == ""
    assert parsed(query.toggled("code", "AMT-SHORT")).codes == ()
    assert query.here("/exceptions/1").startswith("/exceptions/1?code=AMT-SHORT&after=token")


def test_without_a_state_the_queue_shows_what_there_is_to_do():
    states = {cases_pb2.CaseState.Name(one)[11:].lower() for one in QueueQuery().filter().states}
    assert states == set(OPEN_STATES)
    assert set(OPEN_STATES) <= ALLOWED["prepare"] | {"post_failed"}
    narrowed = parsed(QueueQuery().toggled("state", "new"))
    assert set(narrowed.states) == set(OPEN_STATES) - {"new"}
    assert parsed(narrowed.toggled("state", "new")).states == ()


def test_what_an_address_says_wrongly_is_left_out():
    assert parsed("/?state=nonsense&sort=beauty&q=%20") == QueueQuery()


def test_every_facet_but_the_customer_can_be_chosen():
    assert set(FACETS) - set(FACET_FIELDS) == {"customer_id"}
