"""Mail over SMTP, by EmailSettings. Whatever a name or subject holds, it can't become a header or another receiver."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import aiosmtplib
from msgspec import Struct

from server.config.people import EmailSection

SUBJECT_MAX = 200
PERMANENT = 500
"""Answers of mail servers from here on are not worth another try."""


class MailRefused(Exception):
    """The receiver's address is not taken, and won't be later."""


class Mail(Struct, frozen=True, kw_only=True):
    """A mail to one address: plain text, and the same as HTML if `html` is given."""

    to: str
    subject: str
    text: str
    html: str = ""
    id: str = ""
    """What the mail is about, so that a repeated one has the same Message-ID; "" for one of its own."""
    thread: str = ""
    """The id of the mail that this one belongs to, "" for none."""
    unsubscribe: str = ""
    """Where the receiver can ask for fewer of these mails: an address of the web or of mail; "" for nowhere."""


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
    domain = settings.FeedbackEmail.rpartition("@")[2]
    message["Message-ID"] = f"<{mail.id}@{domain}>" if mail.id else make_msgid(domain=domain or None)
    if mail.thread:
        message["References"] = f"<{mail.thread}@{domain}>"
    if mail.unsubscribe:
        message["List-Unsubscribe"] = f"<{_plain_url(mail.unsubscribe)}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    return message


def _plain_url(url: str) -> str:
    """A URL that ends where it says: no blanks, no brackets."""
    return "".join(char for char in url if char.isascii() and char.isprintable() and char not in " <>")


def one_line(text: str) -> str:
    """Text without line ends and other characters that can't be printed."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


async def send_mail(settings: EmailSection, mail: Mail) -> None:
    """Hand a mail to the server; raises aiosmtplib.SMTPException or OSError when it does not take it.

    MailRefused when it never will, for the sake of the address.
    """
    security = settings.ConnectionSecurity.upper()
    try:
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
    except aiosmtplib.SMTPRecipientsRefused as error:
        if all(each.code >= PERMANENT for each in error.recipients):
            raise MailRefused("the address is refused") from None
        raise
