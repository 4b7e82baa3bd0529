"""The bench of quality on tiny worlds: a line of its kind, and a table a person can read."""

from __future__ import annotations

from bench.quality import QualityRecord, main
from bench.record import last_line


def test_worlds_are_judged_and_a_line_is_kept(tmp_path, capsys):
    history = tmp_path / "history.jsonl"
    command = ["--payments", "300", "--worlds", "demo", "infeasible", "--history", str(history)]
    assert main([*command, "--date", "2026-01-31"]) == 0
    record = last_line(QualityRecord, history)
    assert [one.world for one in record.worlds] == ["demo", "infeasible"]
    assert all(one.payments == 300 and 0.3 < one.decided <= 1 for one in record.worlds)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("world")
    assert shown[3].startswith("infeasible")
    assert shown[5].startswith("scenario")
    left = {name: record.worlds[0].code_of[name] for name in ("not_receivable", "unknown_payer")}
    assert all(0 < right <= total for right, total in left.values())
