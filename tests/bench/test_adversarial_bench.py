"""The bench of misleading ledgers on few of them: nothing refuted, a line of its kind, a table."""

from __future__ import annotations

from bench.adversarial import AdversarialRecord, adversarial_page, main
from bench.record import last_line


def test_suites_are_played_and_a_line_is_kept(tmp_path, capsys):
    history = tmp_path / "history.jsonl"
    assert main(["--ledgers", "60", "--history", str(history), "--date", "2026-01-31"]) == 0
    record = last_line(AdversarialRecord, history)
    by_name = {one.suite: one for one in record.suites}
    assert by_name["odd cents"].applied > 0
    assert by_name["dense series with typos"].applied > 50
    assert not any(one.refuted for one in record.suites)
    assert "0 refuted" in capsys.readouterr().out
    assert adversarial_page(record).count("\n") == 8
