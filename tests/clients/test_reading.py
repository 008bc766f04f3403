"""Reading spans, traces and projects over plain REST: pages, order, filters, and how attributes come back."""

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
import requests
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from support import otlp
from support.api import Api, bearer
from support.server import IS_PEER, Server
from support.specimen import instant, moment, plain

Export = Callable[..., None]
Store = Callable[..., None]
MISSING = "Project with name {} not found"


@pytest.fixture
def export(server: Server, key: str) -> Export:
    """Export spans into a project in one request."""

    def send(project: str, *spans: Span) -> None:
        answer = requests.post(
            server.traces_url,
            data=otlp.request(project, *spans).SerializeToString(),
            headers=bearer(key) | {"content-type": "application/x-protobuf"},
            timeout=20,
        )
        assert answer.status_code == 200, answer.text

    return send


@pytest.fixture
def store(export: Export, api: Api, project: str) -> Store:
    """Export spans into the test's project in one request and wait until all are stored."""

    def send(*spans: Span) -> None:
        export(project, *spans)
        api.spans(project, len(spans))

    return send


@pytest.fixture
def seven(store: Store) -> list[Span]:
    """Seven roots of seven traces; the later ones start earlier, and all end together."""
    end = otlp.START + 10 * otlp.SECOND
    spans = [
        otlp.span(
            f"span {number}", start_time_unix_nano=otlp.START + (7 - number) * otlp.SECOND, end_time_unix_nano=end
        )
        for number in range(7)
    ]
    store(*spans)
    return spans


def walk(api: Api, operation_id: str, **parameters: Any) -> list[list[Any]]:
    """Every page of a listing, following `next_cursor` to its end."""
    pages: list[list[Any]] = []
    cursor: dict[str, str] = {}
    while len(pages) < 100:
        answer = api.call(operation_id, **parameters, **cursor)
        pages.append(answer["data"])
        if answer["next_cursor"] is None:
            return pages
        cursor = {"cursor": answer["next_cursor"]}
    raise AssertionError(f"{operation_id} has no end")


def sizes(pages: list[list[Any]]) -> list[int]:
    """How many items each page has."""
    return [len(page) for page in pages]


def set_forms(value: dict[str, Any]) -> dict[str, Any]:
    """An OTLP `AnyValue` without the forms that it does not use, at every depth."""
    used = {form: inner for form, inner in value.items() if inner is not None}
    if "array_value" in used:
        used["array_value"] = {"values": [set_forms(item) for item in used["array_value"]["values"]]}
    return used


UP, DOWN = list(range(7)), list(range(6, -1, -1))


@pytest.mark.parametrize(
    ("parameters", "order"),
    [
        ({}, DOWN),
        ({"order": "asc"}, UP),
        ({"sort": "start_time"}, UP),
        ({"sort": "start_time", "order": "asc"}, DOWN),
    ],
    ids=str,
)
def test_pages_of_spans_join_to_the_whole_in_every_order(
    parameters: dict[str, str], order: list[int], api: Api, project: str, seven: list[Span]
) -> None:
    """The newest by id come first unless asked otherwise; no page is empty, the last has no cursor."""
    pages = walk(api, "getSpans", project_identifier=project, limit=3, **parameters)
    assert sizes(pages) == [3, 3, 1]
    assert [span["name"] for page in pages for span in page] == [f"span {number}" for number in order]
    assert sizes(walk(api, "getSpans", project_identifier=project, limit=7, **parameters)) == [7]


def test_pages_of_otlp_spans_join_to_the_whole(api: Api, project: str, seven: list[Span]) -> None:
    """In the same order as spans, and with the same cursors."""
    pages = walk(api, "spanSearch", project_identifier=project, limit=3)
    assert sizes(pages) == [3, 3, 1]
    assert [span["name"] for page in pages for span in page] == [f"span {number}" for number in DOWN]
    cursor = api.call("getSpans", project_identifier=project, limit=3)["next_cursor"]
    assert api.call("spanSearch", project_identifier=project, limit=3, cursor=cursor)["data"] == pages[1]


@pytest.mark.parametrize(
    ("parameters", "order"),
    [
        ({}, UP),
        ({"order": "asc"}, DOWN),
        ({"sort": "latency_ms"}, DOWN),
        ({"sort": "latency_ms", "order": "asc"}, UP),
    ],
    ids=str,
)
def test_pages_of_traces_join_to_the_whole_in_every_order(
    parameters: dict[str, str], order: list[int], api: Api, project: str, seven: list[Span]
) -> None:
    """The latest start comes first unless asked otherwise."""
    pages = walk(api, "listProjectTraces", project_identifier=project, limit=3, **parameters)
    assert sizes(pages) == [3, 3, 1]
    found = [trace["trace_id"] for page in pages for trace in page]
    assert found == [seven[number].trace_id.hex() for number in order]


def test_pages_of_projects_join_to_the_whole(api: Api, new_name: Callable[[str], str]) -> None:
    """The newest come first; the name filter holds on every page and takes no wildcards."""
    prefix = new_name("Page_of")
    created = [api.call("createProject", json={"name": f"{prefix}-{number}"})["data"] for number in range(5)]
    pages = walk(api, "getProjects", limit=2, name_contains=prefix.lower())
    assert sizes(pages) == [2, 2, 1]
    assert [project for page in pages for project in page] == created[::-1]
    assert api.call("getProjects", name_contains=prefix.replace("_", "%"))["data"] == []


@pytest.mark.parametrize("operation_id", ["getSpans", "spanSearch", "listProjectTraces"])
def test_a_listing_refuses_what_it_cannot_read(operation_id: str, api: Api) -> None:
    """An unknown project, a limit out of bounds, a cursor that no page gave."""
    missing = f"nowhere-{secrets.token_hex(4)}"
    assert api.call(operation_id, expect=404, project_identifier=missing) == MISSING.format(missing)
    for limit in ("0", "-1", "1001", "many"):
        api.call(operation_id, expect=422, project_identifier="default", limit=limit)
    assert api.call(operation_id, expect=422, project_identifier="default", cursor="zz") == "Invalid cursor"
    api.call(operation_id, expect=422, project_identifier="default", start_time="soon")


def test_spans_refuse_filters_that_name_nothing(api: Api) -> None:
    """The messages repeat what was given, in upper case for the enumerations."""
    for filters, message in [
        ({"status_code": "foo"}, "Invalid status_code values: ['FOO']"),
        ({"span_kind": "foo"}, "Invalid span_kind values: ['FOO']"),
        ({"attribute": "foo"}, "Invalid attribute 'foo': expected format 'key:value'"),
        ({"attribute": ":foo"}, "Invalid attribute: key must not be empty"),
    ]:
        assert api.call("getSpans", expect=422, project_identifier="default", **filters) == message
    api.call("getSpans", expect=422, project_identifier="default", sort="name")
    api.call("listProjectTraces", expect=422, project_identifier="default", sort="name")


@pytest.mark.parametrize("operation_id", ["getSpans", "spanSearch"])
def test_spans_are_filtered_by_their_start(operation_id: str, api: Api, project: str, seven: list[Span]) -> None:
    """The lower bound is part of the range, the upper one is not; a time without an offset is UTC."""
    bound = instant(otlp.START + 4 * otlp.SECOND)
    for text in (bound.isoformat(), bound.isoformat().replace("+00:00", "Z"), bound.replace(tzinfo=None).isoformat()):
        for name, expected in [("start_time", UP[:4]), ("end_time", UP[4:])]:
            found = api.call(operation_id, project_identifier=project, **{name: text})["data"]
            assert sorted(span["name"] for span in found) == [f"span {number}" for number in expected]


def test_attribute_filters_tell_types_apart(api: Api, project: str, store: Store) -> None:
    """An unquoted value is read as JSON if it can be, and as a text if not."""
    attributes = {"int": 5, "float": 5.0, "text": "5", "flag": True, "word": "true", "colon": "x:y"}
    store(otlp.span("one", attributes | {"openinference.span.kind": "LLM"}))
    for attribute, count in [
        ("int:5", 1),
        ('int:"5"', 0),
        ("float:5.0", 1),
        ("text:5", 0),
        ('text:"5"', 1),
        ("flag:true", 1),
        ("word:true", 0),
        ('word:"true"', 1),
        ("colon:x:y", 1),
        ("openinference.span.kind:LLM", 1),
        ("absent:1", 0),
    ]:
        found = api.call("getSpans", project_identifier=project, attribute=attribute)["data"]
        assert len(found) == count, attribute


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"map": {"a": 1, "b": {"c": "x"}}}, {"map.a": 1, "map.b.c": "x"}),
        ({"maps": [{"a": 1}, {"b": [1]}]}, {"maps.0.a": 1, "maps.1.b": [1]}),
        ({"mixed": [1, "a", True]}, {"mixed": [1, "a", True]}),
        ({"list": []}, {"list": []}),
        ({"map": {}}, {}),
        ({"unset": None}, {}),
        ({"nested": "leaf", "nested.a.b": 1}, {"nested": "leaf", "nested.a.b": 1}),
        ({"list.0": 1, "list.1": 2}, {"list.0": 1, "list.1": 2}),
        ({"metadata": '{"a": {"b": 1}}'}, {"metadata.a.b": 1}),
        ({"metadata": "not json"}, {"metadata": "not json"}),
        ({"llm.invocation_parameters": '{"t": 0.5}'}, {"llm.invocation_parameters": '{"t": 0.5}'}),
        ({"text": "a\0b"}, {"text": "a\0b"}),
        ({"zero": -0.0, "tiny": 1e-7, "huge": 1e300}, {"zero": -0.0, "tiny": 1e-7, "huge": 1e300}),
        ({"nan": float("nan"), "inf": float("inf"), "rest": 1}, {"rest": 1}),
    ],
    ids=str,
)
def test_attributes_come_back_flat(
    sent: dict[str, Any], stored: dict[str, Any], api: Api, project: str, store: Store
) -> None:
    """Maps become dotted keys, lists of plain values stay lists, what has no JSON form is left out."""
    store(otlp.span("one", sent))
    found = api.spans(project, 1)["one"]["attributes"]
    assert json.dumps(found, sort_keys=True) == json.dumps(stored, sort_keys=True)
    if IS_PEER:  # Which tells the same there; what this server tells is the next test.
        keys = {attribute["key"] for attribute in api.otlp_spans(project)["one"]["attributes"]}
        assert keys == stored.keys()


@pytest.mark.ours_only
@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"metadata": '{"a": {"b": 1}}'}, {"metadata": {"string_value": '{"a": {"b": 1}}'}}),
        ({"text": "a\0b"}, {"text": {"string_value": "a\0b"}}),
        ({"nan": float("nan")}, {"nan": {"double_value": "NaN"}}),
        (
            {"up": float("inf"), "down": float("-inf")},
            {"up": {"double_value": "Infinity"}, "down": {"double_value": "-Infinity"}},
        ),
        (
            {"whole": 2.0, "count": 2, "flag": True},
            {"whole": {"double_value": 2.0}, "count": {"int_value": 2}, "flag": {"bool_value": True}},
        ),
        (
            {"mixed": [1, "a", 2.0]},
            {"mixed": {"array_value": {"values": [{"int_value": 1}, {"string_value": "a"}, {"double_value": 2.0}]}}},
        ),
        ({"list": []}, {"list": {"array_value": {"values": []}}}),
        ({"bytes": b"\0\1\xff"}, {"bytes": {"bytes_value": "AAH/"}}),
        ({"map": {"a": 1, "b": {"c": "x"}}}, {"map.a": {"int_value": 1}, "map.b.c": {"string_value": "x"}}),
        ({"unset": None, "map": {}}, {}),
    ],
    ids=str,
)
def test_otlp_attributes_come_back_as_they_were_sent(
    sent: dict[str, Any], stored: dict[str, Any], api: Api, project: str, store: Store
) -> None:
    """With their true types, on spans and on events; only maps become dotted keys, as the contract has no maps."""
    event = Span.Event(name="tick", time_unix_nano=otlp.START, attributes=otlp.key_values(sent))
    store(otlp.span("one", sent, events=[event]))
    span = api.otlp_spans(project)["one"]
    for found in (span, *span["events"]):
        told = {attribute["key"]: set_forms(attribute["value"]) for attribute in found["attributes"]}
        assert json.dumps(told, sort_keys=True) == json.dumps(stored, sort_keys=True)


@pytest.mark.ours_only
def test_bytes_in_an_attribute_do_not_lose_the_span(api: Api, project: str, store: Store) -> None:
    """The peer acknowledges such a span and drops it."""
    store(otlp.span("one", {"bytes": b"\0\1\xff", "rest": 1}))
    assert api.spans(project, 1)["one"]["attributes"]["rest"] == 1


@pytest.mark.ours_only
def test_a_span_kind_that_is_no_text_does_not_break_the_listing(api: Api, project: str, store: Store) -> None:
    """The peer answers 500 for the whole project."""
    store(otlp.span("one", {"openinference.span.kind": 5}))
    assert api.spans(project, 1).keys() == {"one"}


def test_span_kinds_that_nobody_knows_are_told_as_they_came(api: Api, project: str, store: Store) -> None:
    """Only the listing of traces brings them into the known set."""
    kinds = {"lower": "tool", "foreign": "NOSUCH"}
    store(*(otlp.span(name, {"openinference.span.kind": kind}) for name, kind in kinds.items()), otlp.span("none"))
    assert {name: span["span_kind"] for name, span in api.spans(project, 3).items()} == kinds | {"none": "UNKNOWN"}
    traces = api.call("listProjectTraces", project_identifier=project, include_spans=True)["data"]
    known = {span["name"]: span["span_kind"] for trace in traces for span in trace["spans"]}
    assert known == {"lower": "TOOL", "foreign": "UNKNOWN", "none": "UNKNOWN"}


def test_times_are_rounded_to_microseconds(api: Api, project: str, store: Store) -> None:
    """In ISO 8601 with an offset; whole seconds have no fraction."""
    store(
        otlp.span(
            "one",
            start_time_unix_nano=otlp.START,
            end_time_unix_nano=otlp.START + 123_456_789,
            events=[Span.Event(name="tick", time_unix_nano=otlp.START + 500_000_001)],
        )
    )
    span = api.spans(project, 1)["one"]
    assert span["start_time"] == "2025-10-09T08:53:20+00:00"
    assert span["end_time"] == "2025-10-09T08:53:20.123457+00:00"
    assert span["events"] == [{"name": "tick", "timestamp": "2025-10-09T08:53:20.500000+00:00", "attributes": {}}]


@pytest.mark.ours_only
def test_otlp_times_are_exact_to_the_microsecond(api: Api, project: str, store: Store) -> None:
    """The peer passes them through a double."""
    store(otlp.span("one", start_time_unix_nano=otlp.START + 223_000_000, end_time_unix_nano=otlp.START + 224_001_000))
    span = api.otlp_spans(project)["one"]
    assert int(span["start_time_unix_nano"]) == otlp.START + 223_000_000
    assert int(span["end_time_unix_nano"]) == otlp.START + 224_001_000


def test_otlp_spans_name_every_form_of_a_value(api: Api, project: str, store: Store) -> None:
    """Unused forms and fields are null, and whole numbers are numbers; the peer calls every kind internal."""
    store(otlp.span("one", {"count": 2**53 + 1}, kind=Span.SPAN_KIND_SERVER, status=Status(code=2, message="no")))
    span = api.otlp_spans(project)["one"]
    (attribute,) = span["attributes"]
    assert plain(attribute["value"]) == 2**53 + 1
    assert attribute["value"].keys() == {
        f"{form}_value" for form in ("array", "bool", "bytes", "double", "int", "kvlist", "string")
    }
    assert span["status"] == {"code": 2, "message": "no"}
    assert span["kind"] == ("SPAN_KIND_INTERNAL" if IS_PEER else "SPAN_KIND_SERVER")
    for field in ("events", "links", "flags", "trace_state", "parent_span_id"):
        assert span[field] is None


@pytest.mark.ours_only
def test_otlp_spans_keep_what_the_peer_forgets(api: Api, project: str, store: Store) -> None:
    """The flags that SDKs set, and the state of the trace."""
    store(otlp.span("one", flags=257, trace_state="vendor=1"))
    span = api.otlp_spans(project)["one"]
    assert (span["flags"], span["trace_state"]) == (257, "vendor=1")


def test_an_orphan_keeps_its_parent_and_is_no_root(api: Api, project: str, store: Store) -> None:
    """`parent_id=null` asks for spans that name no parent."""
    parent = secrets.token_bytes(8)
    store(otlp.span("root"), otlp.span("orphan", parent_span_id=parent))
    assert api.spans(project, 2)["orphan"]["parent_id"] == parent.hex()
    for parent_id, names in [("null", ["root"]), (parent.hex(), ["orphan"])]:
        found = api.call("getSpans", project_identifier=project, parent_id=parent_id)["data"]
        assert [span["name"] for span in found] == names


def test_the_first_span_of_an_id_wins(api: Api, project: str, store: Store, export: Export) -> None:
    """An export that repeats a span, with its start, changes nothing about it; what is new in it is stored."""
    first = otlp.span("first", {"a": 1})
    store(first)
    ids = {"trace_id": first.trace_id, "span_id": first.span_id}
    export(project, otlp.span("again", {"b": 1}, **ids), otlp.span("later", trace_id=first.trace_id))
    spans = api.spans(project, 2)
    assert spans.keys() == {"first", "later"}
    assert spans["first"]["attributes"] == {"a": 1}


def test_a_trace_id_in_two_projects(
    api: Api, project: str, new_name: Callable[[str], str], store: Store, export: Export
) -> None:
    """Two traces for this server; the peer keeps a trace in the project of its first span."""
    first = otlp.span("first", {"a": 1})
    store(first)
    ids = {"trace_id": first.trace_id, "span_id": first.span_id}
    other = new_name("other")
    export(other, otlp.span("again", {"b": 1}, **ids), otlp.span("later", trace_id=first.trace_id))
    if IS_PEER:
        assert api.spans(project, 2).keys() == {"first", "later"}
        api.call("getProject", expect=404, project_identifier=other)
        return
    assert api.spans(other, 2).keys() == {"again", "later"}
    assert api.spans(project, 1)["first"]["attributes"] == {"a": 1}
    for name in (project, other):
        (trace,) = api.call("listProjectTraces", project_identifier=name)["data"]
        assert trace["trace_id"] == first.trace_id.hex()
        assert trace["project_id"] == api.call("getProject", project_identifier=name)["data"]["id"]


def test_a_trace_covers_its_spans_and_sums_the_tokens_of_its_models(api: Api, project: str, store: Store) -> None:
    """From the earliest start to the latest end; only LLM spans count, and the total is the sum of both counts."""
    trace_id = secrets.token_bytes(16)
    tokens = {"llm.token_count.prompt": 5, "llm.token_count.completion": 6}
    model = tokens | {"openinference.span.kind": "LLM"}
    store(
        otlp.span("early", model | {"llm.token_count.total": 100}, trace_id=trace_id),
        otlp.span("late", model, trace_id=trace_id, end_time_unix_nano=otlp.START + 3 * otlp.SECOND),
        otlp.span("chain", tokens | {"openinference.span.kind": "CHAIN"}, trace_id=trace_id),
    )
    (trace,) = api.call("listProjectTraces", project_identifier=project)["data"]
    assert moment(trace["start_time"]) == instant(otlp.START)
    assert moment(trace["end_time"]) == instant(otlp.START + 3 * otlp.SECOND)
    assert [trace[f"token_count_{part}"] for part in ("prompt", "completion", "total")] == [10, 12, 22]
    assert trace["spans"] is None


def test_a_project_is_found_by_name_and_by_id_only(api: Api, admin: Api, new_name: Callable[[str], str]) -> None:
    """An id of another kind is a name like any other."""
    default = api.call("getProject", project_identifier="default")["data"]
    assert default["id"] == "UHJvamVjdDox"
    assert api.call("getProject", project_identifier=default["id"])["data"] == default
    missing = "UHJvamVjdDo5OTk5OTk5"
    assert api.call("getProject", expect=404, project_identifier=missing) == f"Project with ID {missing} not found"
    other_kind = "VXNlcjox"
    assert api.call("getProject", expect=404, project_identifier=other_kind) == MISSING.format(other_kind)
    name = new_name("gone")
    api.call("createProject", json={"name": name})
    admin.call("deleteProject", expect=204, project_identifier=name)
    assert admin.call("deleteProject", expect=404, project_identifier=name) == MISSING.format(name)


def test_an_update_without_a_description_changes_nothing(api: Api, admin: Api, new_name: Callable[[str], str]) -> None:
    """Neither does a null, nor a new name."""
    created = api.call("createProject", json={"name": new_name("kept"), "description": "first"})["data"]
    for body in ({}, {"description": None}, {"name": "other"}):
        answer = admin.call("updateProject", project_identifier=created["id"], json=body)
        assert answer["data"] == created


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": 5}], ids=str)
def test_a_project_needs_a_name(body: dict[str, Any], api: Api) -> None:
    """A text of at least one character."""
    api.call("createProject", expect=422, json=body)
