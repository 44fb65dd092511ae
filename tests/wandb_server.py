"""A stand-in W&B server: enough of its API for the real client, ``wandb sync``, ``wandb sweep``, ``wandb agent``.

Standard library only (and PyYAML, for sweeps).  What arrives is kept in memory: `runs`, `artifacts`, `sweeps`.
"""

import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.wandb_graphql import ENTITY, GraphQL, Received, Sweep

__all__ = ["ENTITY", "KEY", "Received", "StandIn", "Sweep", "stand_in"]

KEY = "0123456789" * 4


class StandIn(GraphQL, ThreadingHTTPServer):
    """The server; `status` other than 200 is the answer to everything, `silent` gives no answer at all."""

    daemon_threads = True

    def __init__(self) -> None:
        ThreadingHTTPServer.__init__(self, ("127.0.0.1", 0), _Handler)
        GraphQL.__init__(self)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.status, self.silent = 200, False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may hang up as they like; anything else is a mistake of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def environment(self) -> dict[str, str]:
        """What a client needs to find this server and nothing else."""
        return {
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": KEY,
            "WANDB_ENTITY": ENTITY,
            "WANDB_MODE": "online",
        }


class _Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._reply({})

    def do_POST(self) -> None:
        content = self._body()
        if self.path == "/graphql":
            body = json.loads(content)
            self._reply(self.server.answer(body["query"], body.get("variables") or {}))
        elif match := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path):
            body = json.loads(content)
            with self.server.lock:
                run = self.server.run(match[1])
                if self.server.status == 200 and not self.server.silent:
                    for name, part in body.get("files", {}).items():
                        run.stream(name, part["offset"], part["content"])
                    run.exit_code = body.get("exitcode") if body.get("complete") else None
            self._reply({})
        else:  # the client measures itself and sends that too
            self._reply({}, 404)

    def do_PUT(self) -> None:
        body, (_, _, owner, rest) = self._body(), self.path.split("/", 3)
        with self.server.lock:
            if owner == "artifact":
                identifier, _, name = rest.partition("/")
                self.server.artifact(identifier)["files"][name] = body
            else:
                self.server.run(owner).files[rest] = body
        self._reply({})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _reply(self, content: Any, status: int = 200) -> None:
        while self.server.silent:
            time.sleep(0.05)
        status = self.server.status if self.server.status != 200 else status
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """A server for the block."""
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.silent = False
        server.shutdown()
        server.server_close()
        thread.join()
