"""Bots, webhooks, commands, dialogs and what else programs do, as the driver asks for it."""

import re

from tests.clients.daily.day import Day, Json, ids, refused
from tests.features.files.uploading import picture


def keep_a_bot(day: Day) -> None:
    """A bot is made, changed, handed over, switched off and on."""
    bots = day.admin.driver.bots
    bot = bots.create_bot("cook", "Cook")["user_id"]
    assert bots.get_bot(bot)["display_name"] == "Cook"
    assert [each["user_id"] for each in bots.get_bots()] == [bot]
    assert bots.patch_bot(bot, "cook", "Chef")["display_name"] == "Chef"
    icon = f"/api/v4/bots/{bot}/icon"
    day.admin.ask("POST", icon, files={"image": ("icon.svg", SVG, "image/svg+xml")})
    assert b"<svg" in day.ada.ask("GET", icon).content
    day.admin.ask("DELETE", icon)
    assert bots.disable_bot(bot)["delete_at"] > 0
    assert bots.enable_bot(bot)["delete_at"] == 0
    with refused():
        day.bob.driver.bots.create_bot("mine")
    assert bots.assign_bot(bot, day.ada.id)["owner_id"] == day.ada.id


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'


def hook_in(day: Day) -> None:
    """A program posts by an address that it was told."""
    hooks, town = day.ada.driver.webhooks, day.town["id"]
    hook = hooks.create_incoming_webhook(town, display_name="Stove")
    assert hooks.get_incoming_webhook(hook["id"])["display_name"] == "Stove"
    assert hook["id"] in ids(hooks.get_incoming_webhooks(team_id=day.team["id"]))
    assert hooks.update_incoming_webhook(hook["id"], hook["id"], town, "Oven", "x")["display_name"] == "Oven"
    assert day.bob.ask("POST", f"/hooks/{hook['id']}", json={"text": "it is hot"}).text == "ok"
    newest = day.bob.driver.posts.get_posts_for_channel(town, per_page=1)
    assert newest["posts"][newest["order"][0]]["message"] == "it is hot"
    with refused():
        day.bob.driver.webhooks.delete_incoming_webhook(hook["id"])
    hooks.delete_incoming_webhook(hook["id"])


def hook_out(day: Day) -> None:
    """A program hears of words."""
    hooks = day.ada.driver.webhooks
    hook = hooks.create_outgoing_webhook(day.team["id"], "Waiter", ["order"], [f"{day.program}/order"])
    assert hooks.get_outgoing_webhook(hook["id"])["display_name"] == "Waiter"
    assert ids(hooks.get_outgoing_webhooks(team_id=day.team["id"])) == [hook["id"]]
    whole = {**hook, "display_name": "Waitress"}
    changed = day.ada.ask("PUT", f"/api/v4/hooks/outgoing/{hook['id']}", json=whole).json()
    assert changed["display_name"] == "Waitress"
    assert hooks.regen_outgoing_hook_token(hook["id"])["token"] != hook["token"]
    with refused():
        day.bob.driver.webhooks.delete_outgoing_webhook(hook["id"])
    hooks.delete_outgoing_webhook(hook["id"])


def command(day: Day, response_url: dict[str, str]) -> None:
    """Slash commands; `response_url` holds the address at which the program may answer later, once it was called."""
    commands, team, town = day.ada.driver.commands, day.team["id"], day.town["id"]
    made = commands.create_command(team, "P", "menu", f"{day.program}/menu")
    assert commands.get_command_by_id(made["id"])["trigger"] == "menu"
    assert made["id"] in ids(commands.list_commands(team, custom_only=True))
    changed: Json = commands.update_command(made["id"], {**made, "auto_complete": True, "auto_complete_hint": "[day]"})
    assert changed["auto_complete_hint"] == "[day]"
    assert "menu" in [each["trigger"] for each in commands.list_autocomplete_commands(team)]
    suggested = day.ada.ask(
        "GET", f"/api/v4/teams/{team}/commands/autocomplete_suggestions", params={"user_input": "/men"}
    ).json()
    assert "menu" in [each["Complete"] for each in suggested]
    answer = commands.execute_command(town, "/menu today")
    assert answer["text"] == "soup"
    later = re.search(r"/hooks/commands/\w+", response_url["url"])
    assert later is not None
    day.ada.ask("POST", later[0], json={"response_type": "in_channel", "text": "and bread"})
    newest = day.bob.driver.posts.get_posts_for_channel(town, per_page=1)
    assert newest["posts"][newest["order"][0]]["message"] == "and bread"
    assert commands.regen_command_token(made["id"])["token"] != made["token"]
    with refused():
        day.bob.driver.commands.create_command(team, "P", "mine", f"{day.program}/mine")
    other = day.ada.driver.teams.create_team("bistro", "Bistro", "O")
    commands.move_command(made["id"], other["id"])
    commands.delete_command(made["id"])


def act(day: Day, called: dict[str, str]) -> None:
    """Buttons call a program, which opens a dialog; `called` holds the trigger id that it was given."""
    action = {"id": "pick", "name": "Pick", "type": "button", "integration": {"url": f"{day.program}/pick"}}
    props = {"attachments": [{"text": "what?", "actions": [action]}]}
    post = day.ada.driver.posts.create_post(day.town["id"], "", props=props)["id"]
    answer = day.bob.driver.posts.do_post_action(post, "pick")
    assert answer["status"] == "OK"
    dialogs = day.bob.driver.integration_actions
    element = {"display_name": "Dish", "name": "dish", "type": "text"}
    dialog = {"callback_id": "dish", "title": "Dish", "elements": [element]}
    dialogs.open_interactive_dialog(called["trigger_id"], f"{day.program}/dish", dialog)
    place = {"channel_id": day.town["id"], "team_id": day.team["id"]}
    wrong = dialogs.submit_interactive_dialog(f"{day.program}/dish", submission={"dish": ""}, **place)
    assert wrong["errors"] == {"dish": "nothing is no dish"}
    found = dialogs.lookup_interactive_dialog(f"{day.program}/dishes", submission={"query": "s"}, **place)
    assert found["items"] == [{"text": "Soup", "value": "soup"}]
    dialogs.execute_dialog_action(f"{day.program}/dish-action", context={"dish": "soup"}, **place)


def be_told(day: Day) -> None:
    """Notifications are tried out and confirmed."""
    day.ada.driver.system.test_notification()
    day.ada.ask("POST", "/api/v4/notifications/ack", json={"id": "x", "platform": "android", "type": "message"})


def look_outside(day: Day) -> None:
    """Pages and pictures elsewhere, seen through the server."""
    page = day.ada.ask("POST", "/api/v4/opengraph", json={"url": f"{day.program}/page"}).json()
    assert page["title"] == "Our menu"
    assert day.ada.ask("GET", "/api/v4/image", params={"url": f"{day.program}/dish.png"}).status_code in (200, 302)
    moved = day.ada.driver.system.get_redirect_location(f"{day.program}/moved")
    assert moved["location"] == f"{day.program}/page"


DISH = picture((8, 8))
"""A picture that the program outside has."""
