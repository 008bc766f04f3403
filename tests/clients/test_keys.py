"""A real browser walks through the pages of keys, the access log and the audit log."""

from pathlib import Path

import pytest

from support.server import running_server
from support.walk import looks, walk



@pytest.mark.ours_only
@pytest.mark.parametrize("prefix", ["", "/sub"])
def test_keys_in_a_browser(prefix: str, tmp_path: Path) -> None:
    changes = {
        "PHOENIX_HOST_ROOT_PATH": prefix,
        "PHOENIX_ENFORCE_PASSWORD_RESET": "true",
        "PHOENIX_DISABLE_RATE_LIMIT": "true",
    }
    with running_server(tmp_path, **changes) as server:
        walk("keys", BASE_URL=server.base_url + prefix, LOOKS=looks(prefix))
