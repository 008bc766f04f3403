import type { Snippet } from "@/features/onboarding/snippets";

interface Target {
  /** The address of this server, with its prefix. */
  readonly endpoint: string;
  readonly apiKey: string;
  readonly project: string;
  readonly reads: boolean;
  readonly sends: boolean;
}

/** The key in the place where each kind of program looks for it, and a first call that it may make. */
export function keySnippets({ endpoint, apiKey, project, reads, sends }: Target): Snippet[] {
  const environment = `PHOENIX_COLLECTOR_ENDPOINT="${endpoint}"\nPHOENIX_API_KEY="${apiKey}"`;
  const step = (title: string, code: string) => ({ title, code });
  return [
    { id: "env", label: "Environment", steps: [step("For every Phoenix client", environment)] },
    {
      id: "python",
      label: "Python",
      steps: [
        ...(sends
          ? [
              step(
                "Send traces (arize-phoenix-otel)",
                `from phoenix.otel import register

tracer_provider = register(
    endpoint="${endpoint}/v1/traces",
    api_key="${apiKey}",
    project_name="${project}",
    protocol="http/protobuf",
    batch=True,
)`,
              ),
            ]
          : []),
        ...(reads
          ? [
              step(
                "Read (arize-phoenix-client)",
                `from phoenix.client import Client

client = Client(base_url="${endpoint}", api_key="${apiKey}")
print(client.projects.list())`,
              ),
            ]
          : []),
      ],
    },
    {
      id: "typescript",
      label: "TypeScript",
      steps: [
        ...(sends
          ? [
              step(
                "Send traces (@arizeai/phoenix-otel)",
                `import { register } from "@arizeai/phoenix-otel";

register({
  projectName: "${project}",
  url: "${endpoint}",
  apiKey: "${apiKey}",
});`,
              ),
            ]
          : []),
        ...(reads
          ? [
              step(
                "Read (@arizeai/phoenix-client)",
                `import { createClient } from "@arizeai/phoenix-client";

const client = createClient({
  options: {
    baseUrl: "${endpoint}",
    headers: { authorization: "Bearer ${apiKey}" },
  },
});
const { data } = await client.GET("/v1/projects");`,
              ),
            ]
          : []),
      ],
    },
    {
      id: "curl",
      label: "curl",
      steps: [
        ...(reads ? [step("Read", `curl --fail-with-body "${endpoint}/v1/projects" \\\n  -H "authorization: Bearer ${apiKey}"`)] : []),
        ...(sends
          ? [
              step(
                "Send an empty export, to see the key accepted",
                `curl --fail-with-body "${endpoint}/v1/traces" \\
  -H "authorization: Bearer ${apiKey}" \\
  -H "content-type: application/json" \\
  --data '{"resourceSpans": []}'`,
              ),
            ]
          : []),
      ],
    },
    ...(sends
      ? [
          {
            id: "otlp",
            label: "OTLP",
            steps: [
              step(
                "For every OpenTelemetry SDK and the Collector",
                `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="${endpoint}/v1/traces"
OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/protobuf"
OTEL_EXPORTER_OTLP_TRACES_HEADERS="authorization=Bearer%20${apiKey}"
OTEL_RESOURCE_ATTRIBUTES="openinference.project.name=${encodeURIComponent(project)}"`,
              ),
            ],
          },
        ]
      : []),
  ].filter((snippet) => snippet.steps.length > 0);
}
