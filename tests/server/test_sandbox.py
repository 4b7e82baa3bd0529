"""`tieout demo --serve`: a filled server, twice the same, and anew."""

import signal
import subprocess
import sys

import pytest

from tieout.client import Client
from tieout.commands import main
from tieout.v1 import bank_file_service_pb2 as contract

pytestmark = pytest.mark.xdist_group("server")

TIEOUT = "import sys; from tieout.commands import main; sys.exit(main())"
WORDS = ["demo", "--serve", "--no-browser", "--payments", "300"]
ADDRESSES = ["--grpc-address", "127.0.0.1:0", "--http-address", ""]


def start(folder, *more):
    """The sandbox, once it says where it is; gives the process, its address, what it said."""
    words = [sys.executable, "-u", "-c", TIEOUT, *WORDS, *ADDRESSES, "--out", folder, *more]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    said = []
    while not any(line.startswith("Ctrl-C") for line in said):
        line = process.stdout.readline()
        if not line:
            stop(process)
            message = f"it ended: {said}"
            raise AssertionError(message)
        said.append(line)
    (address,) = (line.split()[1] for line in said if line.startswith("gRPC"))
    return process, address, said


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    process.stdout.close()


def test_a_sandbox_is_filled_goes_on_and_begins_anew(tmp_path):
    folder = tmp_path / "box"
    process, address, said = start(folder)
    with Client(address) as client:
        request = contract.ListBankFilesRequest()
        files = client.call(request, contract.ListBankFilesResponse).bank_files
    stop(process)
    assert sum(one.payment_count for one in files) > 50
    assert {one.state for one in files} == {
        contract.BANK_FILE_STATE_PROCESSED,
        contract.BANK_FILE_STATE_HELD,
    }
    formats = {one.source_format for one in files}
    assert {"bai2", "camt.053", "edi820", "lockbox", "mt940", "nacha"} <= formats
    assert "no-bank-file.txt: refused, NOT_A_BANK_FILE\n" in said
    assert (folder / "world" / "truth.csv").exists()
    process, _, again = start(folder)
    stop(process)
    known = [line for line in again if ": known, " in line]
    assert len(known) == len(files)


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    assert main([*WORDS, "--out", str(tmp_path), "--reset"]) == 2
    assert (tmp_path / "thesis.tex").exists()
