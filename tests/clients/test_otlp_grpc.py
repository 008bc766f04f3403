"""The trace service by hand: where its metadata may carry a key, and what it refuses."""

from collections.abc import Callable, Iterator

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from support import otlp
from support.api import Api
from support.server import Server

Export = Callable[..., ExportTraceServiceResponse]
OWN_HEADERS = [pytest.param(name, marks=pytest.mark.ours_only) for name in ("api_key", "api-key", "x-api-key")]


@pytest.fixture
def export(server: Server, project: str) -> Iterator[Export]:
    """Export one span into the test's project with the given metadata."""
    with grpc.insecure_channel(server.grpc_target) as channel:

        def send(
            *metadata: tuple[str, str], compression: grpc.Compression = grpc.Compression.NoCompression
        ) -> ExportTraceServiceResponse:
            request = otlp.request(project, otlp.span("single"))
            return TraceServiceStub(channel).Export(request, metadata=metadata, compression=compression, timeout=20)

        yield send


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_bearer_scheme_is_written_in_any_case(
    scheme: str, export: Export, key: str, api: Api, project: str
) -> None:
    """The metadata's name itself is always lower case."""
    assert not export(("authorization", f"{scheme} {key}")).partial_success.rejected_spans
    assert api.spans(project, 1).keys() == {"single"}


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate], ids=["gzip", "deflate"])
def test_a_message_may_be_compressed(
    compression: grpc.Compression, export: Export, key: str, api: Api, project: str
) -> None:
    """Both compressions that gRPC knows everywhere."""
    export(("authorization", f"Bearer {key}"), compression=compression)
    assert api.spans(project, 1).keys() == {"single"}


@pytest.mark.parametrize("name", OWN_HEADERS)
def test_a_key_may_stand_in_metadata_of_its_own(name: str, export: Export, key: str, api: Api, project: str) -> None:
    """The documented `api_key` and its two spellings."""
    export((name, key))
    assert api.spans(project, 1).keys() == {"single"}


@pytest.mark.parametrize("name", OWN_HEADERS)
def test_different_keys_in_one_call_are_refused(name: str, export: Export, server: Server, key: str) -> None:
    """Two principals are none."""
    with pytest.raises(grpc.RpcError) as caught:
        export(("authorization", f"Bearer {key}"), (name, server.mint_system_key()))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_admin_secret_may_send_spans(export: Export, server: Server, api: Api, project: str) -> None:
    """It may do everything."""
    export(("authorization", f"Bearer {server.admin_secret}"))
    assert api.spans(project, 1).keys() == {"single"}


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param([], id="none"),
        pytest.param([("authorization", "Bearer wrong")], id="unknown"),
        pytest.param([("authorization", "wrong")], id="no-scheme"),
        pytest.param([("authorization", "Basic eDp5")], id="basic"),
    ],
)
def test_a_call_without_a_good_key_is_unauthenticated(
    metadata: list[tuple[str, str]], export: Export, api: Api, project: str
) -> None:
    """And stores nothing."""
    with pytest.raises(grpc.RpcError) as caught:
        export(*metadata)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    api.call("getProject", expect=404, project_identifier=project)


@pytest.mark.ours_only
def test_success_means_readable_at_once(export: Export, key: str, api: Api, project: str) -> None:
    """The answer comes after the transaction."""
    export(("authorization", f"Bearer {key}"))
    assert len(api.call("getSpans", project_identifier=project)["data"]) == 1


def test_another_service_is_unimplemented(server: Server, key: str) -> None:
    """Phoenix takes traces only."""
    with grpc.insecure_channel(server.grpc_target) as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", metadata=[("authorization", f"Bearer {key}")], timeout=20)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.ours_only
def test_garbage_is_told_apart_from_a_missing_key(server: Server, key: str) -> None:
    """The peer decodes before it asks who calls, and answers UNKNOWN to both."""
    path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    with grpc.insecure_channel(server.grpc_target) as channel:
        call = channel.unary_unary(path)
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\xff\xff", timeout=20)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\xff\xff", metadata=[("authorization", f"Bearer {key}")], timeout=20)
        assert caught.value.code() in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL}
