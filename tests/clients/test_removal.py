"""Sessions, and what the clients send, delete and move: spans, traces, sessions, retention policies."""

import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from phoenix.client.exceptions import SpanCreationError

from support.api import Api
from support.clients import Run


def new_span(trace_id: str, session: str | None = None, parent_id: str | None = None, minute: int = 0) -> dict[str, Any]:
    """A span as the clients write them."""
    attributes = {"input.value": f"asked {minute}", "output.value": f"told {minute}", "llm.token_count.prompt": 3}
    return {
        "name": "n",
        "context": {"trace_id": trace_id, "span_id": secrets.token_hex(8)},
        "span_kind": "LLM",
        "parent_id": parent_id,
        "start_time": f"2026-03-01T10:{minute:02}:00+00:00",
        "end_time": f"2026-03-01T10:{minute:02}:30+00:00",
        "status_code": "OK",
        "attributes": attributes | ({"session.id": session} if session else {}),
    }


@pytest.fixture
def talk(as_member: Run, api: Api, project: str, new_name: Callable[[str], str]) -> tuple[str, list[str]]:
    """A session of three traces of two spans each: its name, and the trace ids, earliest first."""
    session, traces = new_name("talk"), [secrets.token_hex(16) for _ in range(3)]
    spans = []
    for minute, trace_id in enumerate(traces):
        root = new_span(trace_id, session, minute=minute)
        spans += [root, new_span(trace_id, parent_id=root["context"]["span_id"], minute=minute + 10)]
    answer = as_member(lambda client: client.spans.log_spans(project_identifier=project, spans=spans))
    assert answer == {"total_received": 6, "total_queued": 6}
    api.spans(project, 6)
    return session, traces


def left(api: Api, project: str) -> tuple[int, int]:
    """How many traces and spans a project has."""
    counts = [
        len(api.call(operation, project_identifier=project)["data"]) for operation in ("listProjectTraces", "getSpans")
    ]
    return counts[0], counts[1]


def test_spans_that_are_logged_are_read_back(as_member: Run, api: Api, project: str) -> None:
    """What is not given has its default, and what is there already is refused with all that came along."""
    span = new_span(secrets.token_hex(16))
    as_member(lambda client: client.spans.log_spans(project_identifier=project, spans=[span]))
    stored = api.spans(project, 1)["n"]
    assert stored == span | {"id": stored["id"], "events": [], "status_message": ""}
    with pytest.raises(SpanCreationError) as caught:
        again = [span, new_span(secrets.token_hex(16))]
        as_member(lambda client: client.spans.log_spans(project_identifier=project, spans=again))
    assert (caught.value.total_received, caught.value.total_queued, caught.value.total_duplicates) == (2, 0, 1)
    assert caught.value.duplicate_spans == [span["context"]]
    assert left(api, project) == (1, 1)


@pytest.mark.ours_only
def test_spans_with_ids_of_another_form_are_refused(as_member: Run, project: str) -> None:
    """The peer keeps any text as an id."""
    with pytest.raises(SpanCreationError) as caught:
        spans = [new_span("not hexadecimal")]
        as_member(lambda client: client.spans.log_spans(project_identifier=project, spans=spans))
    assert caught.value.total_invalid == 1
    assert "trace_id" in caught.value.invalid_spans[0]["error"]


def test_a_session_is_read_with_its_traces(as_member: Run, project: str, talk: tuple[str, list[str]]) -> None:
    """By its name, by its global id, in the list, and as turns."""
    name, traces = talk
    session = as_member(lambda client: client.sessions.get(session_id=name))
    assert [trace["trace_id"] for trace in session["traces"]] == traces
    assert (session["start_time"], session["end_time"]) == ("2026-03-01T10:00:00+00:00", "2026-03-01T10:12:30+00:00")
    assert (session["token_count_prompt"], session["token_count_total"]) == (18, 18)
    assert as_member(lambda client: client.sessions.get(session_id=session["id"])) == session
    assert as_member(lambda client: client.sessions.list(project_name=project)) == [session]
    turns = as_member(lambda client: client.sessions.get_session_turns(session_id=name))
    assert [turn["input"]["value"] for turn in turns] == ["asked 0", "asked 1", "asked 2"]


def test_a_deleted_session_takes_its_traces_along(
    as_member: Run, api: Api, project: str, talk: tuple[str, list[str]]
) -> None:
    """One by one and several at once; what is not there is an error only one by one."""
    name, _ = talk
    as_member(lambda client: client.sessions.delete(session_id=name))
    assert left(api, project) == (0, 0)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        as_member(lambda client: client.sessions.delete(session_id=name))
    assert caught.value.response.status_code == 404
    spans = [new_span(secrets.token_hex(16), f"{name} {number}") for number in range(3)]
    as_member(lambda client: client.spans.log_spans(project_identifier=project, spans=spans))
    api.spans(project, 3)
    gone = [f"{name} 0", f"{name} 2", name]
    as_member(lambda client: client.sessions.bulk_delete(session_ids=gone))
    kept = as_member(lambda client: client.sessions.list(project_name=project))
    assert [session["session_id"] for session in kept] == [f"{name} 1"]


def test_a_deleted_span_leaves_the_rest_of_its_trace(
    as_member: Run, api: Api, project: str, talk: tuple[str, list[str]]
) -> None:
    """Until it was the last."""
    _, traces = talk
    spans = api.call("getSpans", project_identifier=project, trace_id=traces[0])["data"]
    as_member(lambda client: client.spans.delete(span_identifier=spans[0]["context"]["span_id"]))
    assert left(api, project) == (3, 5)
    as_member(lambda client: client.spans.delete(span_identifier=spans[1]["id"]))
    assert left(api, project) == (2, 4)


def test_traces_are_deleted_by_id_and_by_time(api: Api, project: str, talk: tuple[str, list[str]]) -> None:
    """A range holds its first instant and not its last."""
    _, traces = talk
    api.call("deleteTrace", expect=204, trace_identifier=traces[0])
    api.call("deleteTrace", expect=404, trace_identifier=traces[0])
    bounds = {"start_time": "2026-03-01T10:01:00Z", "end_time": "2026-03-01T10:02:00Z"}
    api.call("deleteProjectTraces", expect=204, project_identifier=project, **bounds)
    kept = api.call("listProjectTraces", project_identifier=project)["data"]
    assert [trace["trace_id"] for trace in kept] == traces[2:]
    backwards = {"start_time": bounds["end_time"], "end_time": bounds["start_time"]}
    api.call("deleteProjectTraces", expect=422, project_identifier=project, **backwards)


def test_traces_move_to_another_project(
    api: Api, project: str, talk: tuple[str, list[str]], new_name: Callable[[str], str]
) -> None:
    """They keep their ids."""
    _, traces = talk
    other = new_name("other")
    api.call("createProject", json={"name": other})
    before = api.call("listProjectTraces", project_identifier=project, order="asc")["data"]
    body = {"trace_identifiers": [traces[0], before[1]["id"]], "destination_project_identifier": other}
    moved = api.call("transferTraces", json=body)["data"]
    assert moved["transferred_trace_count"] == 2
    after = api.call("listProjectTraces", project_identifier=other, order="asc")["data"]
    there = {"project_id": moved["destination_project_id"]}
    assert after == [trace | there for trace in before[:2]]
    assert left(api, project) == (1, 2)
    assert left(api, other) == (2, 4)


@pytest.mark.ours_only
def test_the_session_of_a_moved_trace_is_of_its_new_project(
    as_member: Run, api: Api, project: str, talk: tuple[str, list[str]], new_name: Callable[[str], str]
) -> None:
    """The peer leaves it behind, and shows traces of one project in a session of another."""
    name, traces = talk
    other = new_name("other")
    api.call("createProject", json={"name": other})
    body = {"trace_identifiers": traces[:2], "destination_project_identifier": other}
    api.call("transferTraces", json=body)
    for where, count in ((project, 1), (other, 2)):
        sessions = as_member(lambda client, where=where: client.sessions.list(project_name=where))
        assert [(session["session_id"], len(session["traces"])) for session in sessions] == [(name, count)]


CREATE = """mutation ($input: CreateProjectTraceRetentionPolicyInput!) {
  createProjectTraceRetentionPolicy(input: $input) { node { id cronExpression projects { edges { node { name } } } } }
}"""
DELETE = """mutation ($input: DeleteProjectTraceRetentionPolicyInput!) {
  deleteProjectTraceRetentionPolicy(input: $input) { node { id } }
}"""


def test_a_project_is_put_under_a_retention_policy(admin: Api, project: str, new_name: Callable[[str], str]) -> None:
    """By GraphQL when the policy is made, by REST afterwards; null is the default policy."""
    project_id = admin.call("createProject", json={"name": project})["data"]["id"]
    rule = {"maxDaysOrCount": {"maxDays": 36000, "maxCount": 0}}
    wanted = {"name": new_name("policy"), "cronExpression": "0 0 * * 0", "rule": rule, "addProjects": [project_id]}
    policy = admin.graphql(CREATE, input=wanted)["data"]["createProjectTraceRetentionPolicy"]["node"]
    assert policy["projects"]["edges"] == [{"node": {"name": project}}]
    for given, expected in ((None, None), (policy["id"], policy["id"])):
        body = {"policy_id": given}
        answer = admin.call("setProjectRetentionPolicy", json=body, project_identifier=project)
        assert answer["data"] == {"project_id": project_id, "policy_id": expected}
    admin.graphql(DELETE, input={"id": policy["id"]})
