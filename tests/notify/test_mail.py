"""Mails: what may be in a name can't become a header or another receiver."""

import pytest

from server.config import Config
from server.config.people import EmailSection
from server.features.users.mails import team_invitation_mail
from server.notify.mail import Mail, is_configured, message_of, send_mail
from tests.smtp import mail_server

SETTINGS = EmailSection(FeedbackEmail="hub@example.org", FeedbackName="Hub", ReplyToAddress="help@example.org")


def test_a_message_says_who_it_is_from_and_that_it_was_generated() -> None:
    message = message_of(SETTINGS, Mail(to="ada@example.org", subject="Grüße", text="Hällo\n"))

    assert str(message["From"]) == "Hub <hub@example.org>"
    assert str(message["To"]) == "ada@example.org"
    assert str(message["Reply-To"]) == "help@example.org"
    assert str(message["Subject"]) == "Grüße"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.org>")
    assert message.get_content() == "Hällo\n"


@pytest.mark.parametrize(
    "evil", ["x\r\nBcc: eve@example.org", "x\nBcc: eve@example.org", "x\u2028Bcc: e@f", "x\0y", "x\u202egnp.exe"]
)
def test_names_stay_text(evil: str) -> None:
    mail = team_invitation_mail(Config(), "ada@example.org", "secret", sender=evil, team=evil, message=evil)
    settings = EmailSection(FeedbackEmail="hub@example.org", FeedbackName=evil)

    message = message_of(settings, mail)

    assert message["Bcc"] is None
    assert [str(message["To"]), len(message.get_all("To", []))] == ["ada@example.org", 1]
    assert b"\nBcc:" not in bytes(message)
    assert len(str(message["Subject"])) <= 200
    for text in (str(message["Subject"]), str(message["From"]), mail.text):
        assert not set("\r\0\u2028\u202e") & set(text)


@pytest.mark.parametrize("address", ["a@b\r\nBcc: c@d", "a@b, c@d", "Ada <a@b>", "nobody", ""])
def test_what_is_no_single_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        message_of(SETTINGS, Mail(to=address, subject="x", text="x"))


def test_mail_needs_a_server_and_a_sender() -> None:
    assert is_configured(SETTINGS)
    assert not is_configured(EmailSection())
    assert not is_configured(EmailSection(FeedbackEmail="hub@example.org", SMTPServer=""))


async def test_a_mail_is_handed_over_with_its_dots_and_lines() -> None:
    text = "one\n.\n..two\n" + "x" * 2000 + "\n"
    async with mail_server() as taking:
        settings = EmailSection(FeedbackEmail="hub@example.org", SMTPServer="127.0.0.1", SMTPPort=str(taking.port))
        await send_mail(settings, Mail(to="ada@example.org", subject="x", text=text))
        taken = await taking.next()

    assert taken.receivers == ["ada@example.org"]
    assert taken.text.replace("\r\n", "\n") == text
