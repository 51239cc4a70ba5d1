"""Prefect for the tests: its own server with a deployment, and a stand-in that answers what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prefect_server import ask


def make_deployment(api: str) -> str:
    """Make flow and deployment `ingest`, as `prefect deploy` would; its id."""
    schema = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("source", "key", "version")},
        "required": ["key"],
    }
    body = {
        "name": "ingest",
        "flow_id": ask("POST", f"{api}/flows/", {"name": "ingest"})["id"],
        "entrypoint": "flows/ingest.py:ingest_file",
        "parameter_openapi_schema": schema,
        "enforce_parameter_schema": True,
        "parameters": {"source": "shop"},
    }
    return str(ask("POST", f"{api}/deployments/", body)["id"])


def flow_runs(api: str) -> list[dict[str, Any]]:
    """Every flow run that the server knows."""
    found: list[dict[str, Any]] = ask("POST", f"{api}/flow_runs/filter", {})
    return found


@dataclass
class Pretender:
    """Answers like Prefect, but first with `answers`, one (status, body) per request; notes what it was asked."""

    address: str = ""
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    asked: list[tuple[str, str, str | None, Any]] = field(default_factory=list)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)


@contextmanager
def pretend() -> Iterator[Pretender]:
    """A server of which every answer is known."""
    pretender = Pretender()

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Any) -> None:
            pretender.asked.append((self.command, self.path, self.headers.get("Authorization"), body))
            if pretender.answers:
                status, text = pretender.answers.pop(0)
            elif body is None:
                status, text = 200, b'{"id": "deployment"}'
            else:
                key = body["idempotency_key"]
                status = 200 if key in pretender.runs else 201
                run = pretender.runs.setdefault(key, {"id": f"run-{len(pretender.runs)}", "name": body["name"]})
                text = json.dumps(run).encode()
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", f"{pretender.address}/elsewhere")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pretender.address = f"http://127.0.0.1:{server.server_address[1]}/api"
    try:
        yield pretender
    finally:
        server.shutdown()
        server.server_close()
