"""Worlds: deterministic, footed, readable by the parsers, and honest about what is decidable."""

from collections import Counter
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import msgspec
import pytest
from lxml import etree

from engine.exception_codes import EXCEPTION_CODES
from parsers.bank_files import parse_bank_file
from parsers.tables import read_advices, read_bank_accounts, read_customers, read_open_items
from parsers.tables import read_payments as read_payment_table
from tieout.worlds import generate_world, named_spec, scaled_spec, write_world
from tieout.worlds.accounts import creditor_reference, iban, routing_number
from tieout.worlds.codes_played import NOT_PLAYED, SCENARIO_OF_CODE
from tieout.worlds.dice import Dice
from tieout.worlds.file_faults import FILE_FAULTS
from tieout.worlds.names import coin_name, other_legal_form, typo
from tieout.worlds.payments import SCENARIOS
from tieout.worlds.references import DAMAGES
from tieout.worlds.spec import NAMED_SPECS, STANDARD_MIX

SMALL = scaled_spec(named_spec("demo"), 900, 6_000, with_bank_files=True)
SCHEMAS = Path(__file__).resolve().parents[2] / ".." / "shared" / "xsd"


@pytest.fixture(scope="module")
def world():
    """A small world of every kind of payment."""
    return generate_world(SMALL)


@pytest.fixture(scope="module")
def written(world, tmp_path_factory):
    """The small world as a directory."""
    folder = tmp_path_factory.mktemp("world")
    write_world(world, folder)
    return folder


@pytest.fixture(scope="module")
def parsed(written):
    """Every bank file of the small world, read by the parsers."""
    accounts = read_bank_accounts(written / "bank_accounts.csv")
    paths = sorted((written / "bank").iterdir())
    return [parse_bank_file(path.read_bytes(), path.name, accounts) for path in paths]


def rows(world, name):
    return world.tables[name].to_pylist()


def by_key(world):
    return {row["key"]: row for row in rows(world, "truth_payments")}


def truth_lines(world):
    lines = {}
    for row in rows(world, "truth"):
        lines.setdefault(row["key"], []).append(row)
    return lines


def key_of(payment):
    reference = payment["bank_reference"]
    digits = reference[2:] if reference.startswith("BK") else payment["check_number"]
    return digits[-9:].zfill(9)


def test_the_same_spec_gives_the_same_bytes(world):
    again = generate_world(SMALL)
    assert again.bank_files == world.bank_files
    assert all(again.tables[name].equals(table) for name, table in world.tables.items())


def test_another_seed_gives_another_world(world):
    other = generate_world(msgspec.structs.replace(SMALL, seed=2))
    assert not other.tables["payments"].equals(world.tables["payments"])


def test_every_scenario_of_the_mix_is_known_and_played(world):
    assert set(STANDARD_MIX) == set(SCENARIOS)
    played = Counter(row["scenario"] for row in rows(world, "truth_payments"))
    common = {name for name, weight in STANDARD_MIX.items() if weight >= 12}
    assert common <= set(played)
    assert played["unknown_payer"] + played["unknown_similar"] + played["unknown_namesake"] > 5


def test_an_unknown_scenario_is_refused_by_name():
    spec = msgspec.structs.replace(SMALL, scenario_weights={"ref_by_telepathy": 1})
    with pytest.raises(ValueError, match="ref_by_telepathy"):
        generate_world(spec)


def test_an_unknown_world_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"'mars'.*demo.*rent"):
        named_spec("mars")


def test_a_world_without_enough_items_says_what_to_change():
    spec = msgspec.structs.replace(SMALL, payment_count=4_000, open_item_count=400)
    with pytest.raises(ValueError, match="more items or fewer payments"):
        generate_world(spec)


def test_the_demo_is_as_large_as_promised():
    demo = named_spec("demo")
    assert (demo.payment_count, demo.open_item_count) >= (5_000, 30_000)
    assert len(demo.companies) == 4
    assert {company.currency for company in demo.companies} == {"USD", "EUR"}


@pytest.mark.parametrize("name", sorted(set(NAMED_SPECS) - {"demo"}))
def test_named_worlds_are_made_at_a_small_size(name):
    spec = scaled_spec(named_spec(name), 250, 2_500)
    world = generate_world(spec)
    assert world.tables["payments"].num_rows == 250
    # What nobody listed is paid all the same, by one to three items a payment.
    beside = ("says_nothing", "advice_later", "number_unknown")
    scenarios = [row["scenario"] for row in rows(world, "truth_payments")]
    unlisted = sum(one == "amount_infeasible" or one in beside for one in scenarios)
    listed = world.tables["open_items"].num_rows
    assert 2_500 - 3 * unlisted <= listed <= 2_500 - unlisted
    assert bool(unlisted) == (name == "exceptions" or name.startswith("infeasible"))
    assert not world.bank_files


def test_a_third_of_the_payers_is_unknown_where_the_world_says_so():
    world = generate_world(scaled_spec(named_spec("unknown_payers"), 600, 4_000))
    scenarios = [row["scenario"] for row in rows(world, "truth_payments")]
    share = sum(name.startswith("unknown") for name in scenarios) / len(scenarios)
    assert 0.24 < share < 0.36


def test_amounts_follow_their_style():
    amounts = {}
    for style in ("rent", "whole_dollar", "price_list"):
        world = generate_world(scaled_spec(named_spec(style), 100, 2_000))
        items = [r["open_amount"] for r in rows(world, "open_items") if r["status"] == "open"]
        amounts[style] = [value for value in items if value > 0]
    assert Counter(value % 1 == 0 for value in amounts["whole_dollar"]).most_common(1)[0][0]
    assert sum(value % 25 == 0 for value in amounts["rent"]) > 0.9 * len(amounts["rent"])
    assert len(set(amounts["price_list"])) < 0.6 * len(amounts["price_list"])


def test_dense_numbers_leave_no_gaps():
    world = generate_world(scaled_spec(named_spec("dense_numbers"), 100, 2_000))
    numbers = [r["document_number"] for r in rows(world, "open_items") if r["company_id"] == "1100"]
    serials = [int(number[-6:]) for number in numbers]
    assert serials == list(range(serials[0], serials[0] + len(serials)))


def test_each_payment_has_one_truth_and_its_cash_adds_up(world):
    truth, lines = by_key(world), truth_lines(world)
    payments = {key_of(row): row for row in rows(world, "payments")}
    assert set(payments) == set(truth)
    for key, row in truth.items():
        cash = sum((line["cash"] for line in lines.get(key, [])), Decimal(0))
        assert payments[key]["amount"] == row["amount"]
        if key in lines:
            assert cash + row["on_account"] == row["amount"], row
        else:
            assert row["expect"] == "exception", row


def test_no_item_is_paid_twice_or_beyond_what_is_open(world):
    open_amounts = {row["open_item_id"]: row["open_amount"] for row in rows(world, "open_items")}
    booked = Counter()
    for line in rows(world, "truth"):
        booked[line["open_item_id"]] += (
            line["cash"] + line["discount"] + line["deduction"] + line["write_off"]
        )
    for item, amount in booked.items():
        assert abs(amount) <= abs(open_amounts[item])
        assert amount * open_amounts[item] > 0


def test_an_amount_expected_to_be_unique_fits_no_single_item_or_pair_else(world):
    items = {}
    for row in rows(world, "open_items"):
        if row["status"] in ("open", "disputed"):
            items.setdefault(row["customer_id"], {})[row["open_item_id"]] = row["open_amount"]
    lines = truth_lines(world)
    unique = [row for row in rows(world, "truth_payments") if row["expect"] == "auto_if_unique"]
    assert len(unique) > 50
    for row in unique:
        wanted = {line["open_item_id"] for line in lines[row["key"]]}
        for size in (1, 2):
            for chosen in combinations(items[row["customer_id"]].items(), size):
                if sum(amount for _, amount in chosen) == row["amount"]:
                    assert {item for item, _ in chosen} == wanted, row


def test_a_damaged_number_that_is_another_items_is_left_to_a_clerk():
    world = generate_world(scaled_spec(named_spec("dense_numbers"), 500, 4_000))
    numbers = {(r["company_id"], r["document_number"]) for r in rows(world, "open_items")}
    said = {}
    for line in rows(world, "remittances"):
        said.setdefault(line["payment_reference"][1:], []).append(line["reference"])
    damaged = [r for r in rows(world, "truth_payments") if r["scenario"] == "ref_digit_wrong"]
    hits = [r for r in damaged if (r["company_id"], said.get(r["key"], [""])[0]) in numbers]
    assert len(hits) > 5
    assert {row["expect"] for row in hits} == {"exception"}


def test_planted_ambiguity_really_fits_twice(world):
    items = {}
    for row in rows(world, "open_items"):
        if row["status"] == "open":
            items.setdefault(row["customer_id"], []).append(row["open_amount"])
    planted = [r for r in rows(world, "truth_payments") if r["scenario"] == "ambiguous_single"]
    assert planted
    for row in planted:
        assert items[row["customer_id"]].count(row["amount"]) >= 2


def test_the_parsers_read_back_every_payment_and_nothing_else(world, parsed):
    truth = by_key(world)
    found = [row for file in parsed for row in file.payments.record_batch.to_pylist()]
    assert len(found) == len(truth)
    assert {key_of(row) for row in found} == set(truth)
    for row in found:
        assert Decimal(row["amount_minor"]).scaleb(-2) == truth[key_of(row)]["amount"]


def test_bank_files_foot_and_carry_rows_that_are_no_payments(parsed):
    counted = Counter()
    for file in parsed:
        assert len(file.diagnostics) == 0, file.source_file
        assert all(file.control_checks.record_batch.column("ok").to_pylist())
        assert len(file.control_checks) > 0
        counted.update(file.counted_rows)
    assert counted["debit"] > 10
    assert counted["pending"] > 0


def test_names_accounts_texts_and_lines_survive_the_files(world, parsed):
    shown = {key_of(row): row for row in rows(world, "payments")}
    lines = Counter(row["payment_reference"][1:] for row in rows(world, "remittances"))
    for file in parsed:
        counts = Counter(file.remittances.strings("payment_id"))
        for row in file.payments.record_batch.to_pylist():
            table = shown[key_of(row)]
            assert row["payer_name"] == table["payer_name"]
            assert row["payer_account"].replace("/00", "/").replace("/0", "/") == (
                table["payer_account"].replace("/0", "/")
            )
            assert row["remittance_text"].split() == table["remittance_text"].split()
            assert counts[row["payment_id"]] == lines[key_of(row)]


def test_tables_are_read_by_the_table_readers(world, written):
    assert len(read_open_items(written / "open_items.csv")) == SMALL.open_item_count
    assert len(read_customers(written / "customers.csv")) == SMALL.customer_count
    assert len(read_payment_table(written / "payments.csv")) == SMALL.payment_count
    advices = read_advices(written / "remittances.csv")
    assert len(advices) == world.tables["remittances"].num_rows


def test_parquet_tables_hold_the_same_rows(world, written, tmp_path):
    write_world(world, tmp_path, "parquet")
    for name in ("payments", "open_items"):
        assert (tmp_path / f"{name}.parquet").is_file()
    from_csv = read_open_items(written / "open_items.csv")
    assert read_open_items(tmp_path / "open_items.parquet") == from_csv


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the official schemas are not beside the project")
@pytest.mark.parametrize("version", ["02", "08"])
def test_camt_files_are_valid_by_their_schema(world, version):
    schema = etree.XMLSchema(etree.parse(SCHEMAS / f"camt.053.001.{version}.xsd"))
    files = [name for name in world.bank_files if name.endswith(f".{version}.xml")]
    assert len(files) == 2
    for name in files:
        schema.assertValid(etree.fromstring(world.bank_files[name]))


def test_check_digits_are_the_published_ones():
    assert iban("DE", "370400440532013000") == "DE89370400440532013000"
    assert creditor_reference("539007547034") == "RF18539007547034"
    assert routing_number(12100024) == "121000248"


def test_a_namesake_has_another_legal_form_and_the_same_core():
    dice = Dice(3)
    for country in ("US", "DE", "NL"):
        name = coin_name(dice, country)
        twin = other_legal_form(dice, name)
        assert twin.core == name.core
        assert twin.legal_form[:3].upper() != name.legal_form[:3].upper()


def test_a_typo_changes_a_name_a_little():
    dice = Dice(5)
    changed = [typo(dice, "Bramholt Bearings Inc.") for _ in range(50)]
    assert all(abs(len(text) - 22) <= 1 and text[0] == "B" for text in changed)
    assert sum(text != "Bramholt Bearings Inc." for text in changed) > 40


@pytest.mark.parametrize("document", ["SI-041807", "70041807", "26/VK/041807", "FV26041807"])
@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_damage_leaves_something_of_the_number(damage, document):
    dice = Dice(11)
    texts = {DAMAGES[damage](dice, document) for _ in range(30)}
    assert all(len(text) >= 4 for text in texts)
    assert all(sum(c.isalnum() for c in text) <= len(document) for text in texts)


def test_payments_of_items_nobody_listed_have_no_truth_to_apply():
    world = generate_world(scaled_spec(named_spec("infeasible"), 300, 3_000))
    paid = {row["key"] for row in rows(world, "truth")}
    infeasible = [
        row for row in rows(world, "truth_payments") if row["scenario"] == "amount_infeasible"
    ]
    assert infeasible
    for row in infeasible:
        assert row["key"] not in paid
        assert row["expect"] == "exception"
        assert "AMT-NOMATCH" in row["expected_codes"].split(";")


def test_every_exception_code_is_played_or_says_why_not():
    assert not SCENARIO_OF_CODE.keys() & NOT_PLAYED.keys()
    assert list(EXCEPTION_CODES) == [
        code for code in EXCEPTION_CODES if code in SCENARIO_OF_CODE or code in NOT_PLAYED
    ]
    strangers = {"unknown_payer", "unknown_namesake"}
    known = {*SCENARIOS, *strangers, *(fault.scenario for fault in FILE_FAULTS)}
    assert set(SCENARIO_OF_CODE.values()) <= known
    assert SCENARIO_OF_CODE.keys() | NOT_PLAYED.keys() == EXCEPTION_CODES.keys()
    root = Path(__file__).resolve().parents[2]
    engine = [path for path in (root / "engine").glob("*.py") if path.name != "exception_codes.py"]
    raised, cases = (
        "".join(path.read_text("utf-8") for path in paths)
        for paths in (engine, (root / "tests" / "cases").glob("*.txt"))
    )
    assert all(code in cases for code in NOT_PLAYED if f'"{code}"' in raised)


def test_a_scenario_expects_the_code_it_is_played_for():
    """In the truth of small worlds, payment by payment."""
    expected: dict[str, set[str]] = {}
    for name in ("demo", "exceptions", "returns", "stale_items", "infeasible", "plans"):
        spec = scaled_spec(named_spec(name), 1_500, 12_000)
        for row in rows(generate_world(spec), "truth_payments"):
            expected.setdefault(row["scenario"], set()).update(row["expected_codes"].split(";"))
    for code, scenario in SCENARIO_OF_CODE.items():
        if not scenario.startswith("file_"):
            found = expected[f"{scenario}_second" if scenario == "paid_twice" else scenario]
            assert code in found, (code, scenario)
    faults = {fault.scenario: fault.code for fault in FILE_FAULTS}
    for code, scenario in SCENARIO_OF_CODE.items():
        assert not scenario.startswith("file_") or faults[scenario] == code
