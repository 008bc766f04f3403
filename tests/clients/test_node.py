"""The JavaScript clients: `node --test` in the folder `node`, against the same server."""

import os
import subprocess
from pathlib import Path

import pytest

from support.server import Server

FOLDER = Path(__file__).parent / "node"
FILES = sorted(path.name for path in FOLDER.glob("*.test.mjs"))


@pytest.mark.parametrize("file", FILES)
def test_the_javascript_clients_pass_their_own_tests(file: str, server: Server, key: str) -> None:
    """Fails when the packages are not installed: nothing is skipped in silence."""
    assert (FOLDER / "node_modules").is_dir(), "run `npm ci` in tests/clients/node first"
    environment = os.environ | {
        "PHOENIX_TEST_BASE_URL": server.base_url,
        "PHOENIX_TEST_GRPC_PORT": str(server.grpc_port),
        "PHOENIX_TEST_ADMIN_SECRET": server.admin_secret,
        "PHOENIX_TEST_API_KEY": key,
    }
    run = subprocess.run(
        ["node", "--test", "--test-reporter=spec", file],
        cwd=FOLDER,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, f"\n{run.stdout}\n{run.stderr}"
