"""A real browser walks through the pages of keys, the access log and the audit log."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.server import running_server

SPEC = Path(__file__).parents[2] / "web" / "tests" / "browser" / "keys.spec.mjs"


@pytest.mark.ours_only
@pytest.mark.parametrize("prefix", ["", "/sub"])
def test_keys_in_a_browser(prefix: str, tmp_path: Path) -> None:
    """The walk is Node's own test run; its report is shown when it fails."""
    node = shutil.which("node")
    assert node, "node is not on the path"
    # The database has no part in how a page looks, and neither has the prefix: all of it is looked at once.
    everything = not prefix and "PHOENIX_TEST_DATABASE_URL" not in os.environ
    changes = {
        "PHOENIX_HOST_ROOT_PATH": prefix,
        "PHOENIX_ENFORCE_PASSWORD_RESET": "true",
        "PHOENIX_DISABLE_RATE_LIMIT": "true",
    }
    with running_server(tmp_path, **changes) as server:
        environment = {
            **os.environ,
            "PHOENIX_TEST_BASE_URL": server.base_url + prefix,
            "PHOENIX_TEST_LOOKS": "1280-light,390-light,1280-dark,390-dark" if everything else "390-dark",
        }
        run = subprocess.run(
            [node, "--test", "--test-reporter=spec", str(SPEC)],
            env=environment,
            cwd=SPEC.parents[2],
            capture_output=True,
            text=True,
            timeout=600,
        )
    assert run.returncode == 0, run.stdout[-12000:] + run.stderr[-2000:]
    assert "skipped 0" in run.stdout, run.stdout[-2000:]
