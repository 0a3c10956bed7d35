"""Handing mails to servers: in the clear, over TLS, with a name and password, to slow and refusing ones."""

import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from server.config.people import EmailSection
from server.notify.mail import Mail, MailRefused, message_of, send_mail
from tests.smtp import MailServer, mail_server

MAIL = Mail(to="ada@example.org", subject="x", text="hello\n")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that nobody vouches for, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    Path(f"{file}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")
    return context


@pytest_asyncio.fixture
async def taking() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


def settings(server: MailServer, **changes: Any) -> EmailSection:
    known = {"FeedbackEmail": "hub@example.org", "SMTPServer": "localhost", "SMTPPort": str(server.port)}
    return EmailSection(**{**known, **changes})


async def test_in_the_clear_with_a_name_and_password(taking: MailServer) -> None:
    await send_mail(settings(taking, EnableSMTPAuth=True, SMTPUsername="hub", SMTPPassword="s3cret"), MAIL)
    taken = await taking.next()

    assert (taken.login, taken.secure) == ("hub:s3cret", False)


async def test_a_name_and_password_that_are_not_enabled_stay_here(taking: MailServer) -> None:
    await send_mail(settings(taking, SMTPUsername="hub", SMTPPassword="s3cret"), MAIL)

    assert (await taking.next()).login == ""


@pytest.mark.parametrize("security", ["STARTTLS", "TLS"])
async def test_over_tls_with_a_certificate_that_is_vouched_for(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with mail_server(tls if security == "TLS" else None) as taking:
        taking.tls = tls
        await send_mail(settings(taking, ConnectionSecurity=security), MAIL)

        assert (await taking.next()).secure


@pytest.mark.parametrize("security", ["STARTTLS", "TLS"])
async def test_a_certificate_that_nobody_vouches_for_is_refused_unless_the_settings_say_otherwise(
    tls: ssl.SSLContext, security: str
) -> None:
    async with mail_server(tls if security == "TLS" else None) as taking:
        taking.tls = tls
        with pytest.raises((aiosmtplib.SMTPException, OSError)):
            await send_mail(settings(taking, ConnectionSecurity=security), MAIL)
        assert taking.mails.empty()

        trusting = settings(taking, ConnectionSecurity=security, SkipServerCertificateVerification=True)
        await send_mail(trusting, MAIL)
        assert (await taking.next()).secure


async def test_a_server_without_starttls_gets_nothing_in_the_clear(taking: MailServer) -> None:
    with pytest.raises(aiosmtplib.SMTPException):
        await send_mail(settings(taking, ConnectionSecurity="STARTTLS"), MAIL)

    assert taking.mails.empty()


async def test_a_slow_server_is_given_up(taking: MailServer) -> None:
    taking.slow = 3
    with pytest.raises((aiosmtplib.SMTPException, OSError)):
        await send_mail(settings(taking, SMTPServerTimeout=1), MAIL)


async def test_servers_that_refuse_for_now_and_for_good(taking: MailServer) -> None:
    taking.refuse = True
    with pytest.raises(aiosmtplib.SMTPException):
        await send_mail(settings(taking), MAIL)

    taking.refuse = False
    taking.unknown = {MAIL.to}
    with pytest.raises(MailRefused):
        await send_mail(settings(taking), MAIL)


def test_a_mail_in_two_forms_with_its_place_in_a_thread() -> None:
    mail = Mail(
        to="ada@example.org",
        subject="x",
        text="plain\n",
        html="<p>rich</p>",
        id="post1",
        thread="root1",
        unsubscribe="https://chat.example.org/\r\nBcc: <eve@example.org>",
    )
    message = message_of(EmailSection(FeedbackEmail="hub@example.org"), mail)

    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert (message["Message-ID"], message["References"]) == ("<post1@example.org>", "<root1@example.org>")
    assert message["List-Unsubscribe"] == "<https://chat.example.org/Bcc:eve@example.org>"
    assert message["Bcc"] is None
