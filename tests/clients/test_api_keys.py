"""Keys from creation to their end, over REST and GraphQL."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from support import otlp
from support.api import Api, error_text
from support.polling import poll
from support.server import IS_PEER, Server
from support.specimen import moment

NewName = Callable[[str], str]
# The peer forgets a deleted key and cannot tell it from one that never was.
REVOKED = "Invalid token" if IS_PEER else "Revoked token"


def global_id(kind: str, row: int | str) -> str:
    """The form in which ids travel."""
    return base64.b64encode(f"{kind}:{row}".encode()).decode()


def create(creator: Api, name: str, operation_id: str = "createSystemApiKey", **fields: Any) -> dict[str, Any]:
    """Create a key over REST and return what the server says about it, with the key itself."""
    return creator.call(operation_id, expect=201, json={"data": {"name": name, **fields}})["data"]


def listed(api: Api, key_id: str, operation_id: str = "getSystemApiKeys") -> dict[str, Any] | None:
    """What the list says about a key."""
    return next((key for key in api.call(operation_id)["data"] if key["id"] == key_id), None)


def test_a_system_key_created_over_rest_works_and_is_listed_without_its_secret(
    server: Server, admin: Api, new_name: NewName
) -> None:
    """The secret is told once; unset fields are left out."""
    name = new_name("rest")
    full = create(admin, name, description="for tests", expires_at="2099-12-31T23:59:59Z")
    assert base64.b64decode(full["id"]).startswith(b"SystemApiKey:")
    assert full.keys() == {"id", "name", "description", "created_at", "expires_at", "key"}
    assert abs(moment(full["created_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert moment(full["expires_at"]) == datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert server.api(full["key"]).call("getViewer")["data"]["username"] == "system"
    assert listed(admin, full["id"]) == {field: full[field] for field in full if field != "key"}
    bare = create(admin, name)
    assert bare.keys() == {"id", "name", "created_at", "key"}
    assert admin.call("getSystemApiKeys")["data"][0]["id"] == bare["id"], "the newest comes first"


def test_a_system_key_created_over_graphql_works_and_is_in_both_lists(
    server: Server, admin: Api, new_name: NewName
) -> None:
    """REST and GraphQL show the same keys."""
    name = new_name("graphql")
    answer = admin.graphql(
        "mutation ($input: CreateApiKeyInput!) { createSystemApiKey(input: $input)"
        " { jwt apiKey { id name description createdAt expiresAt } } }",
        input={"name": name, "description": "for tests", "expiresAt": "2099-12-31T23:59:59Z"},
    )
    created = answer["data"]["createSystemApiKey"]
    assert server.api(created["jwt"]).call("getViewer")["data"]["username"] == "system"
    in_graphql = admin.graphql("{ systemApiKeys { id name description createdAt expiresAt } }")["data"]["systemApiKeys"]
    assert created["apiKey"] in in_graphql
    in_rest = listed(admin, created["apiKey"]["id"])
    assert in_rest is not None
    assert in_rest["name"] == name
    assert moment(in_rest["created_at"]) == moment(created["apiKey"]["createdAt"])
    assert moment(in_rest["expires_at"]) == moment(created["apiKey"]["expiresAt"])
    assert {key["id"] for key in in_graphql} == {key["id"] for key in admin.call("getSystemApiKeys")["data"]}


def test_a_user_s_own_key_acts_for_the_user_until_it_deletes_itself(
    server: Server, admin: Api, cookies: dict[str, str], new_name: NewName
) -> None:
    """Created by a session, listed for the user and for administrators."""
    session = Api(server.base_url, cookies=cookies)
    full = create(session, new_name("user"), "createUserApiKey", description="mine")
    assert base64.b64decode(full["id"]).startswith(b"UserApiKey:")
    own = server.api(full["key"])
    assert own.call("getViewer")["data"]["email"] == "admin@localhost"
    shown = {field: full[field] for field in full if field != "key"}
    assert listed(own, full["id"], "getUserApiKeys") == shown
    owner = {"id": "VXNlcjoy", "username": "admin", "email": "admin@localhost"}
    assert listed(admin, full["id"], "getAllUserApiKeys") == shown | {"user": owner}
    own.call("deleteUserApiKey", expect=204, api_key_id=full["id"])
    assert own.call("getViewer", expect=401) == REVOKED
    assert listed(session, full["id"], "getUserApiKeys") is None


def test_a_deleted_key_is_refused_at_once_and_cannot_be_deleted_again(
    server: Server, admin: Api, new_name: NewName
) -> None:
    """204, then 404, and the key is dead on both transports."""
    full = create(admin, new_name("deleted"))
    doomed = server.api(full["key"])
    doomed.call("getViewer")
    admin.call("deleteSystemApiKey", expect=204, api_key_id=full["id"])
    assert doomed.call("getViewer", expect=401) == REVOKED
    assert export_status(server, full["key"]) is grpc.StatusCode.UNAUTHENTICATED
    assert listed(admin, full["id"]) is None
    assert admin.call("deleteSystemApiKey", expect=404, api_key_id=full["id"]) == "System API key not found"


@pytest.mark.parametrize(
    "key_id", [global_id("UserApiKey", 1), global_id("SystemApiKey", "x"), "not-an-id", "1"], ids=str
)
def test_an_id_of_another_kind_is_not_processable(key_id: str, admin: Api) -> None:
    """The message repeats what was given."""
    message = admin.call("deleteSystemApiKey", expect=422, api_key_id=key_id)
    assert message == f"Invalid SystemApiKey GlobalID format: {key_id}"


def test_an_expired_key_is_refused_to_the_second(server: Server, admin: Api, new_name: NewName) -> None:
    """Good before the moment, refused within a second after it, on both transports."""
    end = datetime.now(UTC) + timedelta(seconds=2)
    full = create(admin, new_name("expiring"), expires_at=end.isoformat())
    assert moment(full["expires_at"]) == end
    expiring = server.api(full["key"])
    began = datetime.now(UTC)
    assert expiring.send("getViewer").status_code == 200
    assert began < end, "this machine is too slow to see the key alive"

    def refusal() -> tuple[datetime, str] | None:
        asked = datetime.now(UTC)
        answer = expiring.send("getViewer")
        if answer.status_code == 200:
            assert asked < end + timedelta(seconds=1), "the key outlives its end"
            return None
        return datetime.now(UTC), error_text(answer)

    refused_at, text = poll(refusal, "the key to expire", seconds=10)
    assert refused_at >= end, "the key was refused before its end"
    assert text in {"Expired token", "Invalid token"}
    assert export_status(server, full["key"]) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"data": {"name": ""}}, "Name cannot be empty"),
        ({"data": {"name": "   "}}, "Name cannot be empty"),
        ({"data": {"name": "past", "expires_at": "2020-01-01T00:00:00Z"}}, "Expiration time must be in the future"),
        ({"data": {"name": "unreadable", "expires_at": "soon"}}, ""),
        ({"name": "flat"}, ""),
        ({}, ""),
    ],
    ids=["empty-name", "blank-name", "past", "unreadable-time", "flat", "empty"],
)
def test_a_key_that_makes_no_sense_is_not_processable(body: dict[str, Any], reason: str, admin: Api) -> None:
    """The answer says why, where the reason is a rule and not a form."""
    assert reason in admin.call("createSystemApiKey", expect=422, json=body)


def test_a_system_key_neither_makes_nor_sees_keys(api: Api, admin: Api) -> None:
    """Keys do not breed."""
    body = {"data": {"name": "child"}}
    only_admin = "Only admin or system users can perform this action."
    assert api.call("createSystemApiKey", expect=403, json=body) == only_admin
    assert api.call("getSystemApiKeys", expect=403) == only_admin
    assert api.call("createUserApiKey", expect=403, json=body) == "API keys cannot create API keys"
    assert admin.call("createUserApiKey", expect=403, json=body) == "API keys cannot create API keys"


def test_an_administrator_s_session_makes_system_keys(
    server: Server, cookies: dict[str, str], new_name: NewName
) -> None:
    """As the settings page does."""
    full = create(Api(server.base_url, cookies=cookies), new_name("session"))
    assert server.api(full["key"]).call("getViewer")["data"]["username"] == "system"


def export_status(server: Server, key: str) -> grpc.StatusCode:
    """How the trace service answers an empty export with that key."""
    with grpc.insecure_channel(server.grpc_target) as channel, pytest.raises(grpc.RpcError) as caught:
        TraceServiceStub(channel).Export(otlp.request(None), metadata=[("authorization", f"Bearer {key}")], timeout=20)
    return caught.value.code()
