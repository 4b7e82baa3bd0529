"""`make audit` never passes what it could not ask about."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PIP_AUDIT = """
import json, os, sys
lock = sys.argv[sys.argv.index("--requirement") + 1]
kind = "probe" if "probe" in lock else "lock"
answers = json.loads(os.environ["ANSWERS"])
if answers[kind] is None:
    sys.exit("no network")
print(json.dumps({"dependencies": answers[kind], "fixes": []}))
"""
CYCLONEDX = """
import sys
open(sys.argv[sys.argv.index("--output-file") + 1], "a").close()
"""
BAD = [{"name": "pyyaml", "version": "5.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["6"]}]}]
GOOD = [{"name": "x", "version": "1", "vulns": []}]
SKIPPED = [{"name": "x", "skip_reason": "not found"}]


@pytest.mark.parametrize(
    ("probe", "lock", "code", "told"),
    [
        (BAD, GOOD, 0, "0 known vulnerabilities"),
        (BAD, BAD, 1, "pyyaml 5.1: PYSEC-1, mended in ['6']"),
        (GOOD, GOOD, 1, "knows nothing about pyyaml==5.1"),
        (SKIPPED, GOOD, 1, "cannot be asked"),
        (BAD, SKIPPED, 1, "1 of 1 packages"),
        (BAD, [], 1, "cannot be asked"),
        (None, GOOD, 1, "no network"),
        (BAD, None, 1, "no network"),
    ],
    ids=[
        "clean",
        "vulnerable",
        "empty database",
        "probe skipped",
        "lock skipped",
        "nothing read",
        "no network at all",
        "network lost",
    ],
)
def test_the_audit_passes_only_what_was_asked_about_and_is_clean(tmp_path, probe, lock, code, told):
    (tmp_path / "pip_audit.py").write_text(PIP_AUDIT)
    (tmp_path / "cyclonedx_py.py").write_text(CYCLONEDX)
    answers = json.dumps({"probe": probe, "lock": lock})
    done = subprocess.run(
        [sys.executable, ROOT / "deploy" / "audit.py"],
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "ANSWERS": answers},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code
    assert told in done.stdout + done.stderr


def test_every_lock_of_the_project_is_audited_and_names_a_hash_for_each_package():
    spec = importlib.util.spec_from_file_location("deploy_audit", ROOT / "deploy" / "audit.py")
    audit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(audit)
    there = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.lock")
        if not path.relative_to(ROOT).parts[0].startswith(".")
    }
    assert set(audit.LOCKS) == there
    for lock in audit.LOCKS:
        text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#"]
        packages = [line for line in lines if not line.lstrip().startswith("-")]
        assert packages
        assert all("==" in line and "--hash=sha256:" in line for line in packages), lock
