"""One server with a web for all tests of the JSON door."""

import grpc
import pytest

from tests.server.running_server import RunningServer
from tests.web.web_requests import ask


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("door")
    with RunningServer(folder, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        server.channel = grpc.insecure_channel(server.address)
        yield server
        server.channel.close()
        assert ask(f"{server.url}/healthz").status == 200, "after all that"
        assert server.terminate() == 0
        assert '"level":"error"' not in server.log.read_text()
