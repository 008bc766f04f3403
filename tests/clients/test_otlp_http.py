"""`POST /v1/traces` by hand: the forms that a body may have and the answers it gets."""

import gzip
import json
import secrets
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from support import otlp
from support.api import Api, bearer, error_text
from support.polling import poll
from support.server import IS_PEER, Server

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
INVALID = "Request body is invalid ExportTraceServiceRequest"
Post = Callable[..., requests.Response]


@pytest.fixture
def post(server: Server, key: str) -> Post:
    """Post a body to the collector with a good key."""

    def send(body: bytes, content_type: str | None = PROTOBUF, **headers: str) -> requests.Response:
        given = bearer(key) | {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            given["content-type"] = content_type
        return requests.post(server.traces_url, data=body, headers=given, timeout=20)

    return send


def json_request(project: str, trace_id: str, span_id: str) -> bytes:
    """One span in OTLP's JSON form: ids in hex, 64-bit numbers as texts, enums as numbers."""
    attribute = {"key": "openinference.project.name", "value": {"stringValue": project}}
    span = {
        "traceId": trace_id,
        "spanId": span_id,
        "name": "from json",
        "kind": 2,
        "startTimeUnixNano": str(otlp.START),
        "endTimeUnixNano": str(otlp.START + otlp.SECOND),
        "attributes": [{"key": "count", "value": {"intValue": "7"}}],
        "status": {"code": 1},
    }
    return json.dumps(
        {"resourceSpans": [{"resource": {"attributes": [attribute]}, "scopeSpans": [{"spans": [span]}]}]}
    ).encode()


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        pytest.param(None, bytes, id="identity"),
        pytest.param("gzip", gzip.compress, id="gzip"),
        pytest.param("deflate", zlib.compress, id="deflate"),
        pytest.param("zstd", zstandard.compress, id="zstd", marks=pytest.mark.ours_only),
        pytest.param("identity", bytes, id="explicit-identity", marks=pytest.mark.ours_only),
        pytest.param("GZIP", gzip.compress, id="upper-case-gzip", marks=pytest.mark.ours_only),
    ],
)
def test_a_protobuf_body_may_be_compressed(
    encoding: str | None, encode: Callable[[bytes], bytes], post: Post, api: Api, project: str
) -> None:
    """The answer is protobuf, whatever the compression of the request."""
    body = encode(otlp.request(project, otlp.span("one"), otlp.span("two")).SerializeToString())
    answer = post(body, **({"content_encoding": encoding} if encoding else {}))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == PROTOBUF
    assert not ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans
    assert api.spans(project, 2).keys() == {"one", "two"}


@pytest.mark.ours_only
def test_a_content_type_may_carry_a_parameter(post: Post, api: Api, project: str) -> None:
    """Some senders add a charset; the peer refuses them."""
    body = otlp.request(project, otlp.span("one")).SerializeToString()
    answer = post(body, content_type=f"{PROTOBUF}; charset=utf-8")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == PROTOBUF
    assert api.spans(project, 1).keys() == {"one"}


@pytest.mark.ours_only
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_a_json_body_is_stored_and_answered_in_json(content_type: str, post: Post, api: Api, project: str) -> None:
    """The peer refuses JSON."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    answer = post(json_request(project, trace_id, span_id), content_type=content_type)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == "application/json"
    assert not answer.json().get("partialSuccess")
    span = api.spans(project, 1)["from json"]
    assert span["context"] == {"trace_id": trace_id, "span_id": span_id}
    assert span["attributes"] == {"count": 7}
    assert span["status_code"] == "OK"


@pytest.mark.ours_only
def test_stored_means_readable_at_once(post: Post, api: Api, project: str) -> None:
    """A 200 comes after the transaction, not before it."""
    body = otlp.request(project, *(otlp.span(f"span {number}") for number in range(50))).SerializeToString()
    assert post(body).status_code == 200
    assert len(api.call("getSpans", project_identifier=project)["data"]) == 50


def test_curl_may_send_a_file(server: Server, key: str, api: Api, project: str, tmp_path: Path) -> None:
    """A trace by hand, from a shell."""
    body = tmp_path / "trace.bin"
    body.write_bytes(otlp.request(project, otlp.span("from curl")).SerializeToString())
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--fail", "--max-time", "20"]
    headers = ["--header", f"Authorization: Bearer {key}", "--header", f"Content-Type: {PROTOBUF}"]
    subprocess.run([*command, *headers, "--data-binary", f"@{body}", server.traces_url], check=True)
    assert api.spans(project, 1).keys() == {"from curl"}


@pytest.mark.parametrize("body", [b"", otlp.request(None).SerializeToString()], ids=["no-bytes", "no-spans"])
def test_an_empty_export_is_a_success(body: bytes, post: Post) -> None:
    """Collectors probe with it."""
    answer = post(body)
    assert (answer.status_code, answer.headers["content-type"]) == (200, PROTOBUF)


@pytest.mark.parametrize("body", [otlp.request("p", otlp.span("cut")).SerializeToString()[:-3], b"\xff\xff"])
def test_a_broken_protobuf_body_is_refused(body: bytes, post: Post) -> None:
    """As a client's error, so that no exporter retries it."""
    answer = post(body)
    assert answer.status_code in {400, 422}
    # This server goes on with what is wrong with it.
    assert error_text(answer) == INVALID if IS_PEER else error_text(answer).startswith(INVALID)


@pytest.mark.ours_only
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (otlp.request("p", otlp.span("cut")).SerializeToString()[:-3], {}),
        (b"not gzip", {"content_encoding": "gzip"}),
        (gzip.compress(otlp.request("p", otlp.span("cut")).SerializeToString())[:-10], {"content_encoding": "gzip"}),
        (b"{", {"content_type": JSON}),
    ],
    ids=["cut-protobuf", "not-gzip", "cut-gzip", "cut-json"],
)
def test_a_broken_body_is_a_bad_request(body: bytes, headers: dict[str, str], post: Post) -> None:
    """A `Status` in the encoding of the request; the peer answers 422 to the first and 500 to broken compression."""
    answer = post(body, **headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"].partition(";")[0] == headers.get("content_type", PROTOBUF)
    assert error_text(answer) != answer.text
    assert "content_encoding" in headers or error_text(answer).startswith(INVALID)


@pytest.mark.parametrize("content_type", ["text/plain", "application/protobuf", None])
def test_another_content_type_is_unsupported(content_type: str | None, post: Post, project: str) -> None:
    """The message repeats what was given."""
    answer = post(otlp.request(project, otlp.span("one")).SerializeToString(), content_type=content_type)
    assert answer.status_code == 415
    assert "Unsupported content type" in error_text(answer)
    assert content_type is None or content_type in error_text(answer)


def test_an_unknown_compression_is_unsupported(post: Post) -> None:
    """Brotli is not part of OTLP."""
    answer = post(b"anything", content_encoding="br")
    assert answer.status_code == 415
    assert error_text(answer) == "Unsupported content encoding: br"


def test_the_project_header_wins_over_the_resource(post: Post, api: Api, new_name: Callable[[str], str]) -> None:
    """`x-project-name` decides, and the project of the resource is not even created."""
    wanted, other = new_name("header"), new_name("resource")
    answer = post(otlp.request(other, otlp.span("one")).SerializeToString(), x_project_name=wanted)
    assert answer.status_code == 200
    assert api.spans(wanted, 1).keys() == {"one"}
    api.call("getProject", expect=404, project_identifier=other)


def test_spans_without_a_project_go_to_the_default_one(post: Post, api: Api) -> None:
    """As do those whose project has an empty name."""
    for project in (None, ""):
        span = otlp.span("homeless")
        assert post(otlp.request(project, span).SerializeToString()).status_code == 200
        only_it = {"project_identifier": "default", "span_id": span.span_id.hex()}
        (found,) = poll(lambda: api.call("getSpans", **only_it)["data"], "the span to be stored")
        assert found["name"] == "homeless"
