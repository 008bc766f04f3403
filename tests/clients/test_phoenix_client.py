"""`arize-phoenix-client`, in its sync and async form."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from support.api import Api
from support.clients import Run
from support.server import IS_PEER, Server
from support.specimen import Expected, assert_same_spans, assert_same_trace, instant, moment, send_specimen


@pytest.fixture
def stored(server: Server, key: str, api: Api, project: str) -> list[Expected]:
    """The specimen trace, stored in the project."""
    provider = TracerProvider(resource=Resource({"openinference.project.name": project}), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(server.traces_url, headers={"authorization": f"Bearer {key}"})
    provider.add_span_processor(BatchSpanProcessor(exporter))
    expected = send_specimen(provider.get_tracer(__name__))
    provider.shutdown()
    api.spans(project, len(expected))
    return expected


def refused(run: Run, use: Callable[[Any], Any]) -> httpx.Response:
    """The answer that made the client raise its own error."""
    with pytest.raises(httpx.HTTPStatusError) as caught:
        run(use)
    return caught.value.response


def test_a_project_lives_from_creation_to_deletion(as_member: Run, as_admin: Run, project: str) -> None:
    """Create, read by id and by name, find in the list, update, delete."""
    created = as_member(lambda client: client.projects.create(name=project, description="first"))
    assert created == {"id": created["id"], "name": project, "description": "first"}
    assert as_member(lambda client: client.projects.get(project_name=project)) == created
    assert as_member(lambda client: client.projects.get(project_id=created["id"])) == created
    assert as_member(lambda client: client.projects.list(name_contains=project.upper())) == [created]
    names = [found["name"] for found in as_member(lambda client: client.projects.list())]
    assert project in names
    assert "default" in names
    updated = as_admin(lambda client: client.projects.update(project_name=project, description="second"))
    assert updated == created | {"description": "second"}
    as_admin(lambda client: client.projects.delete(project_id=created["id"]))
    gone = refused(as_member, lambda client: client.projects.get(project_name=project))
    assert gone.status_code == 404
    assert f"Project with name {project} not found" in gone.text


def test_a_project_without_a_description_has_null(as_member: Run, project: str) -> None:
    """The field is there, and it is null."""
    created = as_member(lambda client: client.projects.create(name=project))
    assert created["description"] is None


@pytest.mark.ours_only
def test_a_second_project_of_the_same_name_is_a_conflict(as_member: Run, project: str) -> None:
    """The peer answers 500 here."""
    as_member(lambda client: client.projects.create(name=project))
    assert refused(as_member, lambda client: client.projects.create(name=project)).status_code == 409


def test_only_administrators_change_and_delete_projects(as_member: Run, project: str) -> None:
    """A system key acts as a member."""
    as_member(lambda client: client.projects.create(name=project))
    for use in (
        lambda client: client.projects.update(project_name=project, description="x"),
        lambda client: client.projects.delete(project_name=project),
    ):
        answer = refused(as_member, use)
        assert answer.status_code == 403
        assert "Only admin or system users can perform this action." in answer.text


def test_the_default_project_cannot_be_deleted(as_admin: Run) -> None:
    """Not even by an administrator."""
    answer = refused(as_admin, lambda client: client.projects.delete(project_name="default"))
    assert answer.status_code == 403
    assert "The default project cannot be deleted" in answer.text


def test_the_client_reads_the_spans_that_were_sent(as_member: Run, project: str, stored: list[Expected]) -> None:
    """Every field, with no filter."""
    assert_same_spans(as_member(lambda client: client.spans.get_spans(project_identifier=project)), stored)


def test_the_client_filters_spans_by_everything_it_offers(as_member: Run, project: str, stored: list[Expected]) -> None:
    """Filters are joined by AND, several values of one filter by OR; most ask for the server's version first."""
    root, child, grandchild = stored
    start = instant(root.start)
    for filters, expected in [
        ({"trace_ids": [root.trace_id]}, stored),
        ({"trace_ids": ["0" * 31 + "1"]}, []),
        ({"span_ids": [child.span_id, grandchild.span_id]}, [child, grandchild]),
        ({"parent_id": "null"}, [root]),
        ({"parent_id": root.span_id}, [child]),
        ({"name": ["root", "child"]}, [root, child]),
        ({"span_kind": "LLM"}, [child]),
        ({"span_kind": ["UNKNOWN", "CHAIN"]}, [root, grandchild]),
        ({"status_code": "ERROR"}, [child]),
        ({"status_code": ["OK", "UNSET"]}, [root, grandchild]),
        ({"attributes": {"text": "plain", "number.int": 7}}, [root]),
        ({"attributes": {"number.float": 1.5, "flag.true": True}}, [root]),
        ({"attributes": {"number.int": "7"}}, []),
        # Peer only: it opens `metadata` when it stores a span, so its filters look inside; ours look at what was sent.
        *([({"attributes": {"metadata.user": "u1"}}, [root])] if IS_PEER else []),
        ({"start_time": start, "end_time": start + timedelta(milliseconds=10)}, [root]),
        ({"start_time": start + timedelta(milliseconds=10)}, [child, grandchild]),
        ({"span_kind": "LLM", "status_code": "OK"}, []),
    ]:
        found = as_member(lambda client: client.spans.get_spans(project_identifier=project, **filters))
        assert sorted(span["name"] for span in found) == sorted(span.name for span in expected), filters


def test_the_client_follows_the_cursor_and_stops_at_its_limit(
    as_member: Run, project: str, stored: list[Expected]
) -> None:
    """One span a page still gives them all; a limit cuts."""
    assert len(as_member(lambda client: client.spans.get_spans(project_identifier=project, limit=2))) == 2
    by_id = as_member(lambda client: client.projects.get(project_name=project))["id"]
    assert_same_spans(as_member(lambda client: client.spans.get_spans(project_identifier=by_id)), stored)


def test_the_client_lists_traces(as_member: Run, project: str, stored: list[Expected]) -> None:
    """With and without their spans, and by latency and error."""
    (trace,) = as_member(lambda client: client.traces.get_traces(project_identifier=project, include_spans=True))
    assert_same_trace(trace, stored)
    for filters, count in [
        ({}, 1),
        ({"error": True}, 1),
        ({"error": False}, 0),
        ({"min_latency_ms": 1500}, 1),
        ({"min_latency_ms": 1501}, 0),
        ({"max_latency_ms": 1499}, 0),
        ({"session_id": stored[0].attributes["session.id"]}, 1),
        ({"session_id": "session-of-nobody"}, 0),
        ({"start_time": instant(stored[0].start), "sort": "latency_ms", "order": "asc"}, 1),
        ({"end_time": instant(stored[0].start)}, 0),
    ]:
        found = as_member(lambda client: client.traces.get_traces(project_identifier=project, **filters))
        assert len(found) == count, filters
        assert all(not trace.get("spans") for trace in found)
        assert all(moment(trace["start_time"]) == instant(stored[0].start) for trace in found)


def test_an_unknown_project_is_the_client_s_http_error(as_member: Run, project: str) -> None:
    """Spans and traces say which project is missing."""
    for use in (
        lambda client: client.spans.get_spans(project_identifier=project),
        lambda client: client.traces.get_traces(project_identifier=project),
    ):
        answer = refused(as_member, use)
        assert answer.status_code == 404
        assert f"Project with name {project} not found" in answer.text


def test_a_wrong_key_is_the_client_s_http_error(connect: Callable[[str], Run], project: str) -> None:
    """Also for a call that asks for the server's version first."""
    run = connect("wrong")
    for use in (
        lambda client: client.projects.list(),
        lambda client: client.spans.get_spans(project_identifier=project),
        lambda client: client.spans.get_spans(project_identifier=project, span_ids=["0" * 16]),
    ):
        answer = refused(run, use)
        assert answer.status_code == 401
        assert "Invalid token" in answer.text
