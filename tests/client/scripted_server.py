"""A gRPC server that ends calls as a test says, and remembers what it was sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from tieout.client.methods import _methods

__all__ = ["Ending", "ScriptedServer", "info", "retry_after"]


class Ending(Exception):  # noqa: N818 - it is how a call ends
    """A call ends with this code, reason and details."""

    def __init__(self, code, reason="", details=()):
        super().__init__(f"ended with {code.name}")
        self.code = code
        status = status_pb2.Status(code=code_pb2.Code.Value(code.name), message=str(self))
        for one in details:
            status.details.add().Pack(one)
        self.trailers = [("grpc-status-details-bin", status.SerializeToString())]
        if reason:
            self.trailers.append(("tieout-reason", reason))


def info(**words):
    """Words of an error."""
    return error_details_pb2.ErrorInfo(reason="R", domain="tieout", metadata=words)


def retry_after(seconds):
    """When to come again."""
    delay = duration_pb2.Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))
    return error_details_pb2.RetryInfo(retry_delay=delay)


class ScriptedServer(grpc.GenericRpcHandler):
    """Answers each call with the next line of its script: an `Ending`, a message, or a list."""

    def __init__(self, *script):
        self.script = list(script)
        self.received = []
        self.metadata = []
        self._server = grpc.server(ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers([self])
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._kinds = {one.path: one for one in _methods().values()}

    def service(self, handler_call_details):
        """A handler of the call, whatever it is."""
        method = self._kinds[handler_call_details.method]
        self.metadata.append(dict(handler_call_details.invocation_metadata))
        kinds = ("unary", "stream")
        kind = f"{kinds[method.is_sent_in_parts]}_{kinds[method.is_answered_in_parts]}"

        def whole(content, context):
            self.received.append(list(content) if method.is_sent_in_parts else content)
            line = self.script.pop(0)
            if isinstance(line, Ending):
                end(context, line)
            return line.SerializeToString()

        def parts(content, context):
            self.received.append(list(content) if method.is_sent_in_parts else content)
            for one in self.script.pop(0):
                if isinstance(one, Ending):
                    end(context, one)
                yield one.SerializeToString()

        handler = getattr(grpc, f"{kind}_rpc_method_handler")
        return handler(parts if method.is_answered_in_parts else whole)

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(None).wait(10)


def end(context, ending):
    context.set_trailing_metadata(ending.trailers)
    context.abort(ending.code, str(ending))
