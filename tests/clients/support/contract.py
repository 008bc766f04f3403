"""The wire contract: which operation lives where, and what its answers look like."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

DOCUMENT = json.loads((Path(__file__).parent.parent / "contract" / "openapi.json").read_text())

OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}

FORMATS = FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)
def is_date_time_with_offset(value: object) -> bool:
    """Accept ISO 8601 with an explicit offset, which is what the clients parse."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def assert_matches(operation_id: str, status: int, body: Any) -> None:
    """Fail unless the contract foresees `status` for the operation, and `body` fits its schema.

    A 401 comes from the layer before every operation and is foreseen everywhere. Bodies of errors are
    texts or problem documents, so only those of successes have a schema to fit.
    """
    responses = OPERATIONS[operation_id][2]["responses"]
    assert status == 401 or str(status) in responses, f"{operation_id} answered {status}, which the contract lacks"
    if status >= 400:
        return
    content = responses[str(status)].get("content", {})
    if not content:
        assert not body, f"{operation_id} answered {status} with a body: {body!r}"
        return
    schema = content["application/json"]["schema"] | {"components": DOCUMENT["components"]}
    errors = Draft202012Validator(schema, format_checker=FORMATS).iter_errors(body)
    assert not (found := [f"{error.json_path}: {error.message}" for error in errors]), f"{operation_id}: {found}"
