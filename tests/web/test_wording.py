"""Screens have words for every code of the contract, and for none that there is not."""

from typing import get_args

from desk.acts import ACT_NAMES
from desk.cases import Delivery, EntryKind, Power, State
from desk.reason_codes import DEDUCTION_REASONS, PARK_EVENTS, RESOLUTIONS, WRITE_OFF_REASONS
from desk.refusals import REFUSALS as DESK_REFUSALS
from engine.exception_codes import EXCEPTION_CODES
from store.case_records import FACETS
from web.pages.case_acts import ROUTES
from web.pages.case_forms import CASE_ACTS
from web.problems import REFUSALS
from web.wording import WORDING


def test_every_code_has_its_words():
    assert set(WORDING.states) == set(get_args(State))
    assert set(WORDING.codes) == set(EXCEPTION_CODES)
    assert set(WORDING.acts) == set(ACT_NAMES)
    assert set(WORDING.deliveries) == set(get_args(Delivery))
    assert set(WORDING.powers) == set(get_args(Power))
    assert set(WORDING.kinds) == set(get_args(EntryKind))
    assert set(WORDING.facets) == set(FACETS)
    assert set(WORDING.deduction_reasons) == set(DEDUCTION_REASONS)
    assert set(WORDING.write_off_reasons) == set(WRITE_OFF_REASONS)
    assert set(WORDING.events) == set(PARK_EVENTS)
    assert set(WORDING.resolutions) == set(RESOLUTIONS)


def test_every_act_of_a_clerk_has_a_form():
    by_people = set(ACT_NAMES) - {"deliver", "attach_remittance", "prepare", "decide", "repropose"}
    assert set(CASE_ACTS) == by_people
    assert len(ROUTES) == 1


def test_every_refusal_of_the_desk_has_words():
    assert set(DESK_REFUSALS) <= set(REFUSALS)
