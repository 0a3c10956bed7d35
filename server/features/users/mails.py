"""The mails about accounts: plain text, in which names of people and teams are nothing but text."""

from urllib.parse import urlencode

from server.config import Config
from server.notify.mail import Mail, one_line

MESSAGE_MAX = 500


def _site(config: Config) -> str:
    return config.ServiceSettings.SiteURL.rstrip("/")


def _name(config: Config) -> str:
    return one_line(config.TeamSettings.SiteName) or "Hubbub"


def verification_mail(config: Config, email: str, token: str, *, redirect: str = "") -> Mail:
    """The link that proves an address, and leads to `redirect` then."""
    fields = {"token": token, "email": email} | ({"redirect_to": redirect} if redirect else {})
    link = f"{_site(config)}/do_verify_email?{urlencode(fields)}"
    return Mail(
        to=email,
        subject=f"[{_name(config)}] Verify your e-mail address",
        text=f"Welcome to {_name(config)}!\n\nPlease verify that this is your e-mail address:\n\n{link}\n\n"
        "The link holds for 24 hours. If you did not ask for it, there is nothing to do.\n",
    )


def password_reset_mail(config: Config, email: str, token: str) -> Mail:
    """The link for choosing a new password."""
    link = f"{_site(config)}/reset_password_complete?{urlencode({'token': token})}"
    return Mail(
        to=email,
        subject=f"[{_name(config)}] Reset your password",
        text=f"You asked for a new password on {_name(config)}. Choose one here:\n\n{link}\n\n"
        "The link holds for 24 hours and for one time. If you did not ask for it, your password stays as it is.\n",
    )


def team_invitation_mail(
    config: Config, email: str, token: str, *, sender: str, team: str, message: str, guest: bool = False
) -> Mail:
    """The link that makes an account and puts it into a team."""
    link = f"{_site(config)}/signup_user_complete/?{urlencode({'t': token})}"
    sender, team, message = one_line(sender), one_line(team), one_line(message)[:MESSAGE_MAX]
    as_guest = "as a guest " if guest else ""
    words = f"{sender} wrote:\n\n    {message}\n\n" if message else ""
    return Mail(
        to=email,
        subject=f"[{_name(config)}] {sender} invited you {as_guest}to the team {team}",
        text=f"{sender} invited you {as_guest}to join the team {team} on {_name(config)}.\n\n"
        f"{words}Join here:\n\n{link}\n\n"
        "The link holds for 48 hours and for one account.\n",
    )


NEWS = {
    "mfa_on": "Multi-factor authentication was switched on for your account",
    "mfa_off": "Multi-factor authentication was switched off for your account",
    "password": "The password of your account was changed",
    "deactivated": "Your account was deactivated",
    "activated": "Your account was activated again",
    "email": "The e-mail address of your account was changed",
    "username": "The username of your account was changed",
    "token": "A personal access token was made for your account",
}


def account_mail(config: Config, email: str, news: str) -> Mail:
    """News of something that was done to an account (a key of NEWS)."""
    site = f" ({_site(config)})" if _site(config) else ""
    return Mail(
        to=email,
        subject=f"[{_name(config)}] {NEWS[news]}",
        text=f"{NEWS[news]} on {_name(config)}{site}.\n\n"
        "If this was neither you nor your administrator, please tell your administrator at once.\n",
    )
