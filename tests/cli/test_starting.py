"""What a command loads before it does its work: names of modules, no time is measured."""

import json
import subprocess
import sys

# A module that is loaded by what a command needs anyway cannot stand here; one that stands here
# cost a start at least two milliseconds when it was looked at.
NEVER = {
    *("pyarrow.compute", "pyarrow.csv", "pyarrow.dataset", "pandas", "scipy", "rapidfuzz"),
    *("grpc", "google.protobuf", "lxml", "rich", "asyncio", "sqlite3", "apsw", "anyascii"),
    *("engine.matcher", "engine.policy", "tieout.run_summary", "tieout.intake", "secrets"),
    *("parsers.camt053", "parsers.mt94x", "parsers.x12", "parsers.nacha", "parsers.tables"),
}


def loaded_by(tmp_path, *arguments):
    """The modules in the process after `tieout ARGUMENTS`, and what the collector did meanwhile."""
    script = (
        "import gc, json, sys\n"
        "ran = []\n"
        "gc.callbacks.append(lambda phase, info: ran.append(info['generation']))\n"
        "from tieout.commands import main\n"
        "code = main()\n"
        "told = {'code': code, 'modules': sorted(sys.modules), 'collections': len(ran) // 2,\n"
        "        'frozen': gc.get_freeze_count(), 'enabled': gc.isenabled()}\n"
        "sys.stderr.write(json.dumps(told))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stderr)


def test_parsing_a_bai2_file_loads_nothing_it_does_not_need(ledger, tmp_path):
    told = loaded_by(tmp_path, "parse", ledger / "bank.bai", "--json", "--out", tmp_path / "out")
    assert told["code"] == 0
    assert NEVER & set(told["modules"]) == set()


def test_parsing_without_tables_does_not_load_parquet(ledger, tmp_path):
    told = loaded_by(tmp_path, "parse", ledger / "bank.bai", "--json")
    assert {*NEVER, "pyarrow.parquet"} & set(told["modules"]) == set()


def test_a_start_is_not_searched_for_garbage_and_neither_is_its_end(ledger, tmp_path):
    told = loaded_by(tmp_path, "parse", ledger / "bank.bai", "--json")
    assert told["enabled"]
    assert told["frozen"] > 20_000
    assert told["collections"] < 60
