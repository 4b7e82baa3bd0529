"""The policy: defaults as the contract prints them, errors that name their path, overrides."""

from __future__ import annotations

import tomllib

import msgspec
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
        ("[customer.C-1.discount]\ngrace = 3", r"customer\.C-1\..*grace.*\$\.discount"),
        ("[company.A.customer.C-1.tax]\nrate = 3", r"company\.A\.customer\.C-1\..*rate"),
        ("[[third_party]]\nname = 'X'", r"third_party.*pays_for"),
        ("[[third_party]]\npays_for = ['C']", r"third_party.*a payer needs a name"),
        ("[[processor]]\nname = 'X'\nfee = '1'", r"processor.*fee"),
        ("[intercompany]\npairs = [{ account_of = 'A' }]", r"intercompany.*items_of"),
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
        ("[automation]\nstale_days = -1", "stale_days = -1 is not between 0 and 366"),
        ("[automation]\namount_limit = '1,000'", "amount_limit = '1,000' is no decimal"),
        ("[tolerance]\npayment_amount = 'x'", "payment_amount = 'x' is no decimal"),
        ("[bank_charges]\nschedule = ['-5']", "schedule = '-5' is no decimal"),
        ("[tax]\nrates = ['0']", "rates = '0' is no percentage between 0 and 100"),
        ("[withholding]\nrates = ['100']", "rates = '100' is no percentage between 0 and 100"),
        ("[rounding]\nstep = 'half'", "step = 'half' is no decimal"),
        ("[[processor]]\nname = 'X'\nfee_percent = '-1'", "fee_percent = '-1' is no decimal"),
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
    assert book.rules_of("DE01", "strict").tolerance.under == Limit(amount="0", percent="1")
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


def test_of_limits_the_tightest_level_holds_and_the_default_only_where_none_speaks():
    book = read_policy(
        tomllib.loads(
            "[tolerance.under]\namount = '1.00'\n"
            "[company.A.tolerance.under]\namount = '5.00'\n"
            "[profile.key.tolerance.under]\namount = '10.00'\n"
            "[customer.C-1.tolerance.under]\namount = '3.00'\n"
            "[company.A.customer.C-2.automation]\nhold = true\n"
            "[profile.key.automation]\nhold = false\nmode = 'shadow'\n"
            "[customer.C-1.automation]\nmode = 'apply'\n"
        )
    )

    def amount(*who):
        return book.rules_of(*who).tolerance.under.amount

    assert amount("B", "") == "1.00"
    assert amount("A", "") == "5.00"
    assert amount("B", "key") == "10.00"
    assert amount("A", "key") == "5.00"
    assert amount("A", "key", "C-1") == "3.00"
    assert book.rules_of("A", "key", "C-2").automation.hold
    assert not book.rules_of("B", "key", "C-2").automation.hold
    assert book.rules_of("A", "key", "C-1").automation.mode == "apply"
    assert book.rules_of("A", "key").automation.mode == "shadow"


def test_asking_for_rules_leaves_the_book_as_it_is():
    book = read_policy(
        tomllib.loads(
            "[company.A.tolerance.under]\namount = '5.00'\n"
            "[profile.key.tolerance.under]\namount = '2.00'\n"
        )
    )
    before = msgspec.json.encode(book)
    book.rules_of("A", "key", "C-1")
    assert msgspec.json.encode(book) == before
    assert msgspec.json.decode(before, type=PolicyBook) == book
