"""Lambda on this machine: the package unpacked, a Python that sees nothing else, and AWS's own runtime client.

`Runtime` answers the runtime API to which AWS's client (awslambdaric) connects, as Lambda does. What the functions
find beside their package is what Lambda's Python brings: boto3 with what it needs, and that client.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

BROUGHT = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
_CLIENT = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")
_BOOT = """
import sys
package, brought, handler = sys.argv[1:]
sys.path[:0] = [package, brought]
from awslambdaric.__main__ import main
main(["bootstrap", handler])
"""
_PATIENCE = 120


def brought(folder: Path, names: tuple[str, ...] = (*BROUGHT, *_CLIENT)) -> Path:
    """A folder with what Lambda's Python brings, and nothing else of this environment."""
    folder.mkdir()
    for name in names:
        spec = find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        source = Path(spec.origin)
        if source.name == "__init__.py":
            source = source.parent
        (folder / source.name).symlink_to(source)
    return folder


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A function that is stopped breaks off the request with which it waits for its next event."""


class Answer(NamedTuple):
    """What a function answered: its result, or the error as Step Functions would see it."""

    ok: bool
    body: Any
    seconds: float = 0.0


@dataclass
class Function:
    """One function in a process of its own, which stays warm until `stop`."""

    handler: str
    package: Path
    brought: Path
    python: str
    environment: Mapping[str, str]
    logs: Path
    _events: queue.Queue[tuple[str, str]] = field(default_factory=queue.Queue)
    _answers: queue.Queue[Answer] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), self._api())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def invoke(self, event: Any, patience: float = _PATIENCE) -> Answer:
        """Hand an event to the function, which is started if it is not warm."""
        with self._lock:
            started = time.perf_counter()
            if self._process is None or self._process.poll() is not None:
                self._start()
            self._events.put((uuid.uuid4().hex, json.dumps(event)))
            try:
                answer = self._answers.get(timeout=patience)
            except queue.Empty:
                raise AssertionError(f"no answer: {self.logs.read_text()[-3000:]}") from None
            return answer._replace(seconds=time.perf_counter() - started)

    def peak_mib(self) -> float:
        """The most memory that the process has had, as Linux counts it."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def stop(self) -> None:
        """End the process; the next event finds a cold function."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End the process and the runtime API."""
        self.stop()
        self._server.shutdown()
        self._server.server_close()

    def _start(self) -> None:
        own = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": "landing",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
            "LAMBDA_TASK_ROOT": str(self.package),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
        }
        with self.logs.open("a") as log:
            self._process = subprocess.Popen(
                [self.python, "-B", "-I", "-S", "-c", _BOOT, str(self.package), str(self.brought), self.handler],
                env={**self.environment, **own},
                cwd="/",
                stdout=log,
                stderr=log,
            )

    def _api(self) -> type[BaseHTTPRequestHandler]:
        function = self

        class Api(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                request, event = function._events.get()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", request)
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 600) * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:ap-south-1:1:function:landing")
                self._end(event.encode())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
                function._answers.put(Answer(self.path.endswith("/response"), body))
                self.send_response(202)
                self._end(b"{}")

            def _end(self, body: bytes) -> None:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Api


def detail(bucket: str, key: str, version: str, size: int) -> dict[str, Any]:
    """The `detail` of EventBridge's "Object Created"."""
    return {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {"key": key, "size": size, "etag": "0", "version-id": version, "sequencer": "0"},
        "request-id": "REQUEST",
        "requester": "123456789012",
        "source-ip-address": "10.0.0.1",
        "reason": "PutObject",
    }
