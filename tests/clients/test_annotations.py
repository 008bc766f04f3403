"""Annotations, notes and annotation configs: by `arize-phoenix-client` in both its forms, and over plain REST."""

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from phoenix.client import AsyncClient, Client

from support import otlp
from support.api import Api, bearer
from support.polling import poll
from support.server import Server

Run = Callable[[Callable[[Any], Any]], Any]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, server: Server, key: str) -> Run:
    """Apply a function to a fresh client of either kind."""

    async def run_async(use: Callable[[Any], Any]) -> Any:
        answer = use(AsyncClient(base_url=server.base_url, api_key=key))
        return await answer if inspect.isawaitable(answer) else answer

    if request.param == "sync":
        return lambda use: use(Client(base_url=server.base_url, api_key=key))
    return lambda use: asyncio.run(run_async(use))


@dataclass(frozen=True)
class Target:
    """One span with two documents, in a session."""

    project: str
    span_id: str
    trace_id: str
    session_id: str


@pytest.fixture
def send(server: Server, key: str, project: str) -> Callable[[Span], None]:
    """Export a span into the test's project."""

    def export(span: Span) -> None:
        answer = requests.post(
            server.traces_url,
            data=otlp.request(project, span).SerializeToString(),
            headers=bearer(key) | {"content-type": "application/x-protobuf"},
            timeout=20,
        )
        assert answer.status_code == 200, answer.text

    return export


def new_span(session: str) -> Span:
    """A span with two documents, in a session."""
    documents = {f"retrieval.documents.{n}.document.content": "text" for n in range(2)}
    return otlp.span("annotated", documents | {"session.id": session})


def target_of(project: str, span: Span, session: str) -> Target:
    """The ids of a span."""
    return Target(project, span.span_id.hex(), span.trace_id.hex(), session)


@pytest.fixture
def target(send: Callable[[Span], None], api: Api, project: str, new_name: Callable[[str], str]) -> Target:
    """A span that is stored."""
    session = new_name("session")
    span = new_span(session)
    send(span)
    api.spans(project, 1)
    return target_of(project, span, session)


def listed(api: Api, kind: str, target: Target, **parameters: Any) -> list[dict[str, Any]]:
    """The annotations of the target, as REST tells them."""
    operation = {
        "span": "listSpanAnnotationsBySpanIds",
        "trace": "listTraceAnnotationsByTraceIds",
        "session": "listSessionAnnotationsBySessionIds",
    }[kind]
    ids = {f"{kind}_ids": getattr(target, f"{kind}_id")}
    return api.call(operation, project_identifier=target.project, limit=100, **ids, **parameters)["data"]


@pytest.mark.parametrize("kind", ["span", "trace", "session"])
def test_an_annotation_by_the_client_reads_back(run: Run, api: Api, target: Target, kind: str) -> None:
    """What is said again under the same name and identifier replaces what was said before."""

    def say(client: Any, **said: Any) -> Any:
        add = getattr(getattr(client, f"{kind}s"), f"add_{kind}_annotation")
        return add(**{f"{kind}_id": getattr(target, f"{kind}_id")}, annotation_name="quality", sync=True, **said)

    first = run(lambda client: say(client, annotator_kind="LLM", label="good", score=0.75, explanation="why"))
    (row,) = listed(api, kind, target)
    assert row["id"] == first["id"]
    assert (row["name"], row["annotator_kind"], row["source"]) == ("quality", "LLM", "API")
    assert row["result"] == {"label": "good", "score": 0.75, "explanation": "why"}
    again = run(lambda client: say(client, label="bad", metadata={"deep": {"n": 1}}))
    other = run(lambda client: say(client, label="other", identifier="second"))
    assert (again["id"], other["id"] != first["id"]) == (first["id"], True)
    rows = {row["identifier"]: row for row in listed(api, kind, target)}
    assert rows[""]["result"] == {"label": "bad", "score": None, "explanation": None}
    assert (rows[""]["metadata"], rows["second"]["result"]["label"]) == ({"deep": {"n": 1}}, "other")


@pytest.mark.parametrize("kind", ["span", "trace", "session"])
def test_a_batch_by_the_client_is_stored_without_waiting(run: Run, api: Api, target: Target, kind: str) -> None:
    """Without `sync` there is no id in the answer, and the rows are there soon."""
    batch = [
        {f"{kind}_id": getattr(target, f"{kind}_id"), "name": name, "annotator_kind": "CODE", "result": {"score": 1}}
        for name in ("one", "two")
    ]
    log = f"log_{kind}_annotations"
    answer = run(lambda client: getattr(getattr(client, f"{kind}s"), log)(**{f"{kind}_annotations": batch}))
    assert not answer
    rows = poll(lambda: found if len(found := listed(api, kind, target)) == 2 else None, "two annotations")
    assert sorted(row["name"] for row in rows) == ["one", "two"]


def test_the_clients_own_reading_finds_what_its_own_writing_wrote(run: Run, target: Target) -> None:
    """By the names that it is asked for and without those that it is not."""
    run(
        lambda client: client.spans.add_span_annotation(
            span_id=target.span_id, annotation_name="quality", label="good", explanation="why", sync=True
        )
    )
    rows = run(
        lambda client: client.spans.get_span_annotations(
            span_ids=[target.span_id], project_identifier=target.project, include_annotation_names=["quality"]
        )
    )
    assert [row["result"]["explanation"] for row in rows] == ["why"]
    rows = run(
        lambda client: client.spans.get_span_annotations(
            span_ids=[target.span_id], project_identifier=target.project, exclude_annotation_names=["quality"]
        )
    )
    assert rows == []


def test_documents_are_annotated_by_position(run: Run, api: Api, target: Target) -> None:
    """A position that the span does not have is refused."""
    made = run(
        lambda client: client.spans.add_document_annotation(
            span_id=target.span_id, document_position=1, annotation_name="relevance", label="yes", sync=True
        )
    )
    assert made["id"]
    said = {"span_id": target.span_id, "name": "relevance", "annotator_kind": "CODE", "document_position": 2}
    refused = api.call("annotateSpanDocuments", expect=422, sync="true", json={"data": [said]})
    assert refused == f"Document position 2 is out of bounds for span {target.span_id} (max: 1)"


def test_notes_by_the_client_pile_up(run: Run, api: Api, target: Target) -> None:
    """Each note is an annotation of its own; one with an identifier is replaced."""
    first = run(lambda client: client.spans.add_span_note(span_id=target.span_id, note="one"))
    second = run(lambda client: client.spans.add_span_note(span_id=target.span_id, note="two"))
    assert first["id"] != second["id"]
    rows = listed(api, "span", target, include_annotation_names="note")
    assert [row["result"]["explanation"] for row in rows] == ["two", "one"]


@pytest.mark.parametrize(
    ("kind", "operation"),
    [("span", "createSpanNote"), ("trace", "createTraceNote"), ("session", "createSessionNote")],
)
def test_a_note_with_an_identifier_is_replaced(api: Api, target: Target, kind: str, operation: str) -> None:
    """As the identifier of an annotation, it names the note for good."""
    note = {f"{kind}_id": getattr(target, f"{kind}_id"), "note": "first", "identifier": "mine"}
    made = api.call(operation, json={"data": note})["data"]
    assert api.call(operation, json={"data": note | {"note": "second"}})["data"] == made
    assert [row["result"]["explanation"] for row in listed(api, kind, target)] == ["second"]
    api.call(operation, expect=404, json={"data": note | {f"{kind}_id": "nosuch"}})
    api.call(operation, expect=422, json={"data": note | {"note": "  "}})


def test_what_is_said_before_the_span_arrives_is_not_lost(
    run: Run, api: Api, send: Callable[[Span], None], project: str, new_name: Callable[[str], str]
) -> None:
    """An evaluator may be faster than the exporter of the span that it judges."""
    session = new_name("session")
    span = new_span(session)
    target = target_of(project, span, session)
    run(
        lambda client: client.spans.add_span_annotation(
            span_id=target.span_id, annotation_name="early", annotator_kind="CODE", label="kept"
        )
    )
    send(span)

    def arrived() -> list[dict[str, Any]] | None:
        response = api.send(
            "listSpanAnnotationsBySpanIds", project_identifier=project, span_ids=target.span_id
        )
        return (response.json()["data"] or None) if response.status_code == 200 else None

    assert [row["result"]["label"] for row in poll(arrived, "the annotation", seconds=60)] == ["kept"]


def test_in_sync_nothing_is_written_of_what_is_not_there(api: Api, target: Target) -> None:
    """One unknown span refuses the whole batch."""
    said = [{"span_id": span, "name": "n", "annotator_kind": "CODE"} for span in (target.span_id, "ff" * 8)]
    refused = api.call("annotateSpans", expect=404, sync="true", json={"data": said})
    assert refused == f"Spans with IDs {'ff' * 8} do not exist."
    assert listed(api, "span", target) == []


@pytest.mark.parametrize(
    ("kind", "write", "delete"),
    [
        ("span", "annotateSpans", "deleteSpanAnnotations"),
        ("trace", "annotateTraces", "deleteTraceAnnotations"),
        ("session", "annotateSessions", "deleteSessionAnnotations"),
    ],
)
def test_a_bulk_deletion_says_what_it_means(
    api: Api, admin: Api, target: Target, kind: str, write: str, delete: str
) -> None:
    """Without a time range on both sides it must be said that all are meant."""
    said = [
        {f"{kind}_id": getattr(target, f"{kind}_id"), "name": name, "annotator_kind": "CODE", "result": {"score": 1}}
        for name in ("one", "two")
    ]
    api.call(write, sync="true", json={"data": said})
    by_project = {"project_identifier": target.project}
    refused = admin.call(delete, expect=422, name="one", **by_project)
    assert refused.startswith("Delete is unbounded.")
    admin.call(delete, expect=204, name="one", delete_all="true", **by_project)
    assert [row["name"] for row in listed(api, kind, target)] == ["two"]
    past = {"start_time": "2020-01-01T00:00:00Z", "end_time": "2020-01-02T00:00:00Z"}
    admin.call(delete, expect=204, **past, **by_project)
    assert len(listed(api, kind, target)) == 1
    admin.call(delete, expect=204, start_time="2020-01-01T00:00:00Z", end_time="2100-01-01T00:00:00Z", **by_project)
    assert listed(api, kind, target) == []


def test_a_config_is_made_used_changed_and_deleted(api: Api, target: Target, new_name: Callable[[str], str]) -> None:
    """By global id or by name, and gone from the project with its deletion."""
    config = {
        "name": new_name("config"),
        "type": "CATEGORICAL",
        "optimization_direction": "MAXIMIZE",
        "values": [{"label": "good", "score": 1}, {"label": "bad"}],
    }
    made = api.call("createAnnotationConfig", json=config)["data"]
    for identifier in (made["id"], config["name"]):
        assert api.call("getAnnotationConfig", config_identifier=identifier)["data"] == made
    assert made["id"] in [row["id"] for row in api.call("listAnnotationConfigs", limit=1000)["data"]]
    by_project = {"project_identifier": target.project}
    api.call("assignAnnotationConfigToProject", config_identifier=config["name"], **by_project)
    api.call("unassignAnnotationConfigFromProject", expect=204, config_identifier=made["id"], **by_project)
    assert api.call("getProjectAnnotationConfigs", **by_project)["data"] == []
    body = {"annotation_config_ids": [made["id"]]}
    assert api.call("setProjectAnnotationConfigs", json=body, **by_project)["data"] == [made]
    free = {"name": config["name"], "type": "FREEFORM"}
    changed = api.call("updateAnnotationConfig", config_id=made["id"], json=free)["data"]
    assert (changed["type"], changed["id"] != made["id"]) == ("FREEFORM", True)
    assert api.call("getProjectAnnotationConfigs", **by_project)["data"] == [changed]
    assert api.call("deleteAnnotationConfig", config_id=made["id"])["data"] == changed
    assert api.call("getProjectAnnotationConfigs", **by_project)["data"] == []
    assert made["id"] not in [row["id"] for row in api.call("listAnnotationConfigs", limit=1000)["data"]]
