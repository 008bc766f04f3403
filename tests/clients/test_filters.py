"""Filters and tables of spans, as the Python client asks for them: `SpanQuery` to data frames."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd
import pytest
import requests
from httpx import HTTPStatusError
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from phoenix.client import Client
from phoenix.client.types.spans import SpanQuery

from support import otlp
from support.api import Api, bearer
from support.server import IS_PEER, Server

Frame = Callable[..., pd.DataFrame]


@pytest.fixture
def stored(server: Server, key: str, api: Api, project: str) -> list[Span]:
    """A chain with a model call below it, and a retriever with two documents, in two traces."""
    root = otlp.span("root", {"openinference.span.kind": "CHAIN", "input.value": "Hello World"})
    call = otlp.span(
        "call",
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 10,
            "llm.token_count.completion": 5,
            "llm.token_count.total": 15,
            "metadata": '{"tier": "gold"}',
        },
        trace_id=root.trace_id,
        parent_span_id=root.span_id,
        start_time_unix_nano=otlp.START + 1,
    )
    search = otlp.span(
        "search",
        {
            "openinference.span.kind": "RETRIEVER",
            "retrieval.documents.0.document.content": "first",
            "retrieval.documents.0.document.score": 0.9,
            "retrieval.documents.1.document.content": "second",
            "retrieval.documents.1.document.score": 0.1,
        },
        start_time_unix_nano=otlp.START + otlp.SECOND,
        end_time_unix_nano=otlp.START + 3 * otlp.SECOND,
    )
    spans = [root, call, search]
    answer = requests.post(
        server.traces_url,
        data=otlp.request(project, *spans).SerializeToString(),
        headers=bearer(key) | {"content-type": "application/x-protobuf"},
        timeout=20,
    )
    assert answer.status_code == 200, answer.text
    api.spans(project, len(spans))
    return spans


@pytest.fixture
def frame(server: Server, key: str, project: str, stored: list[Span]) -> Frame:
    """Ask the client for a data frame of the test's project."""
    client = Client(base_url=server.base_url, api_key=key)

    def ask(query: SpanQuery | None = None, **arguments: object) -> pd.DataFrame:
        return client.spans.get_spans_dataframe(query=query, project_identifier=project, **arguments)

    return ask


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("span_kind == 'LLM'", ["call"]),
        ("parent_id is None", ["root", "search"]),
        ("'hello' in input.value", ["root"]),
        ("llm.token_count.total > 10 and metadata['tier'] == 'gold'", ["call"]),
        ("latency_ms >= 2000 or attributes['llm']['model_name'] == 'gpt-4o'", ["call", "search"]),
        ("not (name == 'root')", ["call", "search"]),
        ("attributes['retrieval']['documents'][0]['document']['score'] > 0.5", ["search"]),
        ("annotations['quality'].label is None", ["call", "root", "search"]),
    ],
)
def test_spans_are_picked_by_a_condition(frame: Frame, condition: str, names: list[str]) -> None:
    """`where` takes the language of filters."""
    assert sorted(frame(SpanQuery().where(condition))["name"]) == names


def test_a_whole_frame_has_the_columns_that_notebooks_use(frame: Frame, stored: list[Span]) -> None:
    """Without a query each span is a row: fields, and attributes under their conventional names."""
    whole = frame().set_index("name", drop=False)
    assert len(whole) == len(stored)
    assert whole.loc["call", "attributes.llm.token_count.prompt"] == 10
    assert whole.loc["call", "attributes.metadata"] == {"tier": "gold"}
    assert whole.loc["call", "parent_id"] == stored[0].span_id.hex()
    assert whole.loc["search", "attributes.retrieval.documents"][1]["document.content"] == "second"
    assert whole.loc["root", "context.trace_id"] == stored[0].trace_id.hex()
    assert str(whole["start_time"].dtype) == "datetime64[ns, UTC]"


def test_columns_are_chosen_renamed_and_indexed(frame: Frame, stored: list[Span]) -> None:
    """`select`, `rename` and `with_index` shape the frame."""
    chosen = frame(SpanQuery().select("name", "latency_ms", "llm.token_count.prompt").where("name == 'search'"))
    assert chosen.index.name == "context.span_id"
    assert chosen.to_dict("records")[0]["latency_ms"] == 2000.0
    renamed = frame(SpanQuery().select("name").rename(name="title").with_index("trace_id").where("name == 'root'"))
    assert renamed.index.tolist() == [stored[0].trace_id.hex()]
    assert renamed["title"].tolist() == ["root"]


def test_documents_are_rows_or_one_text(frame: Frame) -> None:
    """`explode` makes a row of each document, `concat` one text of all."""
    documents = frame(SpanQuery().explode("retrieval.documents", text="document.content", score="document.score"))
    assert documents.index.names == ["context.span_id", "document_position"]
    assert documents["text"].tolist() == ["first", "second"]
    assert documents["score"].tolist() == [0.9, 0.1]
    joined = frame(SpanQuery().select("name").concat("retrieval.documents", text="document.content"))
    assert joined.to_dict("records") == [{"name": "search", "text": "first\n\nsecond"}]


def test_time_roots_and_limit_narrow_a_frame(frame: Frame) -> None:
    """The arguments beside the query hold too."""
    names = SpanQuery().select("name")
    middle = datetime.fromtimestamp(otlp.START / otlp.SECOND + 0.5, UTC)
    assert frame(names, start_time=middle)["name"].tolist() == ["search"]
    assert sorted(frame(names, end_time=middle)["name"]) == ["call", "root"]
    assert sorted(frame(names, root_spans_only=True)["name"]) == ["root", "search"]
    assert len(frame(names, limit=2)) == 2


@pytest.mark.parametrize("condition", ["name ==", "name == 1", "latency_ms > 'x'", "name.lower() == 'a'", "(" * 500])
def test_a_condition_that_cannot_be_used_is_refused(frame: Frame, condition: str) -> None:
    """422, and this server shows the place."""
    with pytest.raises(HTTPStatusError) as refused:
        frame(SpanQuery().where(condition))
    assert refused.value.response.status_code == 422
    if not IS_PEER:
        error = refused.value.response.json()["errors"][0]
        assert error["field"] == "queries.0.filter.condition"
        assert "^" in error["detail"]


def test_traces_are_picked_by_a_condition(server: Server, key: str, project: str, stored: list[Span]) -> None:
    """The list of traces takes conditions on traces, over their spans too."""
    found = requests.get(
        f"{server.base_url}/v1/projects/{project}/traces",
        params={"filter": "any(s.span_kind == 'LLM' for s in spans) and 'hello' in input"},
        headers=bearer(key),
        timeout=20,
    )
    assert [trace["trace_id"] for trace in found.json()["data"]] == [stored[0].trace_id.hex()]
    refused = requests.get(
        f"{server.base_url}/v1/projects/{project}/traces",
        params={"filter": secrets.token_hex(4) + " =="},
        headers=bearer(key),
        timeout=20,
    )
    assert refused.status_code == (400 if IS_PEER else 422)
