"""A small trace with one of everything, and what each door of the server must say about it."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.trace import Span, Status, StatusCode, Tracer, set_span_in_context

from .api import Api
from .server import IS_PEER

START = 1_760_000_000_123_456_000
MILLISECOND = 1_000_000
KIND = "openinference.span.kind"

ROOT_ATTRIBUTES: dict[str, Any] = {
    KIND: "CHAIN",
    "text": "plain",
    "text.unicode": 'é ☃ 😀 "quoted" \\ and\na line',
    "text.empty": "",
    "flag.true": True,
    "flag.false": False,
    "number.int": 7,
    "number.negative": -3,
    "number.beyond.double": 2**53 + 1,
    "number.max": 2**63 - 1,
    "number.float": 1.5,
    "number.whole.float": 2.0,
    "number.large.float": 1e300,
    "list.text": ("x", "y"),
    "list.flags": (True, False),
    "list.ints": (1, 2, 3),
    "list.floats": (1.0, 2.5),
    "metadata": '{"user": "u1", "nested": {"depth": 2}}',
    "input.value": '{"question": "why?"}',
    "input.mime_type": "application/json",
}
CHILD_ATTRIBUTES: dict[str, Any] = {
    KIND: "LLM",
    "llm.model_name": "some-model",
    "llm.token_count.prompt": 5,
    "llm.token_count.completion": 6,
    "llm.invocation_parameters": '{"temperature": 0.5}',
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "be brief",
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.content": "hello",
}
PARSED_METADATA = {"metadata.user": "u1", "metadata.nested.depth": 2}
EXCEPTION = {
    "exception.type": "ValueError",
    "exception.message": "boom",
    "exception.stacktrace": "Traceback: boom",
    "exception.escaped": "False",
}


@dataclass(frozen=True)
class Event:
    """An event as the sender meant it."""

    name: str
    time: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Expected:
    """A span as the sender meant it; times in nanoseconds that are whole microseconds.

    `sent` holds the attributes as they were sent, `attributes` what `/spans` makes of them.
    """

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start: int
    end: int
    kind: str = "UNKNOWN"
    status_code: str = "UNSET"
    status_message: str = ""
    sent: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()


def send_specimen(tracer: Tracer) -> list[Expected]:
    """Create and end three generations of spans, and return what the server must have stored."""
    # A session belongs to the project that used its id first, so every specimen has its own.
    root_attributes = ROOT_ATTRIBUTES | {"session.id": f"session-{secrets.token_hex(6)}"}
    root = tracer.start_span("root", start_time=START, attributes=root_attributes)
    child_start = START + 10 * MILLISECOND
    child = tracer.start_span(
        "child", context=set_span_in_context(root), start_time=child_start, attributes=CHILD_ATTRIBUTES
    )
    grandchild = tracer.start_span("grandchild", context=set_span_in_context(child), start_time=child_start)
    grandchild_end = child_start + MILLISECOND
    grandchild.end(grandchild_end)
    failure = Event("exception", child_start + 2 * MILLISECOND, EXCEPTION)
    child.add_event(failure.name, failure.attributes, failure.time)
    child.set_status(Status(StatusCode.ERROR, "boom"))
    child_end = START + 100 * MILLISECOND
    child.end(child_end)
    remark = Event("remark", START + 200 * MILLISECOND, {"size": 3, "deep.key": "x", "list": (1, 2)})
    root.add_event(remark.name, remark.attributes, remark.time)
    root.set_status(Status(StatusCode.OK))
    root_end = START + 1500 * MILLISECOND
    root.end(root_end)
    return [
        Expected(
            **_ids(root, None),
            start=START,
            end=root_end,
            kind="CHAIN",
            status_code="OK",
            sent=root_attributes,
            attributes=_without(root_attributes, KIND, "metadata") | PARSED_METADATA,
            events=(remark,),
        ),
        Expected(
            **_ids(child, root),
            start=child_start,
            end=child_end,
            kind="LLM",
            status_code="ERROR",
            status_message="boom",
            sent=CHILD_ATTRIBUTES,
            attributes=_without(CHILD_ATTRIBUTES, KIND),
            events=(failure,),
        ),
        Expected(**_ids(grandchild, child), start=child_start, end=grandchild_end),
    ]


def assert_stored(api: Api, project: str, expected: list[Expected]) -> None:
    """Read the project back through every REST door and compare it with what was sent."""
    assert_same_spans(api.spans(project, len(expected)).values(), expected)
    otlp = api.otlp_spans(project)
    assert otlp.keys() == {span.name for span in expected}
    for span in expected:
        _assert_same_otlp(otlp[span.name], span)
    (trace,) = api.call("listProjectTraces", project_identifier=project, include_spans=True)["data"]
    stored_project = api.call("getProject", project_identifier=project)["data"]
    assert stored_project["name"] == project
    assert trace["project_id"] == stored_project["id"]
    assert_same_trace(trace, expected)


def assert_same_spans(found: Iterable[Mapping[str, Any]], expected: list[Expected]) -> None:
    """Compare spans in the shape of `/spans`, which is also what the clients return."""
    by_name = {span["name"]: span for span in found}
    assert by_name.keys() == {span.name for span in expected}
    for span in expected:
        stored = by_name[span.name]
        assert stored["context"] == {"trace_id": span.trace_id, "span_id": span.span_id}
        assert stored["parent_id"] == span.parent_id
        assert stored["span_kind"] == span.kind
        assert stored["status_code"] == span.status_code
        assert stored["status_message"] == span.status_message
        assert moment(stored["start_time"]) == instant(span.start)
        assert moment(stored["end_time"]) == instant(span.end)
        assert _text(stored["attributes"]) == _text(span.attributes)
        assert [event["name"] for event in stored["events"]] == [event.name for event in span.events]
        for stored_event, event in zip(stored["events"], span.events, strict=True):
            assert moment(stored_event["timestamp"]) == instant(event.time)
            assert _text(stored_event["attributes"]) == _text(event.attributes)


def assert_same_trace(found: Mapping[str, Any], expected: list[Expected]) -> None:
    """Compare a trace in the shape of `/traces?include_spans=true`."""
    assert found["trace_id"] == expected[0].trace_id
    assert moment(found["start_time"]) == instant(min(span.start for span in expected))
    assert moment(found["end_time"]) == instant(max(span.end for span in expected))
    assert found["token_count_prompt"] == 5
    assert found["token_count_completion"] == 6
    assert found["token_count_total"] == 11
    stored = {span["name"]: span for span in found["spans"]}
    assert stored.keys() == {span.name for span in expected}
    for span in expected:
        assert stored[span.name]["span_id"] == span.span_id
        assert stored[span.name]["parent_id"] == span.parent_id
        assert stored[span.name]["span_kind"] == span.kind
        assert stored[span.name]["status_code"] == span.status_code


def moment(text: str) -> datetime:
    """The moment that a time on the wire names."""
    return datetime.fromisoformat(text)


def instant(nanoseconds: int) -> datetime:
    """The moment of a time in nanoseconds, exact to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)


def plain(value: Mapping[str, Any]) -> Any:
    """The value inside an OTLP `AnyValue`, whose unused forms are null or absent."""
    ((form, inner),) = ((form, inner) for form, inner in value.items() if inner is not None)
    return [plain(item) for item in inner["values"]] if form == "array_value" else inner


def _assert_same_otlp(found: Mapping[str, Any], span: Expected) -> None:
    assert (found["trace_id"], found["span_id"]) == (span.trace_id, span.span_id)
    assert found["parent_span_id"] == span.parent_id
    assert found["status"]["code"] == ["UNSET", "OK", "ERROR"].index(span.status_code)
    assert (found["status"]["message"] or "") == span.status_message
    _assert_same_nanoseconds(found["start_time_unix_nano"], span.start)
    _assert_same_nanoseconds(found["end_time_unix_nano"], span.end)
    # The peer opens `metadata` here as on `/spans`; this server tells what was sent.
    kind = {} if span.kind == "UNKNOWN" else {KIND: span.kind}
    assert _text(_otlp_attributes(found)) == _text({**span.attributes, **kind} if IS_PEER else span.sent)
    for stored, event in zip(found["events"] or [], span.events, strict=True):
        assert stored["name"] == event.name
        _assert_same_nanoseconds(stored["time_unix_nano"], event.time)
        assert _text(_otlp_attributes(stored)) == _text(event.attributes)


def _assert_same_nanoseconds(found: int | str, sent: int) -> None:
    # The peer passes its times through a double and is off by some hundred nanoseconds.
    assert abs(int(found) - sent) < 1000


def _otlp_attributes(found: Mapping[str, Any]) -> dict[str, Any]:
    return {attribute["key"]: plain(attribute["value"]) for attribute in found["attributes"]}


def _ids(span: Span, parent: Span | None) -> dict[str, Any]:
    context = span.get_span_context()
    return {
        "name": span.name,
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "parent_id": f"{parent.get_span_context().span_id:016x}" if parent else None,
    }


def _without(attributes: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key not in keys}


def _text(attributes: Mapping[str, Any]) -> str:
    """A form that tells 2 from 2.0 and 1 from true, and forgets the order of keys."""
    return json.dumps(dict(attributes), sort_keys=True)
