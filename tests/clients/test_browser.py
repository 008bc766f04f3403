"""A real browser walks through the interface of a fresh server, to a trace that a real exporter sent."""

from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from support.server import running_server
from support.walk import walk

PROJECT = "support-bot"


def send_trace(traces_url: str, key: str) -> str:
    """An agent that calls a model and a tool, which fails; returns the trace id."""
    exporter = OTLPSpanExporter(endpoint=traces_url, headers={"authorization": f"Bearer {key}"})
    provider = TracerProvider(resource=Resource({"openinference.project.name": PROJECT}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("walk")
    with tracer.start_as_current_span("agent") as agent:
        agent.set_attributes({"openinference.span.kind": "AGENT", "input.value": "How do I reset my password?"})
        with tracer.start_as_current_span("ChatCompletion") as model:
            model.set_attributes(
                {
                    "openinference.span.kind": "LLM",
                    "llm.model_name": "a-model",
                    "llm.token_count.prompt": 12,
                    "llm.token_count.completion": 34,
                    "llm.input_messages.0.message.role": "user",
                    "llm.input_messages.0.message.content": "How do I reset my password?",
                    "output.value": "Go to settings and press reset.",
                }
            )
        with pytest.raises(ValueError), tracer.start_as_current_span("tool:ticket") as tool:
            tool.set_attribute("openinference.span.kind", "TOOL")
            raise ValueError("the ticket system is away")
    provider.shutdown()
    return format(agent.get_span_context().trace_id, "032x")


@pytest.mark.ours_only
@pytest.mark.parametrize("prefix", ["", "/sub"])
def test_a_browser_walks_from_first_login_to_a_trace_and_out(prefix: str, tmp_path: Path) -> None:
    changes = {"PHOENIX_ENFORCE_PASSWORD_RESET": "true", "PHOENIX_HOST_ROOT_PATH": prefix}
    with running_server(tmp_path, **changes) as server:
        trace_id = send_trace(server.traces_url, server.mint_system_key())
        walk("walk", timeout=300, BASE_URL=server.base_url + prefix, PROJECT=PROJECT, TRACE_ID=trace_id)
