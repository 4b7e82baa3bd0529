"""Requests to a running web over plain sockets, as any client makes them."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

__all__ = ["Answer", "ask"]


class Answer:
    """Status, headers by lower-case name, and the body."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()


def ask(url, method="GET", body=None, headers=(), authority=None, timeout=60):
    """One request on a connection of its own; `authority` is a file that signs certificates."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=authority)
        connection = http.client.HTTPSConnection(parts.netloc, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, path, body, dict(headers))
        return Answer(connection.getresponse())
    finally:
        connection.close()
