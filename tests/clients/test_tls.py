"""Real clients over TLS that show a certificate: a self-signed one that is its own authority, as people make them."""

import ssl
from collections.abc import Iterator

import grpc
import httpx
import pytest
import requests
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from phoenix.client import Client

from support.api import bearer
from support.server import MUTUAL_TLS, TLS_CERTIFICATE, TLS_KEY, Server, running_server

pytestmark = pytest.mark.ours_only


@pytest.fixture(scope="module")
def mutual(clean_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose clients must show a certificate."""
    with running_server(tmp_path_factory.mktemp("tls"), **MUTUAL_TLS) as found:
        yield found


def test_spans_go_in_by_http_and_grpc_and_come_back(mutual: Server) -> None:
    headers = bearer(mutual.admin_secret)
    by_http = HttpExporter(
        endpoint=mutual.traces_url,
        headers=headers,
        certificate_file=str(TLS_CERTIFICATE),
        client_certificate_file=str(TLS_CERTIFICATE),
        client_key_file=str(TLS_KEY),
    )
    certificate, key = TLS_CERTIFICATE.read_bytes(), TLS_KEY.read_bytes()
    by_grpc = GrpcExporter(
        endpoint=f"https://{mutual.grpc_target}",
        credentials=grpc.ssl_channel_credentials(certificate, key, certificate),
        headers=[(name.lower(), value) for name, value in headers.items()],
    )
    for name, exporter in {"by http": by_http, "by grpc": by_grpc}.items():
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        provider.get_tracer("tls").start_span(name).end()
        provider.shutdown()
    context = ssl.create_default_context(cafile=str(TLS_CERTIFICATE))
    context.load_cert_chain(str(TLS_CERTIFICATE), str(TLS_KEY))
    with httpx.Client(base_url=mutual.base_url, headers=headers, verify=context) as http:
        spans = Client(base_url=mutual.base_url, http_client=http).spans.get_spans(project_identifier="default")
    assert {span["name"] for span in spans} == {"by http", "by grpc"}


def test_nobody_is_let_in_without_a_certificate(mutual: Server) -> None:
    with pytest.raises(requests.exceptions.RequestException):
        requests.get(f"{mutual.base_url}/healthz", verify=str(TLS_CERTIFICATE), timeout=20)
    credentials = grpc.ssl_channel_credentials(TLS_CERTIFICATE.read_bytes())
    with grpc.secure_channel(mutual.grpc_target, credentials) as channel, pytest.raises(grpc.FutureTimeoutError):
        grpc.channel_ready_future(channel).result(timeout=2)
