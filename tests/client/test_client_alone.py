"""The client's own wheel, in an environment with gRPC and protobuf and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer

ROOT = Path(__file__).resolve().parents[2]
BARE = ROOT / ".cache" / "client" / "bin" / "python"

pytestmark = pytest.mark.xdist_group("server")

CALLS = """
import asyncio, importlib.metadata, sys
from tieout.client import AsyncClient, Client, ClientError

assert "/wheel/" in sys.modules["tieout"].__file__
installed = {one.name.lower().replace("_", "-") for one in importlib.metadata.distributions()}
needed = {"grpcio", "protobuf", "typing-extensions", "tieout-client"}
assert installed - {"pip", "setuptools"} == needed, installed

address, path = sys.argv[1:]
with Client(address) as client:
    first = client.submit_bank_file(path, "alone.bai")
    print(first.bank_file.payment_count, first.already_processed)

async def again():
    async with AsyncClient(address) as client:
        with open(path, "rb") as content:
            second = await client.submit_bank_file(content, "alone.bai")
        print(second.bank_file == first.bank_file, second.already_processed)
        print([one.code async for one in client.exceptions(file_id=first.bank_file.file_id)])
        try:
            await client.get_bank_file("0" * 64)
        except ClientError as error:
            print(error.reason, error.details)
        try:
            await client.bank_file_tables(first.bank_file.file_id)
        except ModuleNotFoundError as error:
            print(error.name)

asyncio.run(again())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT / "deploy" / "client",
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


def test_it_works_with_grpc_and_protobuf_alone(wheel, tmp_path):
    assert BARE.exists(), "make .cache/client/.ready makes the environment"
    installed = tmp_path / "wheel"
    pip = [BARE, "-m", "pip", "install", "--quiet", "--no-deps", "--target", installed, wheel]
    subprocess.run(pip, check=True, capture_output=True)
    path = tmp_path / "alone.bai"
    path.write_bytes(bai2_file((4_200, "NOBODY KNOWS"), account="ALONE"))
    script = tmp_path / "calls.py"
    script.write_text(CALLS, "utf-8")
    with RunningServer(tmp_path) as server:
        done = subprocess.run(
            [BARE, script, server.address, path],
            env={"PYTHONPATH": str(installed)},
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "1 False",
        "True True",
        "['PAY-UNKNOWN']",
        f"BANK_FILE_NOT_FOUND {{'file_id': '{'0' * 64}'}}",
        "pyarrow",
    ]


def test_it_holds_the_same_files_as_the_whole(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {one for one in archive.namelist() if one.startswith("tieout/")}
        for name in held:
            assert archive.read(name) == (ROOT / name).read_bytes()
    there = [ROOT / "tieout/__init__.py", ROOT / "tieout/py.typed"]
    for folder in ("client", "v1"):
        there += [one for one in (ROOT / "tieout" / folder).iterdir() if one.is_file()]
    assert held == {str(one.relative_to(ROOT)) for one in there}
