"""How a real process ends that is interrupted, or meets what nobody foresaw."""

import signal
import subprocess
import sys

import pytest

from tieout.exit_codes import ExitCode

TIEOUT = "import sys; from tieout.commands import main; sys.exit(main())"
MORE_THAN_A_PIPE_HOLDS = b"X" * (1 << 20)


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED, b"tieout: interrupted; nothing was written\n"),
        (signal.SIGTERM, ExitCode.TERMINATED, b"tieout: terminated; nothing was written\n"),
    ],
)
def test_a_signal_ends_a_command_with_its_code_and_leaves_nothing(tmp_path, number, code, said):
    # Tests started in the background may have been told to ignore ^C, and so is what they start.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); " + TIEOUT
    words = [sys.executable, "-c", heard, "parse", "-", "--out", str(tmp_path / "out")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # Once all of this is taken the command reads; its input has not ended, so it waits.
        process.stdin.write(MORE_THAN_A_PIPE_HOLDS)
        process.stdin.flush()
        process.send_signal(number)
        assert process.stderr.read().lstrip() == said  # behind the line that ^C began
    assert process.returncode == code
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_foresaw_is_a_traceback_and_1(ledger, tmp_path):
    broken = "import tieout.parse_job as job; job.run_parse_job = None; " + TIEOUT
    words = [sys.executable, "-c", broken, "parse", str(ledger / "bank.bai")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == ExitCode.INTERNAL
    assert "Traceback" in done.stderr
    assert done.stdout == ""
