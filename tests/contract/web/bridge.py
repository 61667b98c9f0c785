"""The way from the command line to an application, both in one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from .grown import Served

URL = "http://127.0.0.1:8086"
AUTH = "{tenant: t, client_id: c, client_secret_file: coupled.yaml}"
CONFIG = f"""
business_central: {{url: "https://bc.example.com/v2.0/production", company: CRONUS, auth: {AUTH}}}
sales: {{url: "https://sales.example.com", auth: {AUTH}}}
store: {{url: "sqlite:///coupled.db"}}
"""


class Bridge(httpx.BaseTransport):
    """To the application, without a socket."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._served.ask(request.method, str(request.url), dict(request.headers), request.read())
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
