"""Where a credential may stand in an HTTP request, and what a bad one gets."""

import subprocess

import pytest
import requests

from support.api import Api, bearer, error_text
from support.server import Server

CHALLENGE = "/.well-known/oauth-protected-resource"


def viewer(server: Server, headers: dict[str, str], cookies: dict[str, str] | None = None) -> requests.Response:
    """Ask who one is."""
    return Api(server.base_url, headers, cookies).send("getViewer")


def curl(server: Server, *arguments: str) -> tuple[int, str]:
    """Ask for the projects with curl and return the status and the body."""
    command = [
        "curl",
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--max-time",
        "20",
        "--write-out",
        "\n%{http_code}",
    ]
    answer = subprocess.run(
        [*command, *arguments, f"{server.base_url}/v1/projects"], check=True, capture_output=True, text=True
    ).stdout
    body, _, status = answer.rpartition("\n")
    return int(status), body


def assert_refused(response: requests.Response) -> None:
    """A 401 says that a bearer token is wanted and where its rules are told."""
    assert response.status_code == 401, response.text
    assert error_text(response) == "Invalid token"
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="Arize Phoenix"')
    assert f'{CHALLENGE}"' in challenge.partition("resource_metadata=")[2]


OWN_HEADERS = [pytest.param(name, marks=pytest.mark.ours_only) for name in ("api_key", "api-key", "x-api-key")]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("name", ["Authorization", "authorization"])
def test_the_bearer_scheme_is_written_in_any_case(name: str, scheme: str, server: Server, key: str) -> None:
    """With `requests` and with curl."""
    assert viewer(server, {name: f"{scheme} {key}"}).json()["data"]["role"] == "SYSTEM"
    status, body = curl(server, "--header", f"{name}: {scheme} {key}")
    assert status == 200, body


@pytest.mark.parametrize("name", OWN_HEADERS)
def test_a_key_may_stand_in_a_header_of_its_own(name: str, server: Server, key: str) -> None:
    """With `requests` and with curl."""
    assert viewer(server, {name: key}).json()["data"]["role"] == "SYSTEM"
    status, body = curl(server, "--header", f"{name}: {key}")
    assert status == 200, body


@pytest.mark.parametrize("name", OWN_HEADERS)
def test_a_wrong_key_in_a_header_of_its_own_is_refused(name: str, server: Server) -> None:
    """No header is a way around."""
    assert_refused(viewer(server, {name: "wrong"}))


@pytest.mark.parametrize("name", OWN_HEADERS)
def test_both_kinds_of_header_may_name_the_same_key(name: str, server: Server, key: str) -> None:
    """Phoenix's MCP client sends both."""
    assert viewer(server, bearer(key) | {name: key}).status_code == 200


@pytest.mark.parametrize("name", OWN_HEADERS)
def test_both_kinds_of_header_with_different_keys_are_refused(name: str, server: Server, key: str) -> None:
    """Two principals in one request are none, whichever of them stands first."""
    other = server.mint_system_key()
    for first, second in [(key, other), (key, server.admin_secret), (key, "wrong"), ("wrong", key)]:
        assert viewer(server, bearer(first) | {name: second}).status_code == 401


def test_the_admin_secret_acts_as_the_first_system_user(server: Server) -> None:
    """User 1, with the powers of an administrator."""
    user = viewer(server, bearer(server.admin_secret)).json()["data"]
    assert (user["id"], user["username"], user["email"]) == ("VXNlcjox", "system", "system@localhost")
    assert user["role"] == "SYSTEM"
    status, body = curl(server, "--header", f"Authorization: Bearer {server.admin_secret}")
    assert status == 200, body


def test_the_login_cookie_is_a_credential(server: Server, cookies: dict[str, str]) -> None:
    """After `POST /auth/login`, as a browser has it and as curl may send it."""
    user = viewer(server, {}, cookies).json()["data"]
    assert (user["id"], user["username"], user["email"]) == ("VXNlcjoy", "admin", "admin@localhost")
    assert user["role"] == "ADMIN"
    token = cookies["phoenix-access-token"]
    status, body = curl(server, "--cookie", f"phoenix-access-token={token}")
    assert status == 200, body
    assert viewer(server, bearer(token)).json()["data"]["id"] == user["id"]


def test_login_sets_two_cookies_that_scripts_cannot_read(server: Server) -> None:
    """Ten minutes and seven days."""
    answer = requests.post(
        f"{server.base_url}/auth/login", json={"email": " Admin@LOCALHOST ", "password": "admin"}, timeout=20
    )
    assert (answer.status_code, answer.text) == (204, "")
    access, refresh = answer.raw.headers.getlist("set-cookie")
    for cookie, name, age in [
        (access, "phoenix-access-token", 600),
        (refresh, "phoenix-refresh-token", 604800),
    ]:
        assert cookie.startswith(f"{name}=")
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert attributes == {"httponly", f"max-age={age}", "path=/", "samesite=strict"}


def test_a_wrong_password_is_refused(server: Server) -> None:
    """Without saying which half was wrong, and without a cookie."""
    answer = requests.post(
        f"{server.base_url}/auth/login", json={"email": "admin@localhost", "password": "wrong"}, timeout=20
    )
    assert answer.status_code == 401
    assert error_text(answer) == "Invalid email and/or password"
    assert not answer.cookies


def test_a_bad_bearer_is_not_rescued_by_a_good_cookie(server: Server, cookies: dict[str, str]) -> None:
    """The header decides alone."""
    assert_refused(viewer(server, bearer("wrong"), cookies))
    assert_refused(viewer(server, {"Authorization": "Basic eDp5"}, cookies))


def test_a_refresh_token_is_no_credential(server: Server, cookies: dict[str, str]) -> None:
    """It only buys a new pair."""
    assert_refused(viewer(server, bearer(cookies["phoenix-refresh-token"])))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer wrong"}, id="unknown"),
        pytest.param({"Authorization": "Bearer"}, id="no-token"),
        pytest.param({"Authorization": "Basic eDp5"}, id="basic"),
        pytest.param({"Authorization": "wrong"}, id="no-scheme"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/user"),
        ("GET", "/v1/projects"),
        ("POST", "/v1/projects"),
        ("POST", "/v1/traces"),
        ("POST", "/graphql"),
    ],
)
def test_every_door_asks_for_a_credential_before_anything_else(
    method: str, path: str, headers: dict[str, str], server: Server
) -> None:
    """Before the body and its type are looked at."""
    assert_refused(requests.request(method, server.base_url + path, headers=headers, timeout=20))


def test_a_key_in_the_query_is_no_credential(server: Server, key: str) -> None:
    """Queries end up in logs."""
    for name in ("api_key", "access_token", "token"):
        answer = requests.get(f"{server.base_url}/v1/user", params={name: key}, timeout=20)
        assert_refused(answer)


def test_the_version_is_public_and_plain(server: Server, api: Api) -> None:
    """Three numbers, as the clients parse them, in a text and in the header of every answer."""
    answer = requests.get(f"{server.base_url}/arize_phoenix_version", timeout=20)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    version = tuple(int(part) for part in answer.text.split("."))
    assert len(version) == 3
    assert version >= (20, 26, 1)
    for other in (answer, api.send("getProjects"), requests.get(f"{server.base_url}/v1/projects", timeout=20)):
        assert other.headers["x-phoenix-server-version"] == answer.text
