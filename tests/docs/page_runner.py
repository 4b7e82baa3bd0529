"""Runs a page for a reader: writes its files, runs its blocks, compares what they print."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path

__all__ = ["ANYTHING", "PageFolder", "blocks"]

ROOT = Path(__file__).resolve().parents[2]
ANYTHING = "…"
"""Stands on a page for whatever a line, or the rest of an output, says."""

_BLOCK = re.compile(
    r"(?:^<!-- file (?P<file>\S+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LANGUAGES = {"bash", "csv", "python", "text", "toml"}
_GRPC, _HTTP = "127.0.0.1:50051", "127.0.0.1:50080"
_START_SECONDS = 120


def blocks(page):
    """`(language, file name or None, text)` of each block of `page`, from top to bottom."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return [(one["language"], one["file"], one["text"]) for one in _BLOCK.finditer(text)]


class PageFolder:
    """The folder that the pages run in, one after the other, and the server that one starts."""

    def __init__(self, folder):
        self.folder = folder
        self.server = None
        self.addresses = {}
        (folder / ".exports").write_text("")

    def run(self, page):
        """Run every block of `page`; gives how many there were of each kind."""
        ran = {"files": 0, "programs": 0, "outputs": 0}
        said = None
        for language, name, text in blocks(page):
            assert language in _LANGUAGES, f"{page}: a block of {language} is not run"
            if name is not None:
                (self.folder / name).write_text(text, "utf-8")
                ran["files"] += 1
            elif language == "text":
                assert said is not None, f"{page}: an output without a program:\n{text}"
                assert is_shown(text, said), f"{page} shows:\n{text}\nbut it says:\n{said}"
                ran["outputs"] += 1
            else:
                said = self._program(page, language, text)
                ran["programs"] += 1
        return ran

    def stop(self):
        """End the server; gives its exit code."""
        self.server.send_signal(signal.SIGTERM)
        return self.server.wait(60)

    def kill(self):
        """End the server whatever it does, where it still runs."""
        if self.server is not None and self.server.poll() is None:
            self.server.kill()
            self.server.wait(60)

    def _program(self, page, language, text):
        if text.startswith("tieout serve"):
            return self._serve(text)
        for told, real in self.addresses.items():
            text = text.replace(told, real)
        words = [sys.executable, "-c", text]
        if language == "bash":
            kept = f"set -aeuo pipefail\nsource .exports\n{text}\nexport -p > .exports\n"
            words = ["bash", "-c", kept]
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{page}:\n{text}\n{done.stdout}{done.stderr}{self._log()}"
        return done.stdout

    def _serve(self, text):
        """Start the server as the page says, on free ports."""
        ports = ("TIEOUT_GRPC_ADDRESS", "TIEOUT_HTTP_ADDRESS", "TIEOUT_METRICS_ADDRESS")
        with (self.folder / "server.log").open("wb") as log:
            self.server = subprocess.Popen(
                ["bash", "-c", f"exec {text}"],
                cwd=self.folder,
                env=self._environment() | dict.fromkeys(ports, "127.0.0.1:0"),
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.addresses = {
            _GRPC: self._told(r"gRPC on (\S+)"),
            _HTTP: self._told(r"JSON on http://([^/\s]+)"),
        }
        return ""

    def _told(self, pattern):
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self.server.poll() is None:
            found = re.search(pattern, self._log())
            if found:
                return found[1]
            time.sleep(0.02)
        message = f"the server did not start:\n{self._log()}"
        raise AssertionError(message)

    def _log(self):
        log = self.folder / "server.log"
        return log.read_text("utf-8") if log.exists() else ""

    def _environment(self):
        programs = Path(sys.executable).parent
        kept = {name: value for name, value in os.environ.items() if "TIEOUT" not in name}
        paths = f"{os.environ['PYTHONPATH']}:{ROOT}"
        return kept | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": paths}


def is_shown(shown, said):
    """Whether each line `shown` stands in `said`, in order; a line `…` is any number of lines."""
    lines = said.splitlines()
    place, may_skip = 0, False
    for line in shown.splitlines():
        if line == ANYTHING:
            may_skip = True
            continue
        pattern = re.sub(r"([\[*?])", r"[\1]", line).replace(ANYTHING, "*")
        while place < len(lines) and not fnmatchcase(lines[place], pattern):
            if not may_skip:
                return False
            place += 1
        if place == len(lines):
            return False
        place, may_skip = place + 1, False
    return may_skip or place == len(lines)
