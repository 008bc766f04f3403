"""A real browser walks through the pages of alerts, and alerts come by real mail."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from support.server import running_server
from support.smtp import PASSWORD, USERNAME, Authority, anchors, free_port, parts, smtp_server
from support.walk import looks, walk

TIMEOUT = 60

pytestmark = pytest.mark.ours_only


@pytest.mark.parametrize("prefix", ["", "/sub"])
def test_alerts_in_a_browser(prefix: str, tmp_path: Path) -> None:
    changes = {
        "PHOENIX_HOST_ROOT_PATH": prefix,
        "PHOENIX_ENFORCE_PASSWORD_RESET": "true",
        "PHOENIX_DISABLE_RATE_LIMIT": "true",
    }
    with running_server(tmp_path, **changes) as server:
        walk("alerts", BASE_URL=server.base_url + prefix, LOOKS=looks(prefix))


def test_an_alert_comes_by_mail(tmp_path: Path) -> None:
    """Through a real SMTP server: the test, and then the alert, each in two parts."""
    authority = Authority(tmp_path)
    port = free_port()
    settings = {
        "PHOENIX_SMTP_HOSTNAME": "127.0.0.1",
        "PHOENIX_SMTP_PORT": str(port),
        "PHOENIX_SMTP_USERNAME": USERNAME,
        "PHOENIX_SMTP_PASSWORD": PASSWORD,
        "PHOENIX_SMTP_MAIL_FROM": "Phoenix <phoenix@example.com>",
        "SSL_CERT_FILE": str(authority.file),
    }
    directory = tmp_path / "server"
    directory.mkdir()
    with smtp_server(port, "starttls", authority.server_context()) as box, running_server(directory, **settings) as server:

        def post(path: str, body: object, status: int) -> dict[str, object]:
            headers = {"authorization": f"Bearer {server.admin_secret}"}
            answer = requests.post(server.base_url + path, json=body, headers=headers, timeout=TIMEOUT)
            assert answer.status_code == status, answer.text
            return answer.json()

        made = post("/api/v1/alert-destinations", {"kind": "email", "address": "ops@example.com"}, 201)
        assert made["secret"] is None
        tried = post(f"/api/v1/alert-destinations/{made['id']}/test", {}, 200)
        assert (tried["status"], tried["statusCode"], tried["error"]) == ("delivered", None, None)
        box.wait_for("[Phoenix] Test of alerts")
        soon = datetime.now(UTC) + timedelta(days=2)
        key = post("/api/v1/api-keys", {"name": "<nightly>", "expiresAt": soon.isoformat()}, 201)
        mail = box.wait_for("[Phoenix] Alert: API key <nightly>", 90)
        assert mail["to"].addresses[0].addr_spec == "ops@example.com"
        plain, html = parts(mail)
        for part in (plain, html):
            assert f"Expires on {soon:%Y-%m-%d %H:%M} UTC" in part
            assert str(key["maskedKey"]) in part
        assert "<nightly>" in plain
        assert "<nightly>" not in html
        assert anchors(html)["alerts-url"] == f"{server.base_url}/settings/alerts"
