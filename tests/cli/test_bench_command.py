"""`tieout bench`: the figures are those of a whole job over a world of the size that was asked."""

from __future__ import annotations

import json

from tieout.commands import main


def test_a_bench_tells_stages_and_what_was_wrong(capfd):
    assert main(["bench", "--payments", "200", "--seed", "3", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["payments"] >= 200
    assert told["open_items"] > told["payments"]
    assert 0.7 * told["payments"] < told["decided"] <= told["payments"]
    assert told["wrong"] == 0
    assert {"read_bank_files", "index", "write"} & set(told["stages"])
    assert told["seconds"] >= max(told["stages"].values()) > 0


def test_a_bench_of_nothing_is_wrong_usage(capfd):
    assert main(["bench", "--payments", "0"]) == 2
    assert "--payments" in capfd.readouterr().err
