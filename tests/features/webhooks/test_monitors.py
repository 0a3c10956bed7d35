"""Alertmanager and Grafana with their own notifiers: the requests as these programs send them."""

from typing import Any

import pytest

from tests.clients_of import Reply
from tests.features.webhooks.world import Clients, Json, Settings, Sockets, World, as_go_writes

ALERTMANAGER = {"content-type": "application/json", "user-agent": "Alertmanager/0.28.1"}
GRAFANA = {"content-type": "application/json", "user-agent": "Grafana"}
EXTERNAL = "http://alerts.example.org:9093/#/alerts?receiver=chat"


def slack_of_alertmanager(channel: str) -> Json:
    """Alertmanager's slack_configs with fields, a button, and the templates that come with it."""
    return {
        "channel": f"#{channel}",
        "username": "Alertmanager",
        "icon_emoji": ":fire:",
        "link_names": True,
        "attachments": [
            {
                "title": "[FIRING:1] DiskFull node (db1:9100 critical)",
                "title_link": EXTERNAL,
                "pretext": "",
                "text": "*Alert:* only 3% left & <https://wiki.example.org/disk|what to do>\n<!channel>",
                "fallback": f"[FIRING:1] DiskFull node (db1:9100 critical) | {EXTERNAL}",
                "callback_id": "",
                "fields": [
                    {"title": "Severity", "value": "critical", "short": True},
                    {"title": "Instance", "value": "<http://db1:9100|db1>", "short": False},
                ],
                "actions": [
                    {
                        "type": "button",
                        "text": "Silence :no_bell:",
                        "url": "http://alerts.example.org:9093/#/silences/new",
                        "style": "danger",
                    }
                ],
                "footer": "",
                "color": "danger",
                "mrkdwn_in": ["fallback", "pretext", "text"],
            }
        ],
    }


def mattermost_of_alertmanager(channel: str, priority: str) -> Json:
    """Alertmanager's mattermost_configs."""
    return {
        "text": "[FIRING:1] DiskFull (db1:9100 critical)",
        "channel": channel,
        "username": "Alertmanager",
        "icon_url": "https://example.org/alertmanager.png",
        "attachments": [
            {
                "fallback": "DiskFull",
                "color": "#ff0000",
                "text": "only 3% left",
                "author_name": "prometheus",
                "title": "DiskFull",
                "title_link": EXTERNAL,
                "fields": [{"title": "Severity", "value": "critical", "short": True}],
                "footer": "cluster a",
            }
        ],
        "props": {"card": "## Labels\n- instance: db1:9100"},
        "priority": {"priority": priority, "requested_ack": priority == "urgent"},
    }


def slack_of_grafana(channel: str, blocks: list[Any] | None) -> Json:
    """Grafana's contact point of type Slack with a webhook's URL."""
    return {
        "channel": f"#{channel}",
        "username": "Grafana",
        "attachments": [
            {
                "title": "[FIRING:1] High load (db1 Servers)",
                "title_link": "https://grafana.example.org/alerting/list",
                "text": "**Firing**\n\nValue: A=17.3\nLabels:\n - alertname = High load\n",
                "fallback": "[FIRING:1] High load (db1 Servers)",
                "footer": "Grafana v10.4.2",
                "footer_icon": "https://grafana.com/static/assets/img/fav32.png",
                "color": "#D63232",
                "ts": 1763762400,
            }
        ],
        "blocks": blocks,
    }


def took(reply: Reply) -> bool:
    """Whether a notifier takes the answer for a success: anything else it reports as a failure, or sends again."""
    plain = not reply.headers["content-type"].startswith("application/json")
    return reply.status == 200 and plain and reply.content == b"ok"


async def test_alertmanagers_slack_notifier(world: World, client: Clients, settings: Settings, socket: Sockets) -> None:
    settings(ServiceSettings={"EnablePostUsernameOverride": True, "EnablePostIconOverride": True})
    hook = await world.hook()
    body = as_go_writes(slack_of_alertmanager(world.town.name))

    async with socket(world.bob) as events:
        reply = await client().post(f"//hooks/{hook['id']}", body, headers=ALERTMANAGER)
        posted = await events.next("posted")

    post = posted.data["post"]
    (attachment,) = post["props"]["attachments"]
    (action,) = attachment["actions"]
    assert took(reply)
    assert post["message"] == ""
    assert post["type"] == "slack_attachment"
    assert post["props"]["override_username"] == posted.data["sender_name"] == "Alertmanager"
    assert post["props"]["override_icon_emoji"] == ":fire:"
    assert attachment["title_link"] == EXTERNAL
    assert attachment["color"] == "danger"
    assert attachment["text"] == "*Alert:* only 3% left & [what to do](https://wiki.example.org/disk)\n@channel"
    assert attachment["fallback"].endswith(f" | {EXTERNAL}")
    assert [field["value"] for field in attachment["fields"]] == ["critical", "[db1](http://db1:9100)"]
    assert (action["text"], len(action["id"])) == ("Silence :no_bell:", 26)
    assert posted.data["mentions"] == [world.bob.id]


@pytest.mark.parametrize(("priority", "shown"), [("urgent", "urgent"), ("important", "important"), ("standard", "")])
async def test_alertmanagers_mattermost_notifier(
    world: World, client: Clients, settings: Settings, priority: str, shown: str
) -> None:
    settings(ServiceSettings={"EnablePostUsernameOverride": True, "EnablePostIconOverride": True})
    hook = await world.hook(channel_locked=True)
    body = as_go_writes(mattermost_of_alertmanager(world.town.name, priority))

    assert took(await client().post(f"//hooks/{hook['id']}", body, headers=ALERTMANAGER))

    (post,) = await world.posts()
    assert post["message"] == "[FIRING:1] DiskFull (db1:9100 critical)"
    assert post["props"]["card"] == "## Labels\n- instance: db1:9100"
    assert post["props"]["override_icon_url"] == "https://example.org/alertmanager.png"
    assert post["props"]["attachments"][0]["author_name"] == "prometheus"
    assert post["metadata"].get("priority", {}).get("priority", "") == shown
    assert post["metadata"].get("priority", {}).get("requested_ack", False) is (priority == "urgent")


@pytest.mark.parametrize("token", ["", "Bearer xoxb-1234-slack-token"])
async def test_grafanas_slack_notifier(world: World, client: Clients, token: str) -> None:
    hook = await world.hook()
    mention = {"type": "section", "text": {"type": "mrkdwn", "text": "<!here|here>"}}
    headers = {**GRAFANA, "authorization": token} if token else GRAFANA

    for blocks in (None, [mention]):
        body = as_go_writes(slack_of_grafana(world.town.name, blocks))
        assert took(await client().post(f"//hooks/{hook['id']}", body, headers=headers))

    for post in await world.posts():
        (attachment,) = post["props"]["attachments"]
        assert post["user_id"] == world.ada.id
        assert attachment["title"] == "[FIRING:1] High load (db1 Servers)"
        assert attachment["text"].startswith("**Firing**")
        assert attachment["ts"] == 1763762400
        assert "override_username" not in post["props"]
    assert len(await world.posts()) == 2


async def test_a_notifier_is_told_what_is_wrong(world: World, client: Clients) -> None:
    hook = await world.hook(channel_locked=True)
    body = as_go_writes(slack_of_alertmanager("elsewhere"))

    reply = await client().post(f"//hooks/{hook['id']}", body, headers=ALERTMANAGER)

    assert not took(reply)
    assert reply.error_id == "web.incoming_webhook.channel.app_error"
