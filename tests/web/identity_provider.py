"""A small identity provider on this machine: discovery, codes with PKCE, keys, signed tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.server.identity import Provider

__all__ = ["IdentityProvider"]


class IdentityProvider:
    """Believes everybody to be `claims`, and says so to whoever has code, verifier and secret."""

    def __init__(self, folder):
        self.keys = Provider(folder)
        self.client_id, self.client_secret = "tieout", "a secret of the client"
        self.claims = {"sub": "mia", "roles": ["clerk"]}
        self.codes = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def approve(self, address, **changes):
        """What a person does whom a browser brought to `address`: the query to come back with."""
        asked = dict(parse_qsl(urlsplit(address).query)) | changes
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def answer(self, path, fields):
        if path == "/.well-known/openid-configuration":
            ends = {"authorization_endpoint": "/authorize", "token_endpoint": "/token"}
            return {"issuer": self.issuer} | {k: self.issuer + v for k, v in ends.items()}
        if path == "/keys":
            return json.loads(self.keys.key_set())
        asked = self.codes.pop(fields.get("code"), None)
        digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        known = (self.client_id, self.client_secret)
        given = (fields.get("client_id"), fields.get("client_secret"))
        if asked is None or given != known or asked["code_challenge"] != challenge:
            return None
        token = self.keys.token(
            iss=self.issuer, aud=self.client_id, nonce=asked["nonce"], **self.claims
        )
        return {"id_token": token, "access_token": "opaque", "token_type": "Bearer"}

    def _handler(self):
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer({})

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                self._answer({name: values[0] for name, values in parse_qs(body).items()})

            def _answer(self, fields):
                found = provider.answer(urlsplit(self.path).path, fields)
                self.send_response(200 if found else 400)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(found or {"error": "invalid_grant"}).encode())

            def log_message(self, *_):
                pass

        return Handler
