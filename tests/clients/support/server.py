"""Starting, finding and stopping the server under test, driven by environment variables only."""

import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from .api import Api, bearer
from .polling import poll

IS_PEER = os.environ.get("PHOENIX_TEST_IS_PEER") == "1"
STOP_SECONDS = 30

# One certificate for server and client, self-signed and its own authority, and its key, as it is and encrypted.
TLS_FILES = Path(__file__).parents[2] / "it" / "fixtures" / "tls"
TLS_CERTIFICATE = TLS_FILES / "localhost-cert.pem"
TLS_KEY = TLS_FILES / "ec-pkcs8.pem"
MUTUAL_TLS = {
    "PHOENIX_TLS_ENABLED": "true",
    "PHOENIX_TLS_CERT_FILE": str(TLS_CERTIFICATE),
    "PHOENIX_TLS_KEY_FILE": str(TLS_FILES / "ec-pkcs8-default.pem"),
    "PHOENIX_TLS_KEY_FILE_PASSWORD": "correct-horse",
    "PHOENIX_TLS_CA_FILE": str(TLS_CERTIFICATE),
    "PHOENIX_TLS_VERIFY_CLIENT": "true",
}

MINT_SYSTEM_KEY = (
    'mutation { createSystemApiKey(input: {name: "system-api-key"})'
    " { jwt apiKey { id name description createdAt expiresAt } } }"
)


@dataclass(frozen=True)
class Server:
    """Where the server listens and the secret that rules it."""

    base_url: str
    grpc_port: int
    admin_secret: str

    @property
    def traces_url(self) -> str:
        """Where OTLP over HTTP goes."""
        return f"{self.base_url}/v1/traces"

    @property
    def grpc_target(self) -> str:
        """Where OTLP over gRPC goes, without a scheme."""
        return f"127.0.0.1:{self.grpc_port}"

    def api(self, key: str) -> Api:
        """REST and GraphQL with that key."""
        return Api(self.base_url, bearer(key))

    def mint_system_key(self) -> str:
        """Create a system key through GraphQL with the admin secret and return the key itself."""
        answer = self.api(self.admin_secret).graphql(MINT_SYSTEM_KEY)
        assert "errors" not in answer, answer
        created = answer["data"]["createSystemApiKey"]
        assert created["apiKey"]["name"] == "system-api-key"
        assert created["apiKey"]["description"] is None
        assert created["apiKey"]["expiresAt"] is None
        return created["jwt"]


@contextmanager
def running_server(directory: Path, **changes: str) -> Iterator[Server]:
    """The server that the environment names: one that runs already, or one started here and stopped at the end.

    With changes to its variables it is always one of its own.
    """
    if not changes and (base_url := os.environ.get("PHOENIX_TEST_BASE_URL")):
        yield Server(
            base_url=base_url.rstrip("/"),
            grpc_port=int(os.environ["PHOENIX_TEST_GRPC_PORT"]),
            admin_secret=os.environ["PHOENIX_TEST_ADMIN_SECRET"],
        )
        return
    binary = os.environ.get("PHOENIX_TEST_BINARY")
    assert binary, "set PHOENIX_TEST_BINARY to a server binary, or PHOENIX_TEST_BASE_URL to a running server"
    http_port, grpc_port = _free_ports(2)
    scheme = "https" if changes.get("PHOENIX_TLS_ENABLED") == "true" else "http"
    server = Server(f"{scheme}://127.0.0.1:{http_port}", grpc_port, f"admin-secret-0-{secrets.token_hex(16)}")
    environment = {
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(http_port),
        "PHOENIX_GRPC_PORT": str(grpc_port),
        "PHOENIX_WORKING_DIR": str(directory),
        "PHOENIX_ENABLE_AUTH": "true",
        "PHOENIX_SECRET": f"signing-secret-0-{secrets.token_hex(16)}",
        "PHOENIX_ADMIN_SECRET": server.admin_secret,
        # The first administrator still has the password of the first start: let that session use the API.
        "PHOENIX_ENFORCE_PASSWORD_RESET": "false",
        **changes,
    }
    if database_url := os.environ.get("PHOENIX_TEST_DATABASE_URL"):
        environment["PHOENIX_SQL_DATABASE_URL"] = database_url
        environment["PHOENIX_SQL_DATABASE_SCHEMA"] = f"clients_{secrets.token_hex(6)}"
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen([binary, "serve"], env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        poll(lambda: _is_ready(server, process, log), "the server to be ready", seconds=60)
        yield server
    finally:
        process.terminate()
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"no end within {STOP_SECONDS} s of SIGTERM\n{_tail(log)}") from None
    # The peer ends by the signal itself; this server drains and says that all went well.
    assert code == 0 or (IS_PEER and code == -signal.SIGTERM), f"exit code {code} after SIGTERM\n{_tail(log)}"


def _is_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, f"the server ended with {process.returncode} at start\n{_tail(log)}"
    if server.base_url.startswith("https:"):
        # Only a client with a certificate may ask; the listeners open when all else is ready.
        return _is_open(server)
    try:
        return requests.get(f"{server.base_url}/readyz", timeout=2).status_code == 200
    except (requests.ConnectionError, requests.Timeout):
        # On a busy machine the first answer may take longer than that.
        return False


def _is_open(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.grpc_port), timeout=2).close()
        return True
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [found.getsockname()[1] for found in sockets]
    for found in sockets:
        found.close()
    return ports


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]
