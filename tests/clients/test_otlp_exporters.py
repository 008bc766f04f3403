"""The OpenTelemetry exporters for Python, over HTTP and gRPC."""

import time
from collections.abc import Callable
from urllib.parse import quote

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from support.api import Api
from support.server import Server
from support.specimen import assert_stored, send_specimen

MakeExporter = Callable[[Server, dict[str, str] | None], SpanExporter]


def over_http(compression: Compression) -> MakeExporter:
    """Exporters that post protobuf."""
    return lambda server, headers: HttpExporter(server.traces_url, headers=headers, compression=compression)


def over_grpc(compression: grpc.Compression) -> MakeExporter:
    """Exporters that call the trace service."""
    return lambda server, headers: GrpcExporter(
        f"http://{server.grpc_target}", insecure=True, headers=headers, compression=compression
    )


EXPORTERS = [
    pytest.param(over_http(Compression.NoCompression), id="http"),
    pytest.param(over_http(Compression.Gzip), id="http-gzip"),
    pytest.param(over_http(Compression.Deflate), id="http-deflate"),
    pytest.param(over_grpc(grpc.Compression.NoCompression), id="grpc"),
    pytest.param(over_grpc(grpc.Compression.Gzip), id="grpc-gzip"),
]


def provider_for(project: str) -> TracerProvider:
    """A tracer provider whose resource names the project."""
    return TracerProvider(resource=Resource({"openinference.project.name": project}), shutdown_on_exit=False)


def finished_span(project: str) -> ReadableSpan:
    """A span that is ready to be exported by hand."""
    memory = InMemorySpanExporter()
    provider = provider_for(project)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    provider.get_tracer(__name__).start_span("single").end()
    (span,) = memory.get_finished_spans()
    return span


@pytest.mark.parametrize("make_exporter", EXPORTERS)
def test_a_trace_sent_in_a_batch_reads_back_as_it_was_meant(
    make_exporter: MakeExporter, server: Server, key: str, api: Api, project: str
) -> None:
    """Every field of every span survives the way in and out."""
    provider = provider_for(project)
    exporter = make_exporter(server, {"authorization": f"Bearer {key}"})
    provider.add_span_processor(BatchSpanProcessor(exporter))
    expected = send_specimen(provider.get_tracer(__name__))
    assert provider.force_flush()
    provider.shutdown()
    assert_stored(api, project, expected)


@pytest.mark.parametrize("make_exporter", EXPORTERS)
def test_the_key_may_come_percent_encoded_from_the_environment(
    make_exporter: MakeExporter,
    server: Server,
    key: str,
    api: Api,
    project: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`OTEL_EXPORTER_OTLP_HEADERS` follows the W3C baggage syntax, so the space is `%20`."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization={quote(f'Bearer {key}')}")
    exporter = make_exporter(server, None)
    assert exporter.export([finished_span(project)]) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert api.spans(project, 1).keys() == {"single"}


@pytest.mark.ours_only
@pytest.mark.parametrize("make_exporter", EXPORTERS)
@pytest.mark.parametrize("header", ["api_key", "api-key", "x-api-key"])
def test_the_key_may_come_in_a_header_of_its_own(
    make_exporter: MakeExporter, header: str, server: Server, key: str, api: Api, project: str
) -> None:
    """The documented `api_key` header and its two spellings work for exporters too."""
    exporter = make_exporter(server, {header: key})
    assert exporter.export([finished_span(project)]) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert api.spans(project, 1).keys() == {"single"}


@pytest.mark.ours_only
@pytest.mark.parametrize("make_exporter", EXPORTERS)
def test_a_successful_export_is_readable_at_once(
    make_exporter: MakeExporter, server: Server, key: str, api: Api, project: str
) -> None:
    """Success means stored, not queued."""
    exporter = make_exporter(server, {"authorization": f"Bearer {key}"})
    assert exporter.export([finished_span(project)]) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert [span["name"] for span in api.call("getSpans", project_identifier=project)["data"]] == ["single"]


@pytest.mark.parametrize("make_exporter", EXPORTERS)
@pytest.mark.parametrize("headers", [{"authorization": "Bearer wrong"}, {}], ids=["wrong-key", "no-key"])
def test_an_export_without_a_good_key_fails_and_is_not_retried(
    make_exporter: MakeExporter, headers: dict[str, str], server: Server, api: Api, project: str
) -> None:
    """The refusal is final for the exporter: it gives up long before its own deadline of ten seconds."""
    exporter = make_exporter(server, headers)
    began = time.monotonic()
    assert exporter.export([finished_span(project)]) is SpanExportResult.FAILURE
    assert time.monotonic() - began < 5
    exporter.shutdown()
    assert project in api.call("getProject", project_identifier=project, expect=404)
