"""Mails about posts: at once or gathered, in text and HTML, to a real mail server."""

from collections.abc import Callable
from typing import Any

import pytest

from server.context import Context
from server.db import SQL
from server.features.notifications import mail_service, queries
from tests.clients_of import Client
from tests.features.notifications.conftest import FAILED, SITE, World
from tests.make import Make
from tests.nodes import TestNode
from tests.smtp import MailServer
from tests.waiting import until

Clients = Callable[..., Client]
Settings = Callable[..., None]

BATCHED = SQL("SELECT count(*) FROM batched_mails WHERE user_id = $1")
AGE = SQL("UPDATE batched_mails SET create_at = create_at - $2 WHERE user_id = $1")
JOBS = SQL("SELECT count(*) FROM jobs WHERE name = $1 AND payload->>'user_id' = $2 AND failed_at = 0")
EMAIL = SQL("UPDATE users SET email = $2 WHERE id = $1")
OLD_STATUS = SQL("UPDATE status SET last_activity_at = 0 WHERE user_id = $1")


async def until_count(ctx: Context, sql: SQL, *args: object, is_: int) -> None:
    """Wait until a count is this."""

    async def fits() -> bool:
        return bool(await ctx.db.value(sql, *args) == is_)

    await until(fits)


async def test_a_mention_is_mailed_as_text_and_html(world: World, make: Make, mails: MailServer) -> None:
    message = f"hi @{world.bob.username}\n<b>not bold</b> & more\n.\n"
    post = await make.post(world.ada, world.town, message)
    mail = await mails.to(world.bob.email)

    ada, link = f"@{world.ada.username}", f"{SITE}/{world.team.name}/pl/{post['id']}"
    assert mail.receivers == [world.bob.email]
    assert mail.message["Subject"] == f"[Chat] {ada} mentioned you in {world.team.body['display_name']}"
    assert mail.message["From"] == "Hub <hub@example.org>"
    assert mail.message["Message-ID"] == f"<{post['id']}@example.org>"
    assert mail.message["List-Unsubscribe"] == f"<{SITE}>"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.text.startswith(f"{ada} mentioned you\n{world.team.body['display_name']} · ")
    assert world.town.body["display_name"] in mail.text
    assert f"  hi @{world.bob.username}\n  <b>not bold</b> & more\n  .\n" in mail.text
    assert f"Open it: {link}\n" in mail.text
    assert "Sent by Example <Works>" in mail.text
    assert "&lt;b&gt;not bold&lt;/b&gt; &amp; more" in mail.html
    assert "<b>not" not in mail.html
    assert "Example &lt;Works&gt;" in mail.html
    assert f'href="{link}"' in mail.html


async def test_direct_messages_and_replies(client: Clients, world: World, make: Make, mails: MailServer) -> None:
    direct = await make.direct(world.ada, world.bob)
    post = await make.post(world.ada, direct, "psst")
    mail = await mails.to(world.bob.email)
    assert mail.message["Subject"] == f"[Chat] @{world.ada.username} sent you a message"
    assert f"{SITE}/_redirect/pl/{post['id']}" in mail.text

    display = [{"user_id": world.bob.id, "category": "display_settings", "name": "name_format", "value": "full_name"}]
    (await client(world.bob).put("/users/me/preferences", display)).ok()
    reply = await make.post(world.ada, direct, "still there?", root_id=post["id"])
    mail = await mails.to(world.bob.email)
    assert mail.message["Subject"] == "[Chat] Ada Lovelace sent you a message"
    assert mail.message["Message-ID"] == f"<{reply['id']}@example.org>"
    assert mail.message["References"] == f"<{post['id']}@example.org>"


async def test_a_followed_thread_is_mailed(client: Clients, world: World, make: Make, mails: MailServer) -> None:
    root = await make.post(world.bob, world.town, "root")
    (await client(world.bob).put("/users/me/status", {"user_id": world.bob.id, "status": "away"})).ok()
    await make.post(world.ada, world.town, "reply", root_id=root["id"])

    assert "replied to a thread that you follow" in (await mails.to(world.bob.email)).message["Subject"]


async def test_generic_mails_tell_neither_channel_nor_text(
    world: World, make: Make, mails: MailServer, settings: Settings
) -> None:
    settings(EmailSettings={"EmailNotificationContentsType": "generic", "UseChannelInEmailNotifications": True})
    post = await make.post(world.ada, world.town, f"secret @{world.bob.username}")
    mail = await mails.to(world.bob.email)

    for text in (mail.text, mail.html, mail.message["Subject"]):
        assert "secret" not in text
        assert world.town.body["display_name"] not in text
    assert f"@{world.ada.username} mentioned you" in mail.text
    assert f"/pl/{post['id']}" in mail.html


async def test_the_channel_may_stand_in_the_subject(
    world: World, make: Make, mails: MailServer, settings: Settings
) -> None:
    settings(EmailSettings={"UseChannelInEmailNotifications": True})
    await make.post(world.ada, world.town, f"@{world.bob.username}")

    assert (
        (await mails.to(world.bob.email))
        .message["Subject"]
        .endswith(f"mentioned you in {world.town.body['display_name']}")
    )


@pytest.mark.parametrize("evil", ["x\r\nBcc: eve@example.org", "Eve\nSubject: won", "\u2028Bcc: eve@example.org"])
async def test_names_stay_names(
    client: Clients, world: World, make: Make, mails: MailServer, settings: Settings, evil: str
) -> None:
    settings(TeamSettings={"SiteName": evil, "TeammateNameDisplay": "full_name"}, ServiceSettings={"SiteURL": SITE})
    (await client(world.ada).put("/users/me/patch", {"first_name": evil, "last_name": "<i>"})).ok()
    await make.post(world.ada, world.town, f"@{world.bob.username}")
    mail = await mails.to(world.bob.email)

    assert mail.receivers == [world.bob.email]
    assert mail.message["Bcc"] is None
    assert len(mail.message.get_all("Subject", [])) == 1
    assert "<i>" not in mail.html


async def test_who_is_online_or_not_called_or_wants_no_mail_gets_none(
    client: Clients, world: World, make: Make, mails: MailServer, socket: Any, all_told: Any
) -> None:
    await make.post(world.ada, world.town, "nobody")
    async with socket(world.bob):
        (await client(world.bob).put("/users/me/status", {"user_id": world.bob.id, "status": "online"})).ok()
        await make.post(world.ada, world.town, f"online @{world.bob.username}")
        await all_told()
    (await client(world.bob).put("/users/me/status", {"user_id": world.bob.id, "status": "away"})).ok()
    (await client(world.bob).put("/users/me/patch", {"notify_props": {"email": "false"}})).ok()
    await make.post(world.ada, world.town, f"no mail @{world.bob.username}")
    await all_told()
    (await client(world.bob).put("/users/me/patch", {"notify_props": {"email": "true"}})).ok()
    await make.post(world.ada, world.town, f"at last @{world.bob.username}")

    assert "at last" in (await mails.to(world.bob.email)).text
    await all_told()
    assert mails.mails.empty()


async def test_unproven_addresses_get_none_where_that_is_required(
    ctx: Context, world: World, make: Make, mails: MailServer, settings: Settings, all_told: Any
) -> None:
    settings(EmailSettings={"RequireEmailVerification": True})
    await make.post(world.ada, world.town, f"unproven @{world.bob.username}")
    await all_told()
    verified = SQL("UPDATE users SET email_verified = true WHERE id = $1")
    await ctx.db.run(verified, world.bob.id)
    await make.post(world.ada, world.town, f"proven @{world.bob.username}")

    assert "  proven" in (await mails.to(world.bob.email)).text


async def test_a_server_that_refuses_is_asked_again_but_not_of_what_was_read(
    ctx: Context, client: Clients, world: World, make: Make, mails: MailServer, hurry: Any
) -> None:
    mails.refuse = True
    await make.post(world.ada, world.town, f"first @{world.bob.username}")
    await until_count(ctx, FAILED, "send_post_mail", world.bob.id, is_=1)
    mails.refuse = False
    await hurry("send_post_mail", world.bob)
    assert "first" in (await mails.to(world.bob.email)).text

    mails.refuse = True
    await make.post(world.ada, world.town, f"second @{world.bob.username}")
    await until_count(ctx, FAILED, "send_post_mail", world.bob.id, is_=1)
    mails.refuse = False
    (await client(world.bob).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    await hurry("send_post_mail", world.bob)
    await until_count(ctx, JOBS, "send_post_mail", world.bob.id, is_=0)
    assert mails.mails.empty()


async def test_who_was_active_before_another_try_gets_no_mail(
    ctx: Context, client: Clients, world: World, make: Make, mails: MailServer, hurry: Any
) -> None:
    mails.refuse = True
    await make.post(world.ada, world.town, f"@{world.bob.username}")
    await until_count(ctx, FAILED, "send_post_mail", world.bob.id, is_=1)
    mails.refuse = False
    (await client(world.bob).put("/users/me/status", {"user_id": world.bob.id, "status": "online"})).ok()
    await hurry("send_post_mail", world.bob)
    await until_count(ctx, JOBS, "send_post_mail", world.bob.id, is_=0)

    assert mails.mails.empty()


async def test_an_address_that_does_not_exist_is_not_tried_again(
    ctx: Context, world: World, make: Make, mails: MailServer, all_told: Any
) -> None:
    mails.unknown = {world.bob.email}
    await make.post(world.ada, world.town, f"@{world.bob.username}")
    await all_told()

    assert await ctx.db.value(JOBS, "send_post_mail", world.bob.id) == 0
    assert mails.attempts == 1
    assert mails.mails.empty()


async def test_mails_are_gathered_in_a_digest(
    ctx: Context, client: Clients, world: World, make: Make, mails: MailServer, settings: Settings, all_told: Any
) -> None:
    settings(EmailSettings={"EnableEmailBatching": True})
    one = await make.post(world.ada, world.town, f"one @{world.bob.username}")
    direct = await make.direct(world.ada, world.bob)
    two = await make.post(world.ada, direct, "two <two>")
    gone = await make.post(world.ada, world.town, f"three @{world.bob.username}")
    await until_count(ctx, BATCHED, world.bob.id, is_=3)
    (await client(world.ada).delete(f"/posts/{gone['id']}")).ok()
    await ctx.db.run(AGE, world.bob.id, 899_000 - 60_000)
    await mail_service.enqueue_due_digests(ctx)
    assert await ctx.db.value(JOBS, "send_digest", world.bob.id) == 0
    await ctx.db.run(OLD_STATUS, world.bob.id)
    await ctx.db.run(AGE, world.bob.id, 61_000)
    await mail_service.enqueue_due_digests(ctx)
    mail = await mails.to(world.bob.email)

    assert mail.receivers == [world.bob.email]
    assert mail.message["Subject"] == "[Chat] You have 2 new messages"
    for text in ("one", "two <two>", f"/pl/{one['id']}", f"_redirect/pl/{two['id']}"):
        assert text in mail.text
    assert mail.text.index("one") < mail.text.index("two")
    assert "three" not in mail.text
    assert "two &lt;two&gt;" in mail.html
    await until_count(ctx, BATCHED, world.bob.id, is_=0)
    await mail_service.enqueue_due_digests(ctx)
    await all_told()
    assert mails.mails.empty()


@pytest.mark.parametrize(("interval", "due"), [("900", 900), ("3600", 3600), ("15", 30), ("nonsense", 900)])
async def test_digests_come_as_often_as_was_chosen(
    ctx: Context,
    client: Clients,
    world: World,
    make: Make,
    mails: MailServer,
    settings: Settings,
    interval: str,
    due: int,
) -> None:
    settings(EmailSettings={"EnableEmailBatching": True, "EmailBatchingInterval": 30})
    chosen = [{"user_id": world.bob.id, "category": "notifications", "name": "email_interval", "value": interval}]
    (await client(world.bob).put("/users/me/preferences", chosen)).ok()
    await make.post(world.ada, world.town, f"@{world.bob.username}")
    await until_count(ctx, BATCHED, world.bob.id, is_=1)
    settings(JobSettings={"RunJobs": False})  # a node that looks for what is due just then must not send it
    for seconds, expected in ((due - 20, 0), (due + 1, 1)):
        await ctx.db.run(AGE, world.bob.id, seconds * 1000)
        found = world.bob.id in await queries_due(ctx)
        await ctx.db.run(AGE, world.bob.id, -seconds * 1000)
        assert found == bool(expected), seconds


async def queries_due(ctx: Context) -> list[str]:
    return await queries.due_digests(ctx.db, ctx.now(), default=mail_service.DEFAULT_INTERVAL, least=30_000, limit=1000)


async def test_who_wants_mails_at_once_gets_them_at_once(
    ctx: Context, client: Clients, world: World, make: Make, mails: MailServer, settings: Settings
) -> None:
    settings(EmailSettings={"EnableEmailBatching": True})
    chosen = [{"user_id": world.bob.id, "category": "notifications", "name": "email_interval", "value": "30"}]
    (await client(world.bob).put("/users/me/preferences", chosen)).ok()
    await make.post(world.ada, world.town, f"now @{world.bob.username}")

    assert "now" in (await mails.to(world.bob.email)).text
    assert await ctx.db.value(BATCHED, world.bob.id) == 0


@pytest.mark.parametrize("how", ["read", "active", "left"])
async def test_no_digest_of_what_needs_no_telling(
    ctx: Context, client: Clients, world: World, make: Make, mails: MailServer, settings: Settings, how: str
) -> None:
    settings(EmailSettings={"EnableEmailBatching": True})
    await make.post(world.ada, world.town, f"@{world.bob.username}")
    await until_count(ctx, BATCHED, world.bob.id, is_=1)
    if how == "read":
        (await client(world.bob).post("/channels/members/me/view", {"channel_id": world.town.id})).ok()
    elif how == "active":
        (await client(world.bob).put("/users/me/status", {"user_id": world.bob.id, "status": "online"})).ok()
    else:
        (await client(world.bob).delete(f"/channels/{world.town.id}/members/{world.bob.id}")).ok()
    await mail_service.send_digest(ctx, world.bob.id)

    assert await ctx.db.value(BATCHED, world.bob.id) == 0
    assert mails.mails.empty()


async def test_only_so_many_posts_wait_for_a_digest(
    ctx: Context, world: World, make: Make, mails: MailServer, settings: Settings, all_told: Any
) -> None:
    settings(EmailSettings={"EnableEmailBatching": True, "EmailBatchingBufferSize": 2})
    for number in range(4):
        await make.post(world.ada, world.town, f"{number} @{world.bob.username}")
        await all_told()

    assert await ctx.db.value(BATCHED, world.bob.id) == 2


async def test_without_a_mail_server_nothing_is_enqueued(
    ctx: Context,
    client: Clients,
    world: World,
    counted: Callable[..., Any],
    calm: Any,
    settings: Settings,
    node: TestNode,
) -> None:
    settings(EmailSettings={"SendEmailNotifications": True, "FeedbackEmail": ""})
    body = {"channel_id": world.town.id, "message": f"@{world.bob.username}"}
    (await client(world.ada).post("/posts", body)).ok(201)
    await calm()
    with counted(sql=1):
        post = (await client(world.ada).post("/posts", body)).ok(201)

    assert await ctx.db.value(SQL("SELECT count(*) FROM jobs WHERE payload->>'post_id' = $1"), post["id"]) == 0
