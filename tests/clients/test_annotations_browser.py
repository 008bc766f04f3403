"""A real browser annotates a span, writes notes beside it, and looks again as somebody who may only read."""

from pathlib import Path

import pytest

from support.server import running_server
from support.walk import looks, walk


@pytest.mark.ours_only
@pytest.mark.parametrize("prefix", ["", "/sub"])
def test_annotations_in_a_browser(prefix: str, tmp_path: Path) -> None:
    """In every width and theme, and below a prefix."""
    with running_server(
        tmp_path, PHOENIX_HOST_ROOT_PATH=prefix, PHOENIX_DISABLE_RATE_LIMIT="true", PHOENIX_ENFORCE_PASSWORD_RESET="true"
    ) as server:
        walk("annotations", BASE_URL=server.base_url + prefix, LOOKS=looks(prefix))
