export type Failure =
  | "network"
  | "unauthenticated"
  | "forbidden"
  | "notFound"
  | "invalid"
  | "conflict"
  | "tooManyRequests"
  | "server";

/** Any failed call, whichever door it came through. */
export class ApiError extends Error {
  readonly failure: Failure;
  readonly status: number | null;
  readonly requestId: string | null;

  constructor(failure: Failure, message: string, details: { status?: number; requestId?: string | null } = {}) {
    super(message);
    this.name = "ApiError";
    this.failure = failure;
    this.status = details.status ?? null;
    this.requestId = details.requestId ?? null;
  }
}

function failureOfStatus(status: number): Failure {
  switch (status) {
    case 401:
      return "unauthenticated";
    case 403:
      return "forbidden";
    case 404:
      return "notFound";
    case 409:
      return "conflict";
    case 429:
      return "tooManyRequests";
    default:
      return status >= 500 ? "server" : "invalid";
  }
}

const failureOfCode: Readonly<Record<string, Failure>> = {
  UNAUTHENTICATED: "unauthenticated",
  UNAUTHORIZED: "forbidden",
  FORBIDDEN: "forbidden",
  NOT_FOUND: "notFound",
  CONFLICT: "conflict",
  BAD_REQUEST: "invalid",
  INVALID: "invalid",
  BAD_USER_INPUT: "invalid",
  TOO_MANY_REQUESTS: "tooManyRequests",
};

export function failureOfGraphqlCode(code: unknown): Failure {
  return (typeof code === "string" ? failureOfCode[code] : undefined) ?? "server";
}

function text(value: unknown): string | null {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : null;
}

function requestIdOf(response: Response, body: unknown): string | null {
  const header = text(response.headers.get("x-request-id"));
  if (header !== null || typeof body !== "object" || body === null) return header;
  const fields = body as Record<string, unknown>;
  return text(fields["request_id"]) ?? text(fields["requestId"]) ?? text(fields["instance"]);
}

const fallbackText: Readonly<Record<Failure, string>> = {
  network: "The server could not be reached.",
  unauthenticated: "You are not signed in.",
  forbidden: "You do not have permission to do this.",
  notFound: "This does not exist, or no longer does.",
  invalid: "The server did not accept the request.",
  conflict: "This conflicts with something that already exists.",
  tooManyRequests: "Too many requests. Wait a moment and try again.",
  server: "The server failed to answer.",
};

/** Reads an RFC 9457 problem, or the plain text that older servers send. */
export async function errorOfResponse(response: Response): Promise<ApiError> {
  const failure = failureOfStatus(response.status);
  const raw = await response.text().catch(() => "");
  let body: unknown = null;
  try {
    body = JSON.parse(raw);
  } catch {
    body = null;
  }
  const problem = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const isText = response.headers.get("content-type")?.startsWith("text/plain") ?? false;
  const message =
    text(problem["detail"]) ?? text(problem["title"]) ?? (isText && raw.length < 300 ? text(raw) : null) ?? fallbackText[failure];
  return new ApiError(failure, message, { status: response.status, requestId: requestIdOf(response, body) });
}

export function networkError(cause: unknown): ApiError {
  const error = new ApiError("network", fallbackText.network);
  error.cause = cause;
  return error;
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError("server", error instanceof Error ? error.message : fallbackText.server);
}
