"""A real SMTP server with certificates of its own authority, and what has arrived there."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from .polling import poll

USERNAME = "phoenix"
PASSWORD = "smtp-password-0"


@dataclass
class Mailbox:
    """What has arrived, and who tried to log in with what."""

    mails: list[EmailMessage] = field(default_factory=list)
    folder: Path | None = None
    senders: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a mail; refuse one from somebody who has not logged in."""
        if not session.authenticated:
            return "530 authentication required"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        assert envelope.rcpt_tos == [mail["to"].addresses[0].addr_spec]
        self.senders.append(str(envelope.mail_from))
        self.mails.append(mail)
        if self.folder:
            self._file(self.folder, mail)
        return "250 kept"

    def _file(self, folder: Path, mail: EmailMessage) -> None:
        """Tell a test in another process of a mail: all is there once the name is."""
        [to] = mail["to"].addresses
        half = folder / "half"
        half.write_text(json.dumps({"to": to.addr_spec, "subject": mail["subject"], "links": anchors(parts(mail)[1])}))
        half.rename(folder / f"{len(self.mails):04}.json")

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Take the one user name with its password."""
        assert isinstance(data, LoginPassword)
        login = (data.login.decode(), data.password.decode())
        self.logins.append(login)
        return AuthResult(success=login == (USERNAME, PASSWORD), handled=False)

    def wait_for(self, subject: str, seconds: float = 40) -> EmailMessage:
        """The one mail with this subject, taken out."""
        mail = poll(
            lambda: next((m for m in self.mails if m["subject"] == subject), None), f"a mail: {subject}", seconds
        )
        self.mails.remove(mail)
        return mail


class Authority:
    """Issues the certificates; trusted by whoever has its file."""

    def __init__(self, directory: Path):
        self._ca = trustme.CA()
        self.file = directory / "ca.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def server_context(self, name: str = "127.0.0.1") -> ssl.SSLContext:
        """What a server of this name needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(name).configure_cert(context)
        return context


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def smtp_server(
    port: int, mode: str, context: ssl.SSLContext | None = None, folder: Path | None = None
) -> Iterator[Mailbox]:
    """A server that speaks `starttls`, `implicit` TLS, or `plain` text alone, with authentication.

    With a folder it also files there whom each mail was for, its subject and its links.
    """
    box = Mailbox(folder=folder)
    options: dict[str, Any] = {
        "starttls": {"tls_context": context, "require_starttls": True},
        # The server does not see the TLS around it and would offer no authentication.
        "implicit": {"ssl_context": context, "auth_require_tls": False},
        "plain": {"auth_require_tls": False},
    }[mode]
    controller = Controller(box, hostname="127.0.0.1", port=port, authenticator=box.authenticate, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.by_id: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and (found := given.get("id")):
            self.by_id[found] = given.get("href") or ""


def parts(mail: EmailMessage) -> tuple[str, str]:
    """The plain text and the HTML of a mail."""
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = mail.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return plain.get_content(), html.get_content()


def anchors(html: str) -> dict[str, str]:
    """The targets of the anchors that have an id."""
    parser = _Anchors()
    parser.feed(html)
    return parser.by_id
