"""Mails through a real SMTP server: how they travel, what they say, and what their links do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from support.api import error_text
from support.polling import poll
from support.server import Server, running_server
from support.smtp import PASSWORD, USERNAME, Authority, anchors, free_port, parts, smtp_server

pytestmark = pytest.mark.ours_only

EMAIL = "ann@example.com"
RESET = "[Phoenix] Password Reset Request"
WELCOME = "[Phoenix] Welcome"
TIMEOUT = 20


@dataclass(frozen=True)
class MailServer:
    """A server that sends mails, and its log."""

    server: Server
    log: Path

    def ask(self, email: str = EMAIL, **headers: str) -> None:
        """Ask for a reset mail; the answer comes at once whatever becomes of it."""
        answer = self.post("/auth/password-reset-email", {"email": email}, headers)
        assert (answer.status_code, answer.text) == (204, ""), answer.text
        assert answer.elapsed.total_seconds() < 2

    def post(self, path: str, body: dict[str, str], headers: dict[str, str] | None = None) -> requests.Response:
        """Post JSON without a credential."""
        return requests.post(self.server.base_url + path, json=body, headers=headers, timeout=TIMEOUT)

    def login(self, password: str) -> int:
        """The status of a login as Ann."""
        return self.post("/auth/login", {"email": EMAIL, "password": password}).status_code

    def wait_for_log(self, text: str, seconds: float = 40) -> str:
        """The first line of the log with this text."""
        return poll(
            lambda: next((line for line in self.log.read_text().splitlines() if text in line), None),
            f"{text!r} in the log",
            seconds,
        )


@contextmanager
def sending_server(directory: Path, smtp_port: int, **changes: str) -> Iterator[MailServer]:
    """A server with one further administrator, Ann, who has no password yet."""
    directory.mkdir(exist_ok=True)
    settings = {
        "PHOENIX_ADMINS": f"Ann <Example>={EMAIL}",
        "PHOENIX_SMTP_HOSTNAME": "127.0.0.1",
        "PHOENIX_SMTP_PORT": str(smtp_port),
        "PHOENIX_SMTP_USERNAME": USERNAME,
        "PHOENIX_SMTP_PASSWORD": PASSWORD,
        "PHOENIX_SMTP_MAIL_FROM": "Phoenix <phoenix@example.com>",
        **changes,
    }
    with running_server(directory, **settings) as server:
        yield MailServer(server, directory / "server.log")


@pytest.fixture
def smtp_port() -> int:
    """A port for the SMTP server."""
    return free_port()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the certificates of SMTP servers."""
    return Authority(tmp_path_factory.mktemp("authority"))


def reset_link(mail: EmailMessage) -> str:
    """The link of a mail, which both parts carry."""
    plain, html = parts(mail)
    link = anchors(html)["reset-url"]
    assert link in plain.splitlines()
    return link


def token_of(link: str) -> str:
    """The token of a link."""
    assert urlsplit(link).path == "/reset-password-with-token"
    [token] = parse_qs(urlsplit(link).query)["token"]
    return token


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_a_mail_arrives_and_its_link_sets_a_password(
    mode: str, tmp_path: Path, smtp_port: int, authority: Authority
) -> None:
    """Encrypted, authenticated, in two parts; the certificate is checked against the system's authorities."""
    trust = {"SSL_CERT_FILE": str(authority.file)}
    with (
        smtp_server(smtp_port, mode, authority.server_context()) as box,
        sending_server(tmp_path, smtp_port, **trust) as sending,
    ):
        welcome = box.wait_for(WELCOME)
        assert box.senders == ["phoenix@example.com"]
        assert set(box.logins) == {(USERNAME, PASSWORD)}
        assert str(welcome["from"]) == "Phoenix <phoenix@example.com>"
        assert welcome["to"].addresses[0].addr_spec == EMAIL
        assert welcome["auto-submitted"] == "auto-generated"
        assert welcome["message-id"].endswith("@example.com>")
        plain, html = parts(welcome)
        assert "Hello Ann <Example>," in plain
        assert "<Example>" not in html
        assert anchors(html)["login-url"] == f"{sending.server.base_url}/login"
        token = token_of(reset_link(welcome))
        answer = sending.post("/auth/password-reset", {"token": token, "password": "first-password"})
        assert (answer.status_code, answer.text) == (204, "")
        assert sending.login("first-password") == 204

        sending.ask(f"  {EMAIL.upper()} ")
        link = reset_link(box.wait_for(RESET))
        assert link.startswith(f"{sending.server.base_url}/reset-password-with-token?token=ey")
        body = {"token": token_of(link), "password": "second-password"}
        assert sending.post("/auth/password-reset", body).status_code == 204
        assert (sending.login("first-password"), sending.login("second-password")) == (401, 204)
        again = sending.post("/auth/password-reset", body)
        assert (again.status_code, error_text(again)) == (401, "Invalid token")

        sending.ask("nobody@example.com")
        sending.ask()
        box.wait_for(RESET)
        assert not box.mails, "mails come in order, so there was none for nobody"
        log = sending.log.read_text()
        for secret in (PASSWORD, EMAIL, body["token"], "second-password"):
            assert secret not in log


def test_a_certificate_of_nobody_is_refused_unless_checks_are_off(
    tmp_path: Path, smtp_port: int, authority: Authority
) -> None:
    """With checks off any certificate will do, even one for another host."""
    with smtp_server(smtp_port, "starttls", authority.server_context("other.example")) as box:
        with sending_server(tmp_path / "strict", smtp_port) as sending:
            line = sending.wait_for_log("mail not sent yet")
            assert "invalid peer certificate" in line
        assert not box.logins
        assert not box.mails
        with sending_server(tmp_path / "lax", smtp_port, PHOENIX_SMTP_VALIDATE_CERTS="false"):
            box.wait_for(WELCOME)


def test_a_certificate_for_another_host_is_refused(tmp_path: Path, smtp_port: int, authority: Authority) -> None:
    """Though the authority is trusted."""
    context = authority.server_context("other.example")
    with (
        smtp_server(smtp_port, "starttls", context) as box,
        sending_server(tmp_path, smtp_port, SSL_CERT_FILE=str(authority.file)) as sending,
    ):
        assert "invalid peer certificate" in sending.wait_for_log("mail not sent yet")
        assert not box.logins


def test_nothing_is_sent_in_plain_text(tmp_path: Path, smtp_port: int) -> None:
    """A server that offers no encryption sees neither password nor mail."""
    with (
        smtp_server(smtp_port, "plain") as box,
        sending_server(tmp_path, smtp_port, PHOENIX_SMTP_VALIDATE_CERTS="false") as sending,
    ):
        assert "STARTTLS is not supported" in sending.wait_for_log("mail not sent yet")
    assert (box.logins, box.mails) == ([], [])


def test_a_mail_waits_for_a_server_that_is_down(tmp_path: Path, smtp_port: int, authority: Authority) -> None:
    """The answer does not wait; the mail arrives when the server is back."""
    with sending_server(tmp_path, smtp_port, SSL_CERT_FILE=str(authority.file)) as sending:
        sending.wait_for_log("mail not sent yet")
        sending.ask()
        poll(lambda: sending.log.read_text().count("mail not sent yet") >= 2 or None, "two mails that wait")
        with smtp_server(smtp_port, "starttls", authority.server_context()) as box:
            token = token_of(reset_link(box.wait_for(RESET, seconds=60)))
            body = {"token": token, "password": "late-password"}
            assert sending.post("/auth/password-reset", body).status_code == 204


def test_a_stop_sends_what_waits(tmp_path: Path, smtp_port: int, authority: Authority) -> None:
    """Asked for and then stopped: the mail is on its way all the same."""
    with smtp_server(smtp_port, "starttls", authority.server_context()) as box:
        with sending_server(tmp_path, smtp_port, SSL_CERT_FILE=str(authority.file)) as sending:
            sending.ask()
        assert [mail["subject"] for mail in box.mails] == [WELCOME, RESET]


def test_a_refused_login_is_not_tried_again(tmp_path: Path, smtp_port: int, authority: Authority) -> None:
    """The log says so without the words of the other side."""
    trust = {"SSL_CERT_FILE": str(authority.file)}
    with (
        smtp_server(smtp_port, "starttls", authority.server_context()) as box,
        sending_server(tmp_path, smtp_port, PHOENIX_SMTP_PASSWORD="smtp-password-1", **trust) as sending,
    ):
        line = sending.wait_for_log("mail not sent: given up")
        assert "535" in line
        assert not box.mails
        assert "smtp-password" not in sending.log.read_text()


def test_a_password_may_come_from_a_file(tmp_path: Path, smtp_port: int, authority: Authority) -> None:
    """As every secret may."""
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    changes = {
        "SSL_CERT_FILE": str(authority.file),
        "PHOENIX_SMTP_PASSWORD": "",
        "PHOENIX_SMTP_PASSWORD_FILE": str(file),
    }
    with (
        smtp_server(smtp_port, "starttls", authority.server_context()) as box,
        sending_server(tmp_path / "server", smtp_port, **changes),
    ):
        box.wait_for(WELCOME)


@pytest.mark.parametrize("root_url", ["", "https://phoenix.example"])
def test_no_header_moves_the_link(root_url: str, tmp_path: Path, smtp_port: int, authority: Authority) -> None:
    """Reset poisoning: whoever asks has no say in where the link leads."""
    changes = {"SSL_CERT_FILE": str(authority.file), "PHOENIX_ROOT_URL": root_url}
    with (
        smtp_server(smtp_port, "starttls", authority.server_context()) as box,
        sending_server(tmp_path, smtp_port, **changes) as sending,
    ):
        evil = {
            "Host": "evil.example",
            "Referer": "https://evil.example/forgot-password",
            "Origin": "https://evil.example",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "https",
            "Forwarded": "host=evil.example",
        }
        sending.ask(EMAIL, **evil)
        mail = box.wait_for(RESET)
        assert reset_link(mail).startswith(f"{root_url or sending.server.base_url}/reset-password-with-token?token=")
        assert "evil" not in "".join(parts(mail))


def test_a_server_without_mail_says_so(server: Server) -> None:
    """As the peer does."""
    answer = requests.post(f"{server.base_url}/auth/password-reset-email", json={"email": EMAIL}, timeout=TIMEOUT)
    assert (answer.status_code, error_text(answer)) == (503, "SMTP server not configured")
