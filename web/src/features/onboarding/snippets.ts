export interface Snippet {
  readonly id: string;
  readonly label: string;
  readonly steps: readonly { readonly title: string; readonly code: string }[];
}

interface Target {
  /** The address of this server, with its prefix. */
  readonly endpoint: string;
  readonly project: string;
  readonly withKey: boolean;
  /** The key itself, in the moment when it is known. */
  readonly apiKey?: string | undefined;
}

/** A JSON text that a shell leaves as it is between the marks of a here-document. */
const inHeredoc = (text: string) => JSON.stringify(text).replaceAll(/[\\$`]/g, (sign) => `\\${sign}`);

/** How to send the first trace from where people already are. */
export function snippetsFor({ endpoint, project, withKey, apiKey = "<your key>" }: Target): Snippet[] {
  const shell = (...lines: string[]) => [...(withKey ? [`export PHOENIX_API_KEY="${apiKey}"`] : []), ...lines].join("\n");
  return [
    {
      id: "python",
      label: "Python, OTLP",
      steps: [
        { title: "Install", code: shell("pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http") },
        {
          title: "Send",
          code: `${withKey ? "import os\n\n" : ""}from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

exporter = OTLPSpanExporter(
    endpoint="${endpoint}/v1/traces",${
      withKey
        ? `
    headers={"authorization": f"Bearer {os.environ['PHOENIX_API_KEY']}"},`
        : ""
    }
)
provider = TracerProvider(resource=Resource({"openinference.project.name": "${project}"}))
provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)

with trace.get_tracer("hello").start_as_current_span("first trace") as span:
    span.set_attribute("openinference.span.kind", "CHAIN")
    span.set_attribute("input.value", "Is anybody there?")
    span.set_attribute("output.value", "Yes.")

provider.shutdown()`,
        },
      ],
    },
    {
      id: "client",
      label: "Phoenix client",
      steps: [
        { title: "Install", code: shell(`export PHOENIX_COLLECTOR_ENDPOINT="${endpoint}"`, "pip install arize-phoenix-otel") },
        {
          title: "Send",
          code: `from phoenix.otel import register

provider = register(project_name="${project}", protocol="http/protobuf", batch=True)
tracer = provider.get_tracer("hello")

with tracer.start_as_current_span("first trace", openinference_span_kind="chain") as span:
    span.set_input("Is anybody there?")
    span.set_output("Yes.")

provider.shutdown()`,
        },
      ],
    },
    {
      id: "node",
      label: "Node.js",
      steps: [
        { title: "Install", code: shell("npm install @opentelemetry/api @opentelemetry/sdk-trace-node @opentelemetry/resources \\\n  @opentelemetry/exporter-trace-otlp-proto") },
        {
          title: "Send",
          code: `import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const exporter = new OTLPTraceExporter({
  url: "${endpoint}/v1/traces",${withKey ? "\n  headers: { authorization: `Bearer ${process.env.PHOENIX_API_KEY}` }," : ""}
});
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "openinference.project.name": "${project}" }),
  spanProcessors: [new BatchSpanProcessor(exporter)],
});

const span = provider.getTracer("hello").startSpan("first trace");
span.setAttributes({
  "openinference.span.kind": "CHAIN",
  "input.value": "Is anybody there?",
  "output.value": "Yes.",
});
span.end();

await provider.shutdown();`,
        },
      ],
    },
    {
      id: "curl",
      label: "curl",
      steps: [
        {
          title: "Send",
          code: shell(
            'NOW="$(date +%s)000000000"',
            `curl --fail-with-body "${endpoint}/v1/traces" \\`,
            ...(withKey ? ['  -H "authorization: Bearer $PHOENIX_API_KEY" \\'] : []),
            '  -H "content-type: application/json" \\',
            "  --data @- <<EOF",
            '{ "resourceSpans": [ {',
            '    "resource": { "attributes": [',
            `        { "key": "openinference.project.name", "value": { "stringValue": ${inHeredoc(project)} } } ] },`,
            '    "scopeSpans": [ { "spans": [ {',
            '        "traceId": "$(openssl rand -hex 16)", "spanId": "$(openssl rand -hex 8)",',
            '        "name": "first trace", "startTimeUnixNano": "$NOW", "endTimeUnixNano": "$NOW",',
            '        "attributes": [',
            '            { "key": "openinference.span.kind", "value": { "stringValue": "CHAIN" } },',
            '            { "key": "input.value", "value": { "stringValue": "Is anybody there?" } },',
            '            { "key": "output.value", "value": { "stringValue": "Yes." } } ]',
            "    } ] } ]",
            "} ] }",
            "EOF",
          ),
        },
      ],
    },
  ];
}
