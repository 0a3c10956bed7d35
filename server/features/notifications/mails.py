"""The mails about posts, as text and as HTML. What people wrote is nothing but text in both."""

from collections.abc import Sequence
from html import escape

from msgspec import Struct

from server.config import Config
from server.features.notifications.models import Candidate, PostNotice, Reason
from server.features.notifications.wording import (
    channel_title,
    headline,
    local_time,
    message_text,
    permalink,
    sender_name,
)
from server.notify.mail import Mail, one_line

DIGEST_POSTS = 50
"""So many posts are shown in one digest; of the others it says how many there are."""
DIGEST_TEXT = 1000
"""So many characters of each."""

_PAGE = """\
<!DOCTYPE html>
<html><body style="margin:0;padding:24px;background:#f4f5f7;font-family:-apple-system,Segoe UI,Roboto,Arial,sans-serif;\
color:#1f2329">
<div style="max-width:600px;margin:0 auto;padding:24px;background:#ffffff;border-radius:8px">
<h1 style="font-size:20px;margin:0 0 16px">{title}</h1>
{content}
<p style="margin:24px 0 0;padding-top:16px;border-top:1px solid #e3e5e8;font-size:12px;color:#6b7280">{footer}</p>
</div></body></html>
"""
_SAID = """\
<div style="margin:0 0 16px"><p style="margin:0 0 4px;font-size:14px">{what}\
<span style="color:#6b7280">{where}</span></p>{message}{link}</div>"""
_WHAT = "<strong>{}</strong><br>"
_MESSAGE = (
    '<div style="margin:8px 0;padding:8px 12px;border-left:4px solid #c7cbd1;white-space:pre-wrap;'
    'overflow-wrap:anywhere">{}</div>'
)
_LINK = '<p style="margin:8px 0"><a href="{}" style="color:#1c58d9">{}</a></p>'


class Item(Struct, frozen=True):
    """A post in a mail, in words."""

    what: str
    where: str
    message: str
    link: str


def post_mail(config: Config, notice: PostNotice, reader: Candidate, reason: Reason) -> Mail:
    """The mail about one post."""
    item = _item(config, notice, reader, reason)
    sender = sender_name(config, notice, reader.name_format)
    subject = f"[{_site_name(config)}] {headline(reason, sender)}"
    if not _is_generic(config):
        channel = channel_title(notice, reader.username)
        if config.EmailSettings.UseChannelInEmailNotifications:
            subject = f"[{_site_name(config)}] {headline(reason, sender, channel)}"
        elif notice.team_display_name:
            subject = f"{subject} in {one_line(notice.team_display_name)}"
    return Mail(
        to=reader.email,
        subject=subject,
        text=_text([item], _footer(config)),
        html=_html(item.what, [item], _footer(config)),
        id=notice.id,
        thread=notice.root_id,
        unsubscribe=_settings_address(config),
    )


def digest_mail(config: Config, posts: Sequence[tuple[PostNotice, Reason]], reader: Candidate) -> Mail:
    """The mail about all posts that have gathered for a user, oldest first."""
    items = [_item(config, notice, reader, reason, most=DIGEST_TEXT) for notice, reason in posts[:DIGEST_POSTS]]
    count = len(posts)
    title = f"You have {count} new message{'s' if count > 1 else ''}"
    more = f"… and {count - DIGEST_POSTS} more." if count > DIGEST_POSTS else ""
    return Mail(
        to=reader.email,
        subject=f"[{_site_name(config)}] {title}",
        text=_text(items, _footer(config), title=title, more=more),
        html=_html(title, items, _footer(config), more=more),
        unsubscribe=_settings_address(config),
    )


def _is_generic(config: Config) -> bool:
    return config.EmailSettings.EmailNotificationContentsType == "generic"


def _item(config: Config, notice: PostNotice, reader: Candidate, reason: Reason, *, most: int = 0) -> Item:
    generic = _is_generic(config)
    sender = sender_name(config, notice, reader.name_format)
    team = one_line(notice.team_display_name)
    channel = "" if generic else channel_title(notice, reader.username)
    where = [part for part in (team, channel, local_time(reader, notice.create_at)) if part]
    message = "" if generic else message_text(notice)
    if most and len(message) > most:
        message = message[:most].rstrip() + " …"
    return Item(headline(reason, sender), " · ".join(where), message, permalink(config, notice))


def _site_name(config: Config) -> str:
    return one_line(config.TeamSettings.SiteName) or "Hubbub"


def _site(config: Config) -> str:
    return config.ServiceSettings.SiteURL.rstrip("/")


def _settings_address(config: Config) -> str:
    """Where to ask for fewer mails: the settings are in the client, which the address of the server opens."""
    support = config.SupportSettings.SupportEmail
    return _site(config) or (f"mailto:{support}" if support else "")


def _footer(config: Config) -> list[str]:
    site, name = _site(config), _site_name(config)
    lines = [f"You get this mail because of your notification settings on {name}{f' ({site})' if site else ''}."]
    lines.append("To change what you are told of, open Settings > Notifications there.")
    organization = one_line(config.EmailSettings.FeedbackOrganization)
    return [*lines, f"Sent by {organization}"] if organization else lines


def _text(items: Sequence[Item], footer: Sequence[str], *, title: str = "", more: str = "") -> str:
    blocks = [title] if title else []
    for item in items:
        message = "\n".join(f"  {line}".rstrip() for line in item.message.splitlines())
        link = f"Open it: {item.link}" if item.link else ""
        blocks.append("\n\n".join(part for part in (f"{item.what}\n{item.where}", message, link) if part))
    if more:
        blocks.append(more)
    separator = "\n\n" + "-" * 40 + "\n\n" if len(blocks) > 1 else ""
    return separator.join(blocks) + "\n\n-- \n" + "\n".join(footer) + "\n"


def _html(title: str, items: Sequence[Item], footer: Sequence[str], *, more: str = "") -> str:
    content = [
        _SAID.format(
            what=_WHAT.format(escape(item.what)) if title != item.what else "",
            where=escape(item.where),
            message=_MESSAGE.format(escape(item.message)) if item.message else "",
            link=_LINK.format(escape(item.link), "Open the message") if item.link else "",
        )
        for item in items
    ]
    if more:
        content.append(f"<p>{escape(more)}</p>")
    return _PAGE.format(title=escape(title), content="\n".join(content), footer="<br>".join(map(escape, footer)))
