"""Receivers of webhooks as they are out there: good ones, slow ones, broken ones."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

__all__ = ["Receiver"]


class Receiver:
    """An HTTP server that answers each message as `answers` says, the last one for ever.

    An answer is a status, `(status, headers)`, or `"hang"`: no answer until `let_go` is set.
    """

    def __init__(self, *answers, port=0):
        self.answers = list(answers) or [200]
        self.received = []
        self.secret = ""
        self.let_go = threading.Event()
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.answer(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?a=1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def answer(self, request):
        """Take one message, whose signature must be good, and answer."""
        body = request.rfile.read(int(request.headers["content-length"]))
        headers = {name.lower(): value for name, value in request.headers.items()}
        content = Webhook(self.secret).verify(body, headers) if self.secret else json.loads(body)
        with self._lock:
            self.received.append((headers["webhook-id"], content))
            said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if said == "hang":
            self.let_go.wait(60)
            return
        status, fields = said if isinstance(said, tuple) else (said, {})
        request.send_response(status)
        for name, value in fields.items():
            request.send_header(name, value)
        request.send_header("content-length", "0")
        request.end_headers()

    @property
    def ids(self):
        """Ids of the messages, in the order they came, again and again."""
        with self._lock:
            return [identity for identity, _ in self.received]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
