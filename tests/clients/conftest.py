"""One server for the whole run, credentials for it, and an environment without surprises."""

import os
import secrets
from collections.abc import Callable, Iterator

import pytest
import requests

from support.api import Api
from support.clients import Run, run_async, run_sync
from support.server import IS_PEER, Server, running_server


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what only this server promises, and only when the run says that it asks the peer."""
    if not IS_PEER:
        return
    ours = [item for item in items if item.get_closest_marker("ours_only")]
    items[:] = [item for item in items if item not in ours]
    config.hook.pytest_deselected(items=ours)


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """No setting, proxy or authority from outside reaches a client: all traffic goes where the test says."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            is_client_setting = name.startswith(("OTEL_", "PHOENIX_")) and not name.startswith("PHOENIX_TEST_")
            if is_client_setting or name.lower().endswith(("_proxy", "_ca_bundle")):
                patch.delenv(name)
        patch.setenv("PHOENIX_DISCOVER_CONFIG", "false")
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield


@pytest.fixture(scope="session")
def server(clean_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server under test."""
    with running_server(tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="session")
def key(server: Server) -> str:
    """A system key: what an instrumented application would hold."""
    return server.mint_system_key()


@pytest.fixture(scope="session")
def api(server: Server, key: str) -> Api:
    """REST with the system key."""
    return server.api(key)


@pytest.fixture(scope="session")
def admin(server: Server) -> Api:
    """REST with the admin secret."""
    return server.api(server.admin_secret)


@pytest.fixture(scope="session")
def cookies(server: Server) -> dict[str, str]:
    """The cookies of an administrator who has logged in."""
    answer = requests.post(
        f"{server.base_url}/auth/login", json={"email": "admin@localhost", "password": "admin"}, timeout=20
    )
    assert answer.status_code == 204, f"{answer.status_code} {answer.text}"
    return dict(answer.cookies)


@pytest.fixture
def new_name() -> Callable[[str], str]:
    """Names that no other test and no other run uses."""
    return lambda purpose: f"{purpose}-{secrets.token_hex(6)}"


@pytest.fixture
def project(new_name: Callable[[str], str]) -> str:
    """The name of a project that does not exist yet."""
    return new_name("client-tests")


@pytest.fixture(params=[run_sync, run_async], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest, server: Server) -> Callable[[str], Run]:
    """Connects with a key; the answer runs one call of either kind of client."""
    return lambda key: request.param(server, key)


@pytest.fixture
def as_member(connect: Callable[[str], Run], key: str) -> Run:
    """Calls with the system key."""
    return connect(key)


@pytest.fixture
def as_admin(connect: Callable[[str], Run], server: Server) -> Run:
    """Calls with the admin secret."""
    return connect(server.admin_secret)
