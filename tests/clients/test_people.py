"""A real browser is an administrator, a member and a viewer in turn; mails arrive, and their links are opened in it."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from support.api import bearer
from support.server import Server, running_server
from support.smtp import PASSWORD, USERNAME, Authority, free_port, smtp_server
from support.walk import looks, walk

PEOPLE = {"ADMIN": "ada@people.example", "MEMBER": "mia@people.example", "VIEWER": "vic@people.example"}
FIRST_PASSWORD = "First_word_2026"


def add_people(server: Server) -> None:
    """One user of each role, each with a welcome mail. Nobody knows a password of the member: the mail has a link."""
    for role, email in PEOPLE.items():
        user = {
            "email": email,
            "username": email.partition("@")[0],
            "role": role,
            "auth_method": "LOCAL",
        }
        if role != "MEMBER":
            user["password"] = FIRST_PASSWORD
        answer = requests.post(
            f"{server.base_url}/v1/users",
            json={"user": user, "send_welcome_email": True},
            headers=bearer(server.admin_secret),
            timeout=20,
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["data"]["password_needs_reset"] is True


@pytest.mark.ours_only
@pytest.mark.parametrize("prefix", ["", "/sub"])
def test_people_in_a_browser(prefix: str, tmp_path: Path) -> None:
    """Three servers: one for people, one without authentication, one that limits how often somebody may knock."""
    folders = {name: tmp_path / name for name in ("people", "open", "limited", "mails")}
    for folder in folders.values():
        folder.mkdir()
    authority = Authority(tmp_path)
    port = free_port()
    root = {"PHOENIX_HOST_ROOT_PATH": prefix, "PHOENIX_ENFORCE_PASSWORD_RESET": "true"}
    mail = {
        "PHOENIX_SMTP_HOSTNAME": "127.0.0.1",
        "PHOENIX_SMTP_PORT": str(port),
        "PHOENIX_SMTP_USERNAME": USERNAME,
        "PHOENIX_SMTP_PASSWORD": PASSWORD,
        "PHOENIX_SMTP_MAIL_FROM": "phoenix@people.example",
        "SSL_CERT_FILE": str(authority.file),
    }
    with ExitStack() as stack:
        stack.enter_context(smtp_server(port, "starttls", authority.server_context(), folders["mails"]))
        people = stack.enter_context(
            running_server(folders["people"], PHOENIX_DISABLE_RATE_LIMIT="true", **root, **mail)
        )
        open_to_all = stack.enter_context(running_server(folders["open"], PHOENIX_ENABLE_AUTH="false", **root))
        limited = stack.enter_context(running_server(folders["limited"], **root))
        add_people(people)
        walk(
            "people",
            timeout=900,
            BASE_URL=people.base_url + prefix,
            OPEN_BASE_URL=open_to_all.base_url + prefix,
            LIMITED_BASE_URL=limited.base_url + prefix,
            MAILS=str(folders["mails"]),
            FIRST_PASSWORD=FIRST_PASSWORD,
            LOOKS=looks(prefix),
            **{f"{role}_EMAIL": email for role, email in PEOPLE.items()},
        )
