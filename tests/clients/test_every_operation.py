"""Every operation of daily use, called through mattermostautodriver against two nodes."""

import asyncio
from pathlib import Path

from tests.clients.cluster import Cluster
from tests.clients.daily import people, places, programs, talk
from tests.clients.daily.day import Day
from tests.clients.web_day import eventually
from tests.receiver import Asked, Receiver, Told, receiving
from tests.smtp import MailServer, mail_server

PAGE = '<html><head><meta property="og:title" content="Our menu"></head></html>'


def settings_for(mail_port: int, program: str) -> dict[str, dict[str, object]]:
    """What an administrator switches on for such a day."""
    return {
        "ServiceSettings": {
            "AllowedUntrustedInternalConnections": "127.0.0.1",
            "EnableBotAccountCreation": True,
            "EnableUserAccessTokens": True,
            "EnableEmailInvitations": True,
            "SiteURL": "http://hub.example",
        },
        "FileSettings": {"EnablePublicLink": True},
        "EmailSettings": {
            "SendEmailNotifications": True,
            "SMTPServer": "127.0.0.1",
            "SMTPPort": str(mail_port),
            "FeedbackEmail": "hub@example.org",
            "EnableSMTPAuth": False,
            "SendPushNotifications": True,
            "PushNotificationServer": program,
        },
    }


def outside(receiver: Receiver) -> tuple[dict[str, str], dict[str, str]]:
    """A program with a page, a command, a button and a dialog; what it is told when it is called."""
    response_url: dict[str, str] = {}
    trigger_id: dict[str, str] = {}

    def menu(asked: Asked) -> Told:
        response_url["url"] = asked.form["response_url"][0]
        return Told(headers={"content-type": "application/json"}, body=b'{"text": "soup"}')

    def pick(asked: Asked) -> Told:
        trigger_id["trigger_id"] = asked.json["trigger_id"]
        return Told(headers={"content-type": "application/json"}, body=b"{}")

    receiver.answer(path="/menu", by=menu)
    receiver.answer(path="/pick", by=pick)
    receiver.answer(path="/dish", json={"errors": {"dish": "nothing is no dish"}})
    receiver.answer(path="/dishes", json={"items": [{"text": "Soup", "value": "soup"}]})
    receiver.answer(path="/dish-action", json={})
    receiver.answer(path="/api/v1/ack", json={"status": "OK"})
    receiver.answer(path="/page", body=PAGE.encode(), headers={"content-type": "text/html; charset=utf-8"})
    receiver.answer(path="/dish.png", body=programs.DISH, headers={"content-type": "image/png"})
    receiver.answer(path="/moved", location=f"{receiver.url}/page")
    return response_url, trigger_id


def live(day: Day, mail: MailServer, response_url: dict[str, str], trigger_id: dict[str, str]) -> None:
    """Everything, in an order in which it makes sense."""
    day.begin()
    settings = settings_for(mail.port, day.program)
    day.admin.ask("PUT", "/api/v4/config/patch", json=settings)
    site = settings["ServiceSettings"]["SiteURL"]
    eventually(day.bob.driver.system.get_client_config, lambda known: known["SiteURL"] == site)  # the other node, too
    for part in (
        people.know_the_server,
        people.read_people,
        people.change_people,
        people.prove_addresses,
        people.hold_sessions,
        people.show_status,
        people.keep_preferences,
        places.keep_a_team,
        places.keep_channels,
        places.keep_members,
        places.talk_in_private,
        places.read_channels,
        places.sort_the_sidebar,
        talk.write_posts,
        talk.confirm_posts,
        talk.react,
        talk.follow_threads,
        talk.write_drafts,
        talk.post_later,
        talk.keep_bookmarks,
        talk.make_emoji,
        talk.send_files,
        programs.keep_a_bot,
        programs.hook_in,
        programs.hook_out,
    ):
        part(day)
    programs.command(day, response_url)
    programs.act(day, trigger_id)
    programs.be_told(day)
    programs.look_outside(day)
    places.invite_to_a_team(day)
    people.leave(day)


async def test_every_operation_of_daily_use_is_called_and_answers(cluster: Cluster, tmp_path: Path) -> None:
    async with receiving() as receiver, mail_server() as mail:
        loop = asyncio.get_running_loop()

        def next_mail(receiver: str) -> str:
            return asyncio.run_coroutine_threadsafe(mail.to(receiver), loop).result().text

        response_url, trigger_id = outside(receiver)
        day = Day(cluster.ports, receiver.url, next_mail)
        try:
            await asyncio.to_thread(live, day, mail, response_url, trigger_id)
        finally:
            day.close()

    assert day.record.missing() == []
