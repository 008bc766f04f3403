"""Plain REST and GraphQL over `requests`, each answer held against the contract."""

from typing import Any
from urllib.parse import quote

import requests
from google.rpc.status_pb2 import Status

from .contract import OPERATIONS, assert_matches
from .polling import poll

TIMEOUT = 20


def bearer(key: str) -> dict[str, str]:
    """The header that every Phoenix client sends."""
    return {"Authorization": f"Bearer {key}"}


def error_text(response: requests.Response) -> str:
    """The sentence of an error: a plain text, the `detail` of a problem document, or the message of a `Status`.

    OTLP wants a `google.rpc.Status` in the encoding of the request; the peer answers it with plain texts.
    """
    match response.headers.get("content-type", "").partition(";")[0]:
        case "application/problem+json":
            return str(response.json()["detail"])
        case "application/x-protobuf":
            return Status.FromString(response.content).message
        case "application/json" if isinstance(body := response.json(), dict) and "message" in body:
            return str(body["message"])
    return response.text


class Api:
    """Calls operations of the contract by their id with one set of credentials."""

    def __init__(self, base_url: str, headers: dict[str, str] | None = None, cookies: dict[str, str] | None = None):
        self.base_url = base_url
        self.headers = headers or {}
        self.cookies = cookies or {}

    def send(self, operation_id: str, json: Any = None, **parameters: Any) -> requests.Response:
        """Send the operation; parameters that are not part of its path go into the query."""
        method, path, _ = OPERATIONS[operation_id]
        for name in [name for name in parameters if f"{{{name}}}" in path]:
            path = path.replace(f"{{{name}}}", quote(str(parameters.pop(name)), safe=""))
        response = requests.request(
            method,
            self.base_url + path,
            params=parameters,
            json=json,
            headers=self.headers,
            cookies=self.cookies,
            timeout=TIMEOUT,
        )
        is_json = response.headers.get("content-type", "").startswith("application/json") and response.content
        assert_matches(operation_id, response.status_code, response.json() if is_json else response.text)
        return response

    def call(self, operation_id: str, expect: int = 200, json: Any = None, **parameters: Any) -> Any:
        """Send the operation, require the status, return the JSON of a success or the text of an error."""
        response = self.send(operation_id, json=json, **parameters)
        assert response.status_code == expect, f"{operation_id}: {response.status_code} {response.text}"
        if expect >= 400:
            return error_text(response)
        return response.json() if response.content else None

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Post a GraphQL document and return the whole answer, errors included."""
        response = requests.post(
            f"{self.base_url}/graphql",
            json={"query": query, "variables": variables},
            headers=self.headers,
            cookies=self.cookies,
            timeout=TIMEOUT,
        )
        assert response.status_code == 200, f"{response.status_code} {response.text}"
        return response.json()

    def spans(self, project: str, count: int) -> dict[str, dict[str, Any]]:
        """The spans of a project by name, once `count` of them are stored."""

        def stored() -> list[dict[str, Any]] | None:
            response = self.send("getSpans", project_identifier=project, limit=1000)
            if response.status_code == 404:
                return None
            assert response.status_code == 200, response.text
            found = response.json()["data"]
            assert len(found) <= count, f"more than {count} spans in {project}: {[span['name'] for span in found]}"
            return found if len(found) == count else None

        return {span["name"]: span for span in poll(stored, f"{count} spans in project {project}")}

    def otlp_spans(self, project: str) -> dict[str, dict[str, Any]]:
        """The spans of a project by name, as `/spans/otlpv1` tells them."""
        data = self.call("spanSearch", project_identifier=project, limit=1000)["data"]
        return {span["name"]: span for span in data}
