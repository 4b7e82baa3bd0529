"""Every example of the page about JSON over HTTP runs and answers what the page shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from web.json_door.problems import HTTP_STATUSES, REFUSAL_STATUSES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api-http.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(bash|python|json)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ANYTHING = "…"
RUN = {"bash": ("bash", "-euo", "pipefail", "-c"), "python": (sys.executable, "-c")}


def examples():
    """Each script and the answers that the page shows behind it."""
    found = []
    for language, text in BLOCKS:
        if language == "json":
            found[-1][2].extend(answers(text))
        else:
            found.append((RUN[language], text, []))
    return found


def is_shown(shown, said):
    """Whether `said` holds what the page shows of it."""
    if shown == ANYTHING:
        return isinstance(said, str)
    if isinstance(shown, dict):
        return isinstance(said, dict) and all(
            name in said and is_shown(value, said[name]) for name, value in shown.items()
        )
    if isinstance(shown, list):
        return len(shown) == len(said) and all(map(is_shown, shown, said))
    return shown == said


def answers(text):
    """The JSON values in `text`, one behind the other."""
    found, decoder = [], json.JSONDecoder()
    while text.strip():
        value, end = decoder.raw_decode(text.lstrip())
        found.append(value)
        text = text.lstrip()[end:]
    return found


@pytest.mark.xdist_group("web")
def test_every_example_runs_and_answers_what_the_page_shows(tmp_path):
    assert shutil.which("curl"), "the examples need curl: apt-get install curl"
    (tmp_path / "statement.bai").write_bytes(bai2_file((129_990, "THANK YOU")))
    with RunningServer(tmp_path, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        for program, script, shown in examples():
            done = subprocess.run(
                [*program, script.replace("http://127.0.0.1:50080", server.url)],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, script + done.stdout + done.stderr
            if shown:
                said = answers(done.stdout)
                assert len(said) == len(shown), done.stdout
                assert all(map(is_shown, shown, said)), done.stdout
            else:
                assert "event: bank_file.processed\ndata: {" in done.stdout


def test_the_page_has_every_status_and_reason():
    codes = dict(re.findall(r"^\| `([A-Z_]+)` \| (\d+)[;| ]", PAGE, re.MULTILINE))
    expected = {code.name: str(status) for code, status in HTTP_STATUSES.items()}
    expected |= {reason.value: str(status) for reason, status in REFUSAL_STATUSES.items()}
    assert codes == expected
    assert list(codes)[len(HTTP_STATUSES) :] == sorted(REFUSAL_STATUSES)
