"""Hand-made OTLP requests, for what the exporters never send."""

import secrets
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

START = 1_760_000_000_000_000_000
SECOND = 1_000_000_000


def span(name: str, attributes: dict[str, Any] | None = None, **fields: Any) -> Span:
    """A span of one second with fresh ids, unless the fields say otherwise."""
    defaults = {
        "trace_id": secrets.token_bytes(16),
        "span_id": secrets.token_bytes(8),
        "start_time_unix_nano": START,
        "end_time_unix_nano": START + SECOND,
    }
    return Span(name=name, attributes=key_values(attributes or {}), **(defaults | fields))


def request(project: str | None, *spans: Span) -> ExportTraceServiceRequest:
    """An export of those spans into a project, or into none that it names."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    if project is not None:
        resource.resource.attributes.extend(key_values({"openinference.project.name": project}))
    resource.scope_spans.add().spans.extend(spans)
    return message


def key_values(attributes: dict[str, Any]) -> list[KeyValue]:
    """Attributes as OTLP key-value pairs."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def any_value(value: Any) -> AnyValue:
    """A Python value as OTLP `AnyValue`; `None` is the value that is not set."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))
    raise TypeError(type(value))
