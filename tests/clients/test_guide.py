"""The Python and JavaScript examples of the guide to keys, as they are written there, against the server.

The examples for a shell are typed by `tests/it/docs.rs`.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.api import Api
from support.polling import poll
from support.server import Server

GUIDE = (Path(__file__).parents[2] / "docs" / "api-keys.md").read_text()
NODE = Path(__file__).parent / "node"
RUNNERS = {"python": [sys.executable, "-"], "js": ["node", "--input-type=module", "-"]}


def blocks(language: str) -> list[str]:
    """What stands between the fences of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


EXAMPLES = [(language, code) for language in RUNNERS for code in blocks(language)]
# What the guide has readers set in their shell before they send traces.
(SETTINGS,) = blocks("sh")


def sent(api: Api) -> int:
    """How many spans the examples have sent so far."""
    stored = api.call("getSpans", project_identifier="default", limit=1000)["data"]
    return sum(span["name"] == "first trace" for span in stored)


@pytest.mark.ours_only
def test_the_guide_has_the_examples_that_it_should() -> None:
    """Two ways to read, and the Phoenix client; an exporter in each language."""
    told = "\n".join(code for _, code in EXAMPLES)
    for expected in ("import requests", "await fetch(", "from phoenix.client import Client"):
        assert expected in told
    assert [language for language, code in EXAMPLES if "OTLP" in code] == ["python", "js"]
    assert "otlptracehttp.New(ctx)" in "\n".join(blocks("go"))


@pytest.mark.ours_only
@pytest.mark.parametrize(("language", "code"), EXAMPLES, ids=lambda value: value if value in RUNNERS else "")
def test_an_example_of_the_guide_does_what_it_says(
    language: str, code: str, server: Server, key: str, admin: Api
) -> None:
    """It runs in a shell with the settings of the guide, prints projects or sends a trace."""
    before = sent(admin)
    environment = os.environ | {"PHOENIX_HOST_URL": server.base_url, "PHOENIX_API_KEY": key}
    command = ["bash", "-c", f'set -eu\n{SETTINGS}\nexec "$@"', "bash", *RUNNERS[language]]
    run = subprocess.run(
        command, input=code, env=environment, cwd=NODE, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    assert run.stderr == ""
    if "OTLP" in code:
        poll(lambda: sent(admin) > before, "the trace of the example to arrive")
    else:
        assert "default" in run.stdout
