"""A small HTTP server that pages lists and keeps state, for what stripe-mock cannot show.

stripe-mock answers every list with one page of the same fixtures. This serves the objects that a test puts in, newest
first, in pages with `has_more`, filtered by `created`, `types` and `payout` as Stripe documents it, and fails when a
test says so. It is no copy of Stripe: only what a pull asks for is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

KEY = "sk_test_0123456789abcdef"


@dataclass
class Account:
    """What the server has, and what it was asked.

    objects: {resource: {id: object}}. failures: answers that come first, once. broken: {resource: status} for good.
    """

    url: str = ""
    objects: dict[str, dict[str, dict]] = field(default_factory=dict)
    failures: list[tuple[int, dict[str, str], dict]] = field(default_factory=list)
    broken: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def put(self, resource: str, *objects: dict) -> None:
        self.objects.setdefault(resource, {}).update({found["id"]: found for found in objects})

    def event(self, type_: str, created: int, about: dict) -> None:
        number = len(self.objects.get("events", {}))
        self.put("events", {"id": f"evt_{number}", "type": type_, "created": created, "data": {"object": about}})

    def fail(self, status: int, message: str = "made to fail", **headers: str) -> None:
        self.failures.append((status, headers, {"error": {"message": message, "type": "api_error"}}))

    def asked(self, resource: str) -> list[dict[str, str]]:
        """The parameters of each request for a resource."""
        return [params for path, params in self.requests if path == f"/v1/{resource}"]


@contextmanager
def stripe_server() -> Iterator[Account]:
    account = Account()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            params = dict(parse_qsl(parts.query))
            account.requests.append((parts.path, params))
            self.answer(*_answer(account, parts.path, params, self.headers.get("Authorization", "")))

        def answer(self, status: int, headers: dict[str, str], body: dict | str) -> None:
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        account.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield account
        finally:
            server.shutdown()
            thread.join()


def _answer(account: Account, path: str, params: dict[str, str], key: str) -> tuple[int, dict[str, str], dict | str]:
    if account.failures:
        return account.failures.pop(0)
    if key != f"Bearer {KEY}":
        # Stripe shows the ends of the key; a server that shows all of it is the worst case.
        return 401, {}, {"error": {"message": f"Invalid API Key provided: {key.split()[-1]}"}}
    resource, _, id_ = path.removeprefix("/v1/").partition("/")
    if status := account.broken.get(resource):
        return status, {}, {"error": {"message": f"made to fail for {key.split()[-1]}"}}
    if id_:
        found = account.objects.get(resource, {}).get(id_)
        return (200, {}, _text(found)) if found else (404, {}, {"error": {"message": f"No such object: {id_}"}})
    found = sorted(account.objects.get(resource, {}).values(), key=lambda o: (-o["created"], o["id"]))
    found = [o for o in found if _asked_for(o, params)]
    if after := params.get("starting_after"):
        found = found[[o["id"] for o in found].index(after) + 1 :]
    limit = int(params.get("limit", 10))
    data = ",".join(_text(o) for o in found[:limit])
    more = json.dumps(len(found) > limit)
    return 200, {}, f'{{"object":"list","url":"{path}","has_more":{more},"data":[{data}]}}'


def _asked_for(found: dict, params: dict[str, str]) -> bool:
    types = {value for name, value in params.items() if name.startswith("types")}
    return (
        int(params.get("created[gte]", 0)) <= found["created"] < int(params.get("created[lt]", 2**40))
        and (not types or found["type"] in types)
        and params.get("payout") in (None, found.get("_payout"))
    )


def _text(found: dict) -> str:
    """JSON in which a text `number:1.10` is the number 1.10, digit by digit; what starts with _ is the server's own."""
    text = json.dumps({name: value for name, value in found.items() if not name.startswith("_")})
    return re.sub(r'"number:([^"]*)"', r"\1", text)
