"""Builds a world from its spec: customers, items, payments with their truth, bank files.

Everything is drawn from one seeded generator in a fixed order: the same spec gives the same world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tieout.worlds import tables
from tieout.worlds.bank_files import render_bai2, render_lockbox, yymmdd
from tieout.worlds.camt_files import render_camt053
from tieout.worlds.customers import build_customers
from tieout.worlds.dice import Dice
from tieout.worlds.file_faults import expect_faults, with_faults
from tieout.worlds.open_items import build_open_items
from tieout.worlds.other_files import (
    fits_mt940,
    fits_order,
    render_mt940,
    render_nacha,
    render_x12,
)
from tieout.worlds.payments import plan_payments
from tieout.worlds.planner import Planner
from tieout.worlds.spec import WorldSpec  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.worlds.bank_files import KeyedDraft
    from tieout.worlds.spec import CompanySpec

__all__ = ["World", "generate_world"]

_KEY_FIRST: Final = 204_000_001
_KEY_STEP: Final = 3


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A world in memory: tables (`pa.Table`) by file name and bank files by name.

    Tables: `bank_accounts`, `customers`, `open_items`, `payments`, `remittances`, `truth`,
    `truth_payments`; amounts are `decimal128(18, 2)` in major units.
    """

    spec: WorldSpec
    tables: dict[str, Any]
    bank_files: dict[str, bytes]


def _quiet(stage: str, row_count: int) -> None:
    """Observe nothing."""


def generate_world(spec: WorldSpec, observe: Callable[[str, int], None] = _quiet) -> World:
    """The world of `spec`; `observe` is told each stage and its rows as the stage begins.

    Raises `ValueError` where the spec names unknown scenarios or has too few items.
    """
    dice = Dice(spec.seed)
    observe("customers", spec.customer_count)
    customers = build_customers(spec, dice)
    observe("open_items", spec.open_item_count)
    items = build_open_items(spec, dice, customers)
    observe("payments", spec.payment_count)
    plan = Planner(spec, dice, customers, items)
    drafts = plan_payments(plan)
    if spec.with_file_faults:
        expect_faults(spec, drafts, plan.days)
    keyed = [(_KEY_FIRST + at * _KEY_STEP, draft) for at, draft in enumerate(drafts)]
    observe("tables", spec.open_item_count)
    made = tables.make_tables(spec, customers, items, keyed)
    observe("bank_files", spec.payment_count if spec.with_bank_files else 0)
    files = _bank_files(spec, keyed, dice) if spec.with_bank_files else {}
    if spec.with_file_faults:
        files = with_faults(files, [yymmdd(day) for day in plan.days])
    return World(spec=spec, tables=made, bank_files=files)


def _bank_files(spec: WorldSpec, keyed: list[KeyedDraft], dice: Dice) -> dict[str, bytes]:
    """Bank files by name, one per company and kind of file."""
    files: dict[str, bytes] = {}
    for index, company in enumerate(spec.companies):
        own = [one for one in keyed if one[1].company == index]
        if spec.all_formats:
            others, own = _other_files(company, own, dice)
            files |= others
        statement = [one for one in own if one[1].channel in ("ach", "wire")]
        checks = [one for one in own if one[1].channel == "lockbox"]
        if statement:
            files[f"{company.company_id}.bai"] = render_bai2(company, statement, dice)
        if checks:
            files[f"{company.company_id}.lockbox.txt"] = render_lockbox(company, checks)
        for version in ("02", "08"):
            entries = [one for one in own if one[1].channel == f"camt{version}"]
            if entries:
                name = f"{company.company_id}.camt.053.001.{version}.xml"
                files[name] = render_camt053(company, entries, version, dice)
    return files


def _other_files(
    company: CompanySpec, own: list[KeyedDraft], dice: Dice
) -> tuple[dict[str, bytes], list[KeyedDraft]]:
    """Files in other formats, and the payments left for the statements."""
    texts = [one for one in own if one[1].channel == "camt02" and fits_mt940(one[1])]
    orders = [one for one in own if one[1].channel == "ach" and fits_order(one[1])]
    advised, entered = orders[::3], orders[1::3]
    files = {}
    if texts:
        files[f"{company.company_id}.mt940.sta"] = render_mt940(company, texts, dice)
    if advised:
        files[f"{company.company_id}.820.edi"] = render_x12(company, advised)
    if entered:
        files[f"{company.company_id}.ach"] = render_nacha(company, entered)
    taken = {key for key, _ in (*texts, *advised, *entered)}
    return files, [one for one in own if one[0] not in taken]
