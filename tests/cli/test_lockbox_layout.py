"""`--lockbox-layout`: a user's own layouts of lockbox files, as the documentation shows them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from parsers.errors import LayoutError
from parsers.lockbox_layout_files import LOCKBOX_LAYOUTS, read_layouts
from tieout.commands import main
from tieout.exit_codes import ExitCode

FORMATS = Path(__file__).parents[2] / "docs" / "formats.md"
EXAMPLE = re.search(r"```toml\n(.*?)```", FORMATS.read_text(encoding="utf-8"), re.DOTALL)[1]

FILE = "\n".join(
    [
        "5001   007712311092026CAD",
        f"6001001000000030000121000248{'4402207781':>17}0000000017"
        f"{'HARBOUR FREIGHT':<30}{'INV-1':<12}0000010000",
        f"4001001019{'INV-2':<12}00000250000000001000D1{'CM-9':<12}-0000050000000000000",
        "7001   00771230001000000030000",
        "8      00771230001000000030000",
        "900000006",
    ]
)


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(EXAMPLE, encoding="utf-8")
    return path


def write(tmp_path, text=FILE):
    path = tmp_path / "acme.txt"
    path.write_text(text, encoding="ascii")
    return path


def test_the_layout_of_the_documentation_reads_a_file(tmp_path, own, capsys):
    out = tmp_path / "out"
    arguments = ["parse", str(write(tmp_path)), "--lockbox-layout", str(own), "--out", str(out)]
    assert main([*arguments, "--json"]) == ExitCode.DONE
    report = json.loads(capsys.readouterr().out)
    assert report["files"][0]["dialect"] == "lockbox.acme.wide.1"
    assert report["diagnostics"] == []
    (payment,) = pq.read_table(out / "payments.parquet").to_pylist()
    assert (str(payment["amount"]), payment["currency"]) == ("300.0000", "CAD")
    assert str(payment["booking_date"]) == "2026-09-11"
    assert payment["payer_account"] == "121000248/4402207781"
    lines = pq.read_table(out / "remittance_lines.parquet").to_pylist()
    assert [(line["reference"], str(line["amount"])) for line in lines] == [
        ("INV-1", "100.0000"),
        ("INV-2", "250.0000"),
        ("CM-9", "-50.0000"),
    ]


def test_match_reads_with_own_layouts_and_names_their_file_as_input(tmp_path, own):
    items = tmp_path / "items.csv"
    items.write_text(
        "open_item_id,customer_id,document_number,currency,open_amount\nI1,C1,INV-1,CAD,100.00\n",
        encoding="utf-8",
    )
    out = tmp_path / "run"
    arguments = ["match", str(write(tmp_path)), "--open-items", str(items), "--out", str(out)]
    assert main([*arguments, "--lockbox-layout", str(own)]) == ExitCode.DONE
    inputs = json.loads((out / "summary.json").read_text(encoding="utf-8"))["inputs"]
    (layout,) = [given for given in inputs if given["role"] == "lockbox_layout"]
    assert (layout["source_file"], layout["rows"]) == ("own.toml", 1)


@pytest.mark.parametrize(
    ("old", "new", "path", "said"),
    [
        ("amount = [7, 19]", "", "check", "missing required field `amount`"),
        ("amount = [7, 19]", 'amount = [7, "x"]', "check.amount[1]", "Expected `int`"),
        ("amount = [7, 19]", "amount = [7, 19]\nbank = 1", "check", "unknown field `bank`"),
        ("amount = [7, 19]", "amount = [19, 7]", "check.amount", "are no columns of a record"),
        ("amount = [7, 19]", "amount = [7, 21]", "check.routing", "overlaps check.amount"),
        ("remitter = [55, 85]", "remitter = [55, 321]", "check.remitter", "are no columns"),
        ('mask = "DDMMYYYY"', 'mask = "DDMMYY"', "batch_header.date.mask", "does not fill 8"),
        ('mask = "DDMMYYYY"', 'mask = "DDDDYYYY"', "batch_header.date.mask", "must name year"),
        ('text = "7"', 'text = "6"', "check.marks", "may be this one and batch_total"),
        ('text = "7"', 'text = "77"', "batch_total.marks[0].text", "does not fill 1 columns"),
        ("decimals = 2 ", "decimals = 9 ", "decimals", "9 is none of 0 to 6"),
        ("document = [10, 22], ", "", "overflow[0].entries[0].document", "is missing"),
        ("count = [1, 9]", "count = [1, 60]", "file_total.count", "a number has at most 18"),
        ("width = 120 ", "width = 0 ", "width", "0 is none of 1 to"),
    ],
)
def test_a_layout_that_breaks_a_rule_names_file_layout_and_key(
    tmp_path, capsys, old, new, path, said
):
    own = tmp_path / "own.toml"
    assert old in EXAMPLE
    own.write_text(EXAMPLE.replace(old, new, 1), encoding="utf-8")
    assert main(["parse", str(write(tmp_path)), "--lockbox-layout", str(own)]) == ExitCode.CONFIG
    told = capsys.readouterr().err
    assert f"own.toml: acme.wide.1: {path}: " in told
    assert said in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds 0 layouts"),
        ("[[x", "is no TOML"),
        ("[acme]\ntitle = 'x'", "acme: a layout is named bank.variant.version"),
        ("['acme.wide.0']\ntitle = 'x'", "a layout is named bank.variant.version"),
        ("['acme.wide.1']\nname = 'x'", "name: the table's key is the name"),
        ("'acme.wide.1' = 5", "Expected `object`"),
    ],
)
def test_a_file_that_holds_no_layouts_says_why(text, said):
    with pytest.raises(LayoutError, match=re.escape(said)):
        read_layouts(text, "own.toml")


def test_a_layout_file_that_is_not_there_exits_66(tmp_path):
    arguments = ["parse", str(write(tmp_path)), "--lockbox-layout", str(tmp_path / "none.toml")]
    assert main(arguments) == ExitCode.MISSING


def test_own_layouts_come_before_those_that_ship(tmp_path, capsys):
    shipped = (Path(__file__).parents[2] / "parsers" / "lockbox_layouts.toml").read_text(
        encoding="utf-8"
    )
    own = tmp_path / "own.toml"
    own.write_text(shipped.replace("sap.flb2.1", "acme.sap.1"), encoding="utf-8")
    golden = Path(__file__).parents[1] / "golden" / "lockbox" / "two_batches.lockbox.txt"
    assert main(["parse", str(golden), "--lockbox-layout", str(own), "--json"]) == ExitCode.DONE
    report = json.loads(capsys.readouterr().out)
    assert report["files"][0]["dialect"] == "lockbox.acme.sap.1"
    assert "acme.sap.1" not in LOCKBOX_LAYOUTS
