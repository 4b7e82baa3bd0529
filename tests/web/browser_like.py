"""A browser without a screen: cookies, forms, no redirect followed that a test has not seen."""

from __future__ import annotations

import html
import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from tests.web.web_requests import ask

__all__ = ["BrowserLike"]


class BrowserLike:
    """One browser at `url`; keeps cookies whatever their flags."""

    def __init__(self, url):
        self.url = url.rstrip("/")
        self.cookies = {}
        self.set_cookie = ""

    def get(self, path, **headers):
        return self._ask(path, "GET", None, headers)

    def post(self, path, fields, **headers):
        """Send `fields` as a form of this site would."""
        own = {"content-type": "application/x-www-form-urlencoded", "origin": self.url}
        return self._ask(path, "POST", urlencode(fields), own | headers)

    def submit(self, path, fields):
        """Read the page at `path`, then send its CSRF token with `fields`."""
        token = self.token(self.get(path))
        return self.post(path, {"csrf_token": token} | fields)

    def sign_in(self, name, password, **more):
        return self.post("/sign-in", {"user_name": name, "password": password} | more)

    @staticmethod
    def token(page):
        found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page.body.decode())
        return found[1] if found else ""

    @staticmethod
    def hidden(page):
        """Hidden fields of a page by name."""
        pairs = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.body.decode())
        return {name: html.unescape(value) for name, value in pairs}

    def _ask(self, path, method, body, headers):
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        own = {"cookie": cookie} if cookie else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = ask(self.url + path, method, body, own | named)
        self.set_cookie = answer.headers.get("set-cookie", "")
        for name, morsel in SimpleCookie(self.set_cookie).items():
            self.cookies[name] = morsel.value
            if not morsel.value:
                del self.cookies[name]
        return answer

    @staticmethod
    def place(answer):
        """Where an answer sends the browser: path and query."""
        parts = urlsplit(answer.headers["location"])
        return parts.path + (f"?{parts.query}" if parts.query else "")
