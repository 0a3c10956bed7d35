"""Mail over SMTP, by EmailSettings. Whatever a name or subject holds, it can't become a header or another receiver."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import aiosmtplib
from msgspec import Struct

from server.config.people import EmailSection

SUBJECT_MAX = 200


class Mail(Struct, frozen=True, kw_only=True):
    """A plain-text mail to one address."""

    to: str
    subject: str
    text: str


def is_configured(settings: EmailSection) -> bool:
    """Whether there is a server to send by and an address to send from."""
    return bool(settings.SMTPServer and settings.FeedbackEmail)


def message_of(settings: EmailSection, mail: Mail) -> EmailMessage:
    """The message as it goes over the wire; raises ValueError for an address that is none."""
    if not mail.to:
        raise ValueError("no address")
    message = EmailMessage()
    message["From"] = Address(one_line(settings.FeedbackName), addr_spec=settings.FeedbackEmail)
    message["To"] = Address(addr_spec=mail.to)
    if settings.ReplyToAddress:
        message["Reply-To"] = Address(addr_spec=settings.ReplyToAddress)
    message["Subject"] = one_line(mail.subject)[:SUBJECT_MAX]
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=settings.FeedbackEmail.rpartition("@")[2] or None)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message


def one_line(text: str) -> str:
    """Text without line ends and other characters that can't be printed."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


async def send_mail(settings: EmailSection, mail: Mail) -> None:
    """Hand a mail to the server; raises aiosmtplib.SMTPException or OSError when it does not take it."""
    security = settings.ConnectionSecurity.upper()
    await aiosmtplib.send(
        message_of(settings, mail),
        hostname=settings.SMTPServer,
        port=int(settings.SMTPPort or 25),
        username=settings.SMTPUsername if settings.EnableSMTPAuth else None,
        password=settings.SMTPPassword if settings.EnableSMTPAuth else None,
        use_tls=security == "TLS",
        start_tls=security == "STARTTLS",
        validate_certs=not settings.SkipServerCertificateVerification,
        timeout=float(max(settings.SMTPServerTimeout, 1)),
    )
