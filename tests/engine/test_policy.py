"""The policy: defaults as the contract prints them, errors that name their path, overrides."""

from __future__ import annotations

import tomllib

import pytest

from engine.errors import PolicyError
from engine.policy import Limit, Policy, PolicyBook, read_policy

CONTRACT_DEFAULT = """
[automation]
wrong_budget = 0.0001
mode = "apply"
[tolerance]
under = { amount = "1.00", percent = "0.5" }
over = { amount = "1.00", percent = "0.5" }
[bank_charges]
amount = "10.00"
percent = "2.0"
needs_reference = true
[discount]
grace_days = 0
allow_unearned = false
[short_pay]
book_deduction = false
[overpayment]
known_payer = "on_account"
[strategies]
oldest_first = false
unique_amounts = "propose"
future_items = false
"""


def test_the_default_is_what_the_contract_prints():
    assert read_policy(tomllib.loads(CONTRACT_DEFAULT)) == PolicyBook() == read_policy({})


@pytest.mark.parametrize(
    ("toml", "path"),
    [
        ("[tolerence]\nunder = {}", "tolerence"),
        ("[tolerance]\nunderneath = {}", r"underneath.*\$\.tolerance"),
        ("[tolerance.under]\namuont = '1.00'", r"amuont.*\$\.tolerance\.under"),
        ("[discount]\ngrace_days = 'many'", r"\$\.discount\.grace_days"),
        ("[automation]\nmode = 'maybe'", r"maybe.*\$\.automation\.mode"),
        ("[overpayment]\nknown_payer = 'keep'", r"keep.*\$\.overpayment\.known_payer"),
        ("[company.US01.discount]\ngrace = 3", r"company\.US01\..*grace.*\$\.discount"),
        ("[profile.strict.strategies]\noldest = true", r"profile\.strict\..*oldest"),
    ],
)
def test_a_rule_that_does_not_exist_is_refused_by_its_path(toml, path):
    with pytest.raises(PolicyError, match=f"(?s)^policy: .*{path}"):
        read_policy(tomllib.loads(toml))


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("[tolerance.under]\namount = '-1'", "amount = '-1' is no decimal number ≥ 0"),
        ("[tolerance.over]\npercent = 'half'", "percent = 'half' is no decimal number ≥ 0"),
        ("[tolerance.under]\namount = 'NaN'", "'NaN' is no decimal"),
        ("[tolerance.under]\namount = 'Infinity'", "'Infinity' is no decimal"),
        ("[bank_charges]\namount = ''", "amount = '' is no decimal"),
        ("[automation]\nwrong_budget = 1.5", "wrong_budget = 1.5 is no probability"),
        ("[automation]\nwrong_budget = -0.1", "wrong_budget = -0.1 is no probability"),
        ("[automation]\nwrong_budget = nan", "wrong_budget = nan is no probability"),
        ("[discount]\ngrace_days = -1", "grace_days = -1 is not between 0 and 366"),
        ("[discount]\ngrace_days = 367", "grace_days = 367 is not between 0 and 366"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_value(toml, complaint):
    with pytest.raises(PolicyError, match=complaint):
        read_policy(tomllib.loads(toml))


def test_an_amount_written_as_a_number_is_refused_because_it_is_a_float():
    with pytest.raises(PolicyError, match=r"tolerance\.under\.amount"):
        read_policy(tomllib.loads("[tolerance.under]\namount = 1.10"))


def test_a_company_and_a_profile_override_single_keys():
    book = read_policy(
        tomllib.loads(
            "[tolerance.under]\namount = '2.00'\n"
            "[company.DE01.tolerance.under]\npercent = '1'\n"
            "[profile.strict.tolerance.under]\namount = '0'\n"
        )
    )
    assert book.rules_of("US01", "") == book.default
    assert book.rules_of("DE01", "").tolerance.under == Limit(amount="2.00", percent="1")
    assert book.rules_of("DE01", "strict").tolerance.under == Limit(amount="0", percent="0.5")
    assert book.rules_of("DE01", "unheard-of") == book.rules_of("DE01", "")


def test_reading_a_policy_leaves_its_source_alone():
    content = tomllib.loads(
        "[tolerance.under]\namount = '2.00'\n[company.A.tolerance.under]\namount = '3.00'\n"
    )
    read_policy(content)
    assert content["tolerance"] == {"under": {"amount": "2.00"}}


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("1.00", "USD", 100),
        ("1.00", "JPY", 1),
        ("1.00", "KWD", 1000),
        ("0.50", "JPY", 0),
        ("0.009", "USD", 0),
        ("1.00", "???", 100),
    ],
)
def test_a_limit_is_so_many_units_of_any_currency_rounded_down(amount, currency, minor):
    assert Limit(amount=amount).amount_minor(currency) == minor


def test_percentages_are_exact():
    assert Limit(percent="0.5").parts_per_million == 5_000
    assert Limit(percent="0.0001").parts_per_million == 1
    assert Limit(percent="0.1").parts_per_million == 1_000
    assert Limit(percent="100").parts_per_million == 1_000_000


def test_a_policy_is_frozen():
    with pytest.raises(AttributeError):
        Policy().discount.grace_days = 3
