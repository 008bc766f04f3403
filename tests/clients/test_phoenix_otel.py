"""`phoenix.otel.register`: what most Python applications call."""

import pytest
from phoenix.otel import register

from support.api import Api
from support.server import Server
from support.specimen import assert_stored, send_specimen

PROTOCOLS = ["http/protobuf", "grpc"]


def endpoint_of(server: Server, protocol: str) -> str:
    """The endpoint to hand to `register` for a protocol."""
    return server.traces_url if protocol == "http/protobuf" else f"http://{server.grpc_target}"


@pytest.mark.parametrize("batch", [False, True], ids=["simple", "batch"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_registered_application_stores_its_trace_in_its_project(
    protocol: str,
    batch: bool,
    server: Server,
    key: str,
    api: Api,
    project: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The key comes from `PHOENIX_API_KEY`, the project from the argument."""
    monkeypatch.setenv("PHOENIX_API_KEY", key)
    provider = register(
        endpoint=endpoint_of(server, protocol),
        protocol=protocol,
        project_name=project,
        batch=batch,
        set_global_tracer_provider=False,
        verbose=False,
    )
    expected = send_specimen(provider.get_tracer(__name__))
    assert provider.force_flush()
    provider.shutdown()
    assert_stored(api, project, expected)


def test_the_environment_alone_configures_an_application(
    server: Server, key: str, api: Api, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector's base URL is enough: the client finds `/v1/traces` and the protocol itself."""
    monkeypatch.setenv("PHOENIX_API_KEY", key)
    monkeypatch.setenv("PHOENIX_COLLECTOR_ENDPOINT", server.base_url)
    monkeypatch.setenv("PHOENIX_GRPC_PORT", str(server.grpc_port))
    monkeypatch.setenv("PHOENIX_PROJECT_NAME", project)
    provider = register(set_global_tracer_provider=False, verbose=False)
    expected = send_specimen(provider.get_tracer(__name__))
    provider.shutdown()
    assert_stored(api, project, expected)


def test_a_bare_host_with_the_grpc_port_means_grpc(
    server: Server, key: str, api: Api, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client infers gRPC from `PHOENIX_GRPC_PORT`."""
    monkeypatch.setenv("PHOENIX_GRPC_PORT", str(server.grpc_port))
    provider = register(
        endpoint=f"http://{server.grpc_target}",
        api_key=key,
        project_name=project,
        set_global_tracer_provider=False,
        verbose=False,
    )
    expected = send_specimen(provider.get_tracer(__name__))
    provider.shutdown()
    assert_stored(api, project, expected)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_key_stores_nothing_and_does_not_break_the_application(
    protocol: str, server: Server, api: Api, project: str
) -> None:
    """The application goes on; its spans are lost and its project is never created."""
    provider = register(
        endpoint=endpoint_of(server, protocol),
        protocol=protocol,
        project_name=project,
        api_key="wrong",
        set_global_tracer_provider=False,
        verbose=False,
    )
    send_specimen(provider.get_tracer(__name__))
    provider.shutdown()
    assert project in api.call("getProject", project_identifier=project, expect=404)


@pytest.mark.ours_only
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_cloud_style_client_headers_are_enough(
    protocol: str, server: Server, key: str, api: Api, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`PHOENIX_CLIENT_HEADERS="api_key=..."` sends only the `api_key` header."""
    monkeypatch.setenv("PHOENIX_CLIENT_HEADERS", f"api_key={key}")
    provider = register(
        endpoint=endpoint_of(server, protocol),
        protocol=protocol,
        project_name=project,
        set_global_tracer_provider=False,
        verbose=False,
    )
    expected = send_specimen(provider.get_tracer(__name__))
    provider.shutdown()
    assert_stored(api, project, expected)
