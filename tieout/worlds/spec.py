"""What a world is made of: legal entities, sizes, the mix of scenarios, and the named worlds."""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

import msgspec

__all__ = ["NAMED_SPECS", "STANDARD_MIX", "CompanySpec", "WorldSpec", "named_spec", "scaled_spec"]

AmountStyle = Literal["mixed", "price_list", "rent", "whole_dollar"]
DamageLevel = Literal["none", "light", "heavy"]
Choice = Literal["anything", "what_is_due"]


class CompanySpec(msgspec.Struct, frozen=True, kw_only=True):
    """One legal entity and the bank account that collects for it.

    `document_style` names how its document numbers look (`tieout.worlds.references`), `channels`
    weighs the ways its payments arrive: `ach`, `wire`, `lockbox`, `camt02`, `camt08`. `bank_id` is
    the routing number or BIC of the account. `share` is its part of customers and items.
    """

    company_id: str
    currency: str
    country: str
    document_style: str
    bank_account: str
    bank_id: str
    channels: dict[str, float]
    lockbox: str = ""
    share: float = 1.0


STANDARD_MIX: Final[dict[str, float]] = {
    "ref_structured": 150,
    "ref_text": 110,
    "ref_text_distractors": 30,
    "multi_structured": 95,
    "multi_text": 60,
    "multi_text_amounts": 20,
    "creditor_reference": 12,
    "other_reference": 10,
    "purchase_order": 18,
    "ref_separators": 35,
    "ref_prefix_dropped": 22,
    "ref_zeros_dropped": 12,
    "ref_letter_for_digit": 10,
    "ref_digit_wrong": 16,
    "ref_digits_swapped": 14,
    "ref_clipped": 10,
    "ref_glued": 10,
    "ref_range": 10,
    "customer_number": 14,
    "amount_single": 75,
    "amount_subset": 48,
    "amount_balance": 14,
    "amount_past_due": 9,
    "amount_all_but_one": 9,
    "amount_infeasible": 0,
    "discount_ref": 34,
    "discount_amount": 12,
    "discount_late": 6,
    "discount_grace": 5,
    "credit_ref": 20,
    "credit_amount": 7,
    "parent_pays_child": 15,
    "partial_ref": 10,
    "short_coded": 14,
    "short_uncoded": 10,
    "bank_fee": 12,
    "tolerance_under": 9,
    "tolerance_over": 7,
    "overpaid": 12,
    "repeat_of_paid": 6,
    "paid_twice": 4,
    "cancelled_invoice": 3,
    "disputed_item": 6,
    "other_company": 4,
    "third_party_ref": 6,
    "name_conflict": 3,
    "ambiguous_single": 6,
    "ambiguous_amounts": 4,
    "ambiguous_combination": 3,
    "not_receivable": 12,
    "amount_large": 0,
    "write_off_beyond": 0,
    "discount_beyond": 0,
    "item_changed": 0,
    "says_nothing": 0,
    "item_locked": 0,
    "number_twice": 0,
    "text_cut": 0,
    "advice_later": 0,
    "advice_off": 0,
    "advice_partly": 0,
    "tax_kept": 0,
    "withheld": 0,
    "discount_excess": 0,
    "discount_twice": 0,
    "claimed_before": 0,
    "short_again": 0,
    "pays_another": 0,
    "number_unknown": 0,
    "payer_inactive": 0,
    "ambiguous_total": 0,
    "returned_payment": 0,
    "recalled_payment": 0,
    "return_of_posted": 0,
    "return_of_nothing": 0,
    "two_want_one": 0,
    "other_currency": 0,
    "customer_by_hand": 0,
    "items_stale": 0,
    "installment_next": 0,
    "installment_unclear": 0,
    "new_account": 0,
}
"""Weights of the scenarios among payments whose payer is a customer (or whose money is none of
receivables); unknown payers come on top, by `unknown_payer_share`."""


class WorldSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a world depends on.

    `scenario_weights` replaces single weights of `STANDARD_MIX` (0 removes a scenario).
    `dense_numbers` numbers documents without gaps, so that a typo often hits another document.
    Payers pay any of their items, or by custom what is due (`payers_choose`).
    `with_bank_files` renders bank files beside the tables, `all_formats` some of the payments as
    MT940, EDI 820 and NACHA. `policy` are the rules (TOML) the world is made for, empty for the
    default ones. `in_two_runs`: the last day is to be matched by itself. `with_file_faults`:
    something is wrong in most bank files (`tieout.worlds.file_faults`).
    """

    name: str
    seed: int
    payment_count: int
    open_item_count: int
    customer_count: int
    companies: tuple[CompanySpec, ...]
    scenario_weights: dict[str, float] = {}
    unknown_payer_share: float = 0.02
    amount_style: AmountStyle = "mixed"
    damage: DamageLevel = "light"
    dense_numbers: bool = False
    payers_choose: Choice = "anything"
    with_bank_files: bool = True
    all_formats: bool = False
    policy: str = ""
    in_two_runs: bool = False
    with_file_faults: bool = False
    as_of: dt.date = dt.date(2026, 10, 30)

    def weights(self) -> dict[str, float]:
        """Scenario weights of this world; raises `ValueError` for a scenario nobody knows."""
        unknown = sorted(set(self.scenario_weights) - set(STANDARD_MIX))
        if unknown:
            message = f"world {self.name!r}: no such scenarios {unknown}"
            raise ValueError(message)
        return STANDARD_MIX | self.scenario_weights


_COMPANIES: Final = (
    CompanySpec(
        company_id="1100",
        currency="USD",
        country="US",
        document_style="dashed",
        bank_account="7730041952",
        bank_id="129900418",
        channels={"ach": 6, "wire": 4},
        share=3.4,
    ),
    CompanySpec(
        company_id="1200",
        currency="USD",
        country="US",
        document_style="plain",
        bank_account="0051873306",
        bank_id="099900629",
        lockbox="0640918",
        channels={"lockbox": 5, "ach": 3, "wire": 1},
        share=2.6,
    ),
    CompanySpec(
        company_id="2100",
        currency="EUR",
        country="DE",
        document_style="slashed",
        bank_account="DE79990700100931846201",
        bank_id="RHEADE99",
        channels={"camt02": 3, "camt08": 2},
        share=2.4,
    ),
    CompanySpec(
        company_id="2300",
        currency="EUR",
        country="NL",
        document_style="lettered",
        bank_account="NL23POLD0300065264",
        bank_id="POLDNL99",
        channels={"camt02": 1, "camt08": 3},
        share=1.6,
    ),
)

_BASE: Final = WorldSpec(
    name="demo",
    seed=1,
    payment_count=5_400,
    open_item_count=31_000,
    customer_count=2_500,
    companies=_COMPANIES,
)

_FLAWS: Final = (
    "ref_letter_for_digit",
    "ref_digit_wrong",
    "ref_digits_swapped",
    "ref_clipped",
    "ref_glued",
    "discount_late",
    "discount_grace",
    "short_coded",
    "short_uncoded",
    "bank_fee",
    "tolerance_under",
    "tolerance_over",
    "overpaid",
    "repeat_of_paid",
    "paid_twice",
    "cancelled_invoice",
    "disputed_item",
    "other_company",
    "name_conflict",
    "ambiguous_single",
    "ambiguous_amounts",
    "ambiguous_combination",
)


_EXCEPTIONS: Final = {
    "ref_structured": 60,
    "ref_text": 40,
    **dict.fromkeys(
        (
            *("amount_large", "write_off_beyond", "discount_beyond", "item_changed"),
            *("says_nothing", "item_locked", "number_twice", "text_cut", "advice_later"),
            *("advice_off", "advice_partly", "tax_kept", "withheld"),
            *("discount_excess", "partial_ref", "short_coded", "overpaid", "cancelled_invoice"),
            *("disputed_item", "repeat_of_paid", "paid_twice", "other_company", "name_conflict"),
            *("discount_twice", "claimed_before", "payer_inactive", "ambiguous_total"),
            *("short_again", "pays_another", "number_unknown", "bank_fee", "short_uncoded"),
            *("tolerance_under", "tolerance_over", "discount_late", "ambiguous_single"),
            *("ambiguous_amounts", "ambiguous_combination", "not_receivable"),
        ),
        12,
    ),
}
"""Every payment but a few is one a clerk must hear of."""

_STRICT_POLICY: Final = """[automation]
amount_limit = "400000"
write_off_limit = "12.00"
discount_limit = "150.00"

[tolerance]
under = { amount = "30.00", percent = "0.5" }

[tax]
rates = ["19"]

[withholding]
rates = ["10"]
"""
"""Limits and rates without which some exceptions are never raised."""

_RETURNS: Final = {
    "ref_structured": 60,
    "ref_text": 40,
    **dict.fromkeys(
        (
            *("returned_payment", "recalled_payment", "return_of_posted", "return_of_nothing"),
            *("two_want_one", "other_currency", "customer_by_hand", "paid_twice"),
        ),
        20,
    ),
}
"""Money that comes back on the same days or later, and what nobody may decide alone."""

_BY_HAND_POLICY: Final = """[profile.by_hand.automation]
hold = true
"""
_STALE_POLICY: Final = """[automation]
stale_days = 3
"""
"""Open items of a world are at least four days old on its last day."""

_PLANS: Final = {
    **dict.fromkeys(("ref_structured", "ref_text", "amount_single"), 60),
    **dict.fromkeys(("installment_next", "installment_unclear", "new_account"), 60),
}
"""Documents in installments, and payers with a new account."""

_INFEASIBLE: Final = {"amount_infeasible": 60, "amount_single": 60, "amount_subset": 60}
"""One in three payments without a reference pays something the open items do not have."""


def _variant(name: str, seed: int, **changes: object) -> WorldSpec:
    small = {"payment_count": 2_000, "open_item_count": 12_000, "customer_count": 1_000}
    return msgspec.structs.replace(_BASE, name=name, seed=seed, **(small | changes))


NAMED_SPECS: Final[dict[str, WorldSpec]] = {
    "demo": _BASE,
    "price_list": _variant("price_list", 2, amount_style="price_list"),
    "rent": _variant("rent", 3, amount_style="rent"),
    "whole_dollar": _variant("whole_dollar", 4, amount_style="whole_dollar"),
    "unknown_payers": _variant("unknown_payers", 5, unknown_payer_share=0.30, damage="heavy"),
    "dense_numbers": _variant(
        "dense_numbers",
        6,
        dense_numbers=True,
        scenario_weights={"ref_digit_wrong": 90, "ref_digits_swapped": 70, "ref_clipped": 40},
    ),
    "infeasible": _variant("infeasible", 8, scenario_weights=_INFEASIBLE),
    "infeasible_prices": _variant(
        "infeasible_prices", 9, amount_style="price_list", scenario_weights=_INFEASIBLE
    ),
    "infeasible_rent": _variant(
        "infeasible_rent", 10, amount_style="rent", scenario_weights=_INFEASIBLE
    ),
    "infeasible_dollars": _variant(
        "infeasible_dollars", 11, amount_style="whole_dollar", scenario_weights=_INFEASIBLE
    ),
    "due_rent": _variant("due_rent", 12, amount_style="rent", payers_choose="what_is_due"),
    "due_prices": _variant(
        "due_prices", 13, amount_style="price_list", payers_choose="what_is_due"
    ),
    "exceptions": _variant(
        "exceptions",
        14,
        policy=_STRICT_POLICY,
        unknown_payer_share=0.01,
        scenario_weights=dict.fromkeys(STANDARD_MIX, 0) | _EXCEPTIONS,
    ),
    "returns": _variant(
        "returns",
        15,
        policy=_BY_HAND_POLICY,
        in_two_runs=True,
        unknown_payer_share=0.01,
        scenario_weights=dict.fromkeys(STANDARD_MIX, 0) | _RETURNS,
    ),
    "stale_items": _variant(
        "stale_items",
        16,
        policy=_STALE_POLICY,
        unknown_payer_share=0.0,
        scenario_weights=dict.fromkeys(STANDARD_MIX, 0) | {"items_stale": 1},
    ),
    "file_faults": _variant(
        "file_faults", 17, with_file_faults=True, scenario_weights={"paid_twice": 0}
    ),
    "plans": _variant(
        "plans",
        18,
        unknown_payer_share=0.01,
        scenario_weights=dict.fromkeys(STANDARD_MIX, 0) | _PLANS,
    ),
    "clean": _variant(
        "clean",
        7,
        damage="none",
        unknown_payer_share=0.0,
        scenario_weights=dict.fromkeys(_FLAWS, 0.0),
    ),
}
"""The worlds with a name; `demo` is the one `tieout demo` shows."""


def named_spec(name: str) -> WorldSpec:
    """The world called `name`; raises `ValueError` that lists the names there are."""
    try:
        return NAMED_SPECS[name]
    except KeyError:
        message = f"no world is called {name!r}; there are {', '.join(sorted(NAMED_SPECS))}"
        raise ValueError(message) from None


def scaled_spec(
    spec: WorldSpec, payment_count: int, open_item_count: int, *, with_bank_files: bool = False
) -> WorldSpec:
    """`spec` at another size, with as many items per customer as before; tables only by default."""
    per_customer = spec.open_item_count / spec.customer_count
    return msgspec.structs.replace(
        spec,
        payment_count=payment_count,
        open_item_count=open_item_count,
        customer_count=max(len(spec.companies) * 4, round(open_item_count / per_customer)),
        with_bank_files=with_bank_files,
    )
