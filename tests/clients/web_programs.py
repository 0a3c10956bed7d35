"""The part of the day with the JavaScript client in which programs take part: hooks, commands, buttons."""

import httpx

from tests.clients.web_day import ADA, ALL, BOB, PATIENCE, WebDay, ids
from tests.receiver import Asked, Told

JSON = {"content-type": "application/json"}


def hook_in(day: WebDay) -> None:
    """Ada's weather station tells both that it rains."""
    ada, bob = day.ada, day.bob
    hook = ada.call("createIncomingWebhook", {"channel_id": day.town, "display_name": "Station"})
    assert hook["id"] in ids(ada.call("getIncomingWebhooks", day.team))
    with bob.refused(403):
        bob.call("removeIncomingWebhook", hook["id"])
    answer = httpx.post(
        f"http://127.0.0.1:{day.port}/hooks/{hook['id']}", json={"text": "It rains, @bob"}, timeout=PATIENCE
    )
    assert (answer.status_code, answer.text) == (200, "ok")
    posted = day.hear("posted", *ALL)
    assert posted.data["post"]["message"] == "It rains, @bob"
    assert posted.data["post"]["props"]["from_webhook"] == "true"
    assert posted.data["mentions"] == [bob.id]
    ada.call("removeIncomingWebhook", hook["id"])


def hook_out(day: WebDay) -> None:
    """A word of Bob's calls the program outside, which answers in the channel."""
    ada, bob = day.ada, day.bob
    day.receiver.answer(path="/forecast", json={"text": "Sun tomorrow"})
    hook = ada.call(
        "createOutgoingWebhook",
        {
            "team_id": day.team,
            "display_name": "Forecast",
            "trigger_words": ["forecast"],
            "callback_urls": [f"{day.receiver.url}/forecast"],
        },
    )
    assert ids(ada.call("getOutgoingWebhooks", "", day.team)) == [hook["id"]]
    with bob.refused(403):
        bob.call("removeOutgoingWebhook", hook["id"])
    field = bob.create_channel(day.team, "field", "O")
    day.hear("channel_created", BOB)
    assert day.hear("posted", BOB).data["post"]["type"] == "system_join_channel"
    post = bob.post(field["id"], "forecast please")
    day.hear("posted", BOB)
    asked = day.asked()
    assert (asked.path, asked.form["token"], asked.form["post_id"]) == ("/forecast", [hook["token"]], [post["id"]])
    assert (asked.form["user_name"], asked.form["text"]) == (["bob"], ["forecast please"])
    answer = day.hear("posted", BOB).data["post"]
    assert (answer["message"], answer["channel_id"]) == ("Sun tomorrow", field["id"])
    assert day.ada.call("regenOutgoingHookToken", hook["id"])["token"] != hook["token"]
    ada.call("removeOutgoingWebhook", hook["id"])


def command(day: WebDay) -> None:
    """Bob's slash command: one answer for him alone, a later one for both."""
    ada, bob = day.ada, day.bob
    day.receiver.answer(path="/menu", json={"text": "Pesto", "response_type": "ephemeral"})
    made = ada.call(
        "addCommand",
        {
            "team_id": day.team,
            "trigger": "menu",
            "method": "P",
            "url": f"{day.receiver.url}/menu",
            "auto_complete": True,
            "auto_complete_hint": "[day]",
        },
    )
    assert "menu" in [each["trigger"] for each in bob.call("getAutocompleteCommandsList", day.team)]
    place = {"channel_id": day.town, "team_id": day.team}
    suggested = bob.call("getCommandAutocompleteSuggestionsList", "/men", day.team, place)
    assert [(each["Complete"], each["Hint"]) for each in suggested] == [("menu", "[day]")]
    answer = bob.call("executeCommand", "/menu today", place)
    asked = day.asked()
    assert (asked.form["command"], asked.form["text"], asked.form["user_id"]) == (["/menu"], ["today"], [bob.id])
    assert asked.form["token"] == [made["token"]]
    assert answer["text"] == "Pesto"
    told = day.hear("ephemeral_message", BOB).data["post"]
    assert (told["message"], told["channel_id"], told["type"]) == ("Pesto", day.town, "system_ephemeral")

    later = httpx.URL(asked.form["response_url"][0]).path
    body = {"text": "With bread", "response_type": "in_channel"}
    assert httpx.post(f"http://127.0.0.1:{day.port}{later}", json=body, timeout=PATIENCE).status_code == 200
    posted = day.hear("posted", *ALL).data["post"]
    assert (posted["message"], posted["user_id"]) == ("With bread", bob.id)
    ada.call("deleteCommand", made["id"])
    assert "menu" not in [each["trigger"] for each in bob.call("getAutocompleteCommandsList", day.team)]


def act(day: WebDay) -> None:
    """Bob presses a button of Ada's post; the program that hears of it changes the post and opens a dialog for him."""
    ada, bob = day.ada, day.bob

    def watered(asked: Asked) -> Told:
        assert asked.json["user_id"] == bob.id
        return Told(headers=JSON, body=b'{"update": {"message": "Watered", "props": {}}, "ephemeral_text": "Thanks"}')

    day.receiver.answer(path="/watered", by=watered)
    day.receiver.answer(path="/tell", json={"errors": {"liters": "too much"}})
    button = {
        "id": "done",
        "name": "Done",
        "integration": {"url": f"{day.receiver.url}/watered", "context": {"bed": 3}},
    }
    props = {"attachments": [{"text": "Water the herbs", "actions": [button]}]}
    post = ada.call("createPost", {"channel_id": day.town, "message": "To do", "props": props})
    shown = day.hear("posted", *ALL).data["post"]["props"]["attachments"][0]["actions"][0]
    assert (shown["id"], shown["name"], "integration" in shown) == ("done", "Done", False)

    assert bob.call("doPostAction", post["id"], "done")["status"] == "OK"
    asked = day.asked()
    assert (asked.json["post_id"], asked.json["context"]) == (post["id"], {"bed": 3})

    dialog = {
        "trigger_id": asked.json["trigger_id"],
        "url": f"{day.receiver.url}/tell",
        "dialog": {
            "callback_id": "tell",
            "title": "How much?",
            "elements": [{"display_name": "Liters", "name": "liters", "type": "text"}],
        },
    }
    answer = httpx.post(f"http://127.0.0.1:{day.port}/api/v4/actions/dialogs/open", json=dialog, timeout=PATIENCE)
    assert answer.status_code == 200  # who asks three seconds later is refused
    heard, said = day.ears[BOB].hears_all("post_edited", "ephemeral_message")
    assert (heard.data["post"]["message"], said.data["post"]["message"]) == ("Watered", "Thanks")
    assert day.hear("post_edited", *ADA).data["post"]["message"] == "Watered"
    assert day.hear("open_dialog", BOB).data["dialog"]["dialog"]["title"] == "How much?"
    refused = bob.call(
        "submitInteractiveDialog",
        {"url": f"{day.receiver.url}/tell", "callback_id": "tell", "submission": {"liters": "900"}, "state": "",
         "user_id": bob.id, "channel_id": day.town, "team_id": day.team, "cancelled": False},
    )  # fmt: skip
    assert refused["errors"] == {"liters": "too much"}
    assert day.asked().json["submission"] == {"liters": "900"}
