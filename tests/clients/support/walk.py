"""A walk through pages in a real browser: a test run of Node's own, whose report is shown when it fails."""

import os
import shutil
import subprocess
from pathlib import Path

WALKS = Path(__file__).parents[3] / "web" / "tests" / "browser"


def looks(prefix: str) -> str:
    """The widths and themes that pages are looked at in.

    The database has no part in how a page looks, and neither has the prefix: all of it is looked at once.
    """
    everything = not prefix and "PHOENIX_TEST_DATABASE_URL" not in os.environ
    return "1280-light,390-light,1280-dark,390-dark" if everything else "390-dark"


def walk(spec: str, timeout: float = 600, **variables: str) -> None:
    """Runs the walk of this name with variables `PHOENIX_TEST_…`, and fails unless every step passed and none was left out."""
    node = shutil.which("node")
    assert node, "node is not on the path"
    run = subprocess.run(
        [node, "--test", "--test-reporter=spec", str(WALKS / f"{spec}.spec.mjs")],
        env={**os.environ, **{f"PHOENIX_TEST_{name}": value for name, value in variables.items()}},
        cwd=WALKS.parents[1],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert run.returncode == 0, run.stdout[-12000:] + run.stderr[-2000:]
    assert "skipped 0" in run.stdout, run.stdout[-2000:]
