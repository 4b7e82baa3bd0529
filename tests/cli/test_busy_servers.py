"""How a real process of the command line ends where the server is there and cannot do it now."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from rpc.errors import OverloadedError, ServerDrainingError
from rpc.status import code_of, trailers_of
from tieout.exit_codes import ExitCode

TIEOUT = "import sys; from tieout.commands import main; sys.exit(main())"


class Refusing(grpc.GenericRpcHandler):
    """Every call ends with one error, as the server's own interceptor ends it."""

    def __init__(self, error):
        self.error = error
        self.calls = []

    def service(self, call):
        self.calls.append(call.method)
        return grpc.stream_stream_rpc_method_handler(self.refuse)

    def refuse(self, _, context):
        context.set_trailing_metadata(trailers_of(self.error))
        context.abort(code_of(self.error.reason), str(self.error))


@contextmanager
def refusing(error):
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        handler = Refusing(error)
        server.add_generic_rpc_handlers((handler,))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}", handler
        server.stop(0).wait()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OverloadedError("40 jobs wait for a worker already; try again later"), ["status"]),
        (ServerDrainingError("the server ends"), ["submit"]),
    ],
    ids=lambda one: one.reason if hasattr(one, "reason") else " ".join(one),
)
def test_a_server_that_cannot_do_it_now_is_75_and_says_why(tmp_path, error, words):
    (tmp_path / "day.bai").write_bytes(b"01,BANK,US,260331,0800,1,,,2/\n")
    with refusing(error) as (address, handler):
        command = [sys.executable, "-c", TIEOUT, *words, str(tmp_path / "day.bai")]
        done = subprocess.run(
            [*command, "--server", address], capture_output=True, text=True, check=False
        )
    assert done.returncode == ExitCode.RETRY, done.stderr
    assert handler.calls
    assert str(error) in done.stderr
