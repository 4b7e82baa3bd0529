"""A world in every format: each payment in one file, read as it was meant, without a word."""

from collections import Counter

import msgspec
import pytest

from parsers.bank_files import parse_bank_file
from parsers.tables import read_bank_accounts
from tieout.worlds import generate_world, named_spec, scaled_spec, write_world

SPEC = msgspec.structs.replace(
    scaled_spec(named_spec("demo"), 400, 3_000, with_bank_files=True), all_formats=True
)
FORMATS = {"bai2", "camt.053", "lockbox", "mt940", "edi820", "nacha"}


@pytest.fixture(scope="module")
def world():
    return generate_world(SPEC)


@pytest.fixture(scope="module")
def files(world, tmp_path_factory):
    """Name → the parsed file."""
    folder = tmp_path_factory.mktemp("world")
    write_world(world, folder)
    accounts = read_bank_accounts(folder / "bank_accounts.csv")
    return {
        path.name: parse_bank_file(path.read_bytes(), path.name, accounts)
        for path in sorted((folder / "bank").iterdir())
    }


def of(files, form):
    return [one for one in files.values() if form in one.payments.strings("source_format")[:1][0]]


def test_every_format_is_there_and_nothing_is_said_about_any_file(files):
    found = {one.payments.strings("source_format")[0] for one in files.values()}
    assert all(any(form in one for one in found) for form in FORMATS), found
    for name, one in files.items():
        said = one.diagnostics.record_batch.to_pylist()
        assert said == [], name
        checks = one.control_checks.record_batch.to_pylist()
        assert all(check["ok"] for check in checks), name
        codes = {*one.payments.strings("intake_codes")} - {"IN-NONAR"}
        assert codes == {""}, name


def test_every_payment_of_the_world_stands_in_one_file(world, files):
    meant = Counter(
        (row["currency"], int(row["amount"] * 100)) for row in world.tables["payments"].to_pylist()
    )
    read = Counter()
    for one in files.values():
        currencies = one.payments.strings("currency")
        read += Counter(zip(currencies, one.payments.int64("amount_minor").tolist(), strict=True))
    assert read == meant


@pytest.mark.parametrize("form", ["edi820", "nacha"])
def test_orders_name_payers_accounts_and_documents_that_add_up(world, files, form):
    lines = {}
    for row in world.tables["remittances"].to_pylist():
        lines.setdefault(row["payment_reference"], []).append(row["reference"])
    told = {row["payment_id"]: row for row in world.tables["payments"].to_pylist()}
    meant = Counter(
        (told[key]["payer_name"].strip(), tuple(references)) for key, references in lines.items()
    )
    count = 0
    for one in of(files, form):
        named = {}
        for line in one.remittances.record_batch.to_pylist():
            named.setdefault(line["payment_id"], []).append(line["reference"])
        for row in one.payments.record_batch.to_pylist():
            count += 1
            assert meant[row["payer_name"], tuple(named[row["payment_id"]])]
    assert count > 5


def test_statement_lines_say_payer_account_and_text(world, files):
    meant = Counter(
        (row["payer_name"].strip(), row["payer_account"] or "", row["remittance_text"] or "")
        for row in world.tables["payments"].to_pylist()
    )
    count = 0
    for one in of(files, "mt940"):
        for row in one.payments.record_batch.to_pylist():
            count += 1
            assert meant[row["payer_name"], row["payer_account"], row["remittance_text"]], row
    assert count > 20
