"""What clients ask for at their start of features that are not there yet."""

from collections.abc import Callable

from server.ids import new_id
from tests.clients_of import Client
from tests.make import Make

Clients = Callable[..., Client]


async def test_there_are_no_custom_emojis(make: Make, client: Clients) -> None:
    ada = await make.user()

    assert (await client(ada).get("/emoji?page=0&per_page=200&sort=name")).ok() == []
    assert (await client(ada).get("/emoji/autocomplete?name=par")).ok() == []
    assert (await client(ada).post("/emoji/search", {"term": "par", "prefix_only": "true"})).ok() == []
    assert (await client(ada).post("/emoji/names", ["parrot"])).ok() == []
    assert (await client(ada).get("/emoji/name/parrot")).error_id == "app.emoji.get_by_name.no_result"
    assert (await client(ada).get(f"/emoji/{new_id()}")).error_id == "app.emoji.get.no_result"
    assert (await client().get("/emoji")).status == 401


async def test_emojis_and_commands_that_are_switched_off_answer_501(
    make: Make, client: Clients, settings: Callable[..., None]
) -> None:
    ada = await make.user()
    team = await make.team([ada])
    settings(ServiceSettings={"EnableCustomEmoji": False, "EnableCommands": False, "AllowSyncedDrafts": False})

    emoji = await client(ada).get("/emoji")
    commands = await client(ada).get(f"/teams/{team.id}/commands/autocomplete")
    drafts = await client(ada).get(f"/users/me/teams/{team.id}/drafts")

    assert (emoji.status, emoji.error_id) == (501, "api.emoji.disabled.app_error")
    assert (commands.status, commands.error_id) == (501, "api.command.disabled.app_error")
    assert (drafts.status, drafts.error_id) == (501, "api.drafts.disabled.app_error")


async def test_a_team_has_no_commands_drafts_or_scheduled_posts_and_strangers_may_not_ask(
    make: Make, client: Clients
) -> None:
    ada, stranger = await make.users(2)
    team = await make.team([ada])
    asked = {
        f"/teams/{team.id}/commands/autocomplete": [],
        f"/teams/{team.id}/commands/autocomplete_suggestions?user_input=/&channel_id=": [],
        f"/commands?team_id={team.id}": [],
        f"/users/me/teams/{team.id}/drafts": [],
        f"/posts/scheduled/team/{team.id}": {team.id: []},
        f"/posts/scheduled/team/{team.id}?includeDirectChannels=true": {team.id: [], "directChannels": []},
    }

    for path, answer in asked.items():
        assert (await client(ada).get(path)).ok() == answer
        assert (await client(stranger).get(path)).status == 403


async def test_drafts_of_others_are_not_shown(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team([ada, bob])

    assert (await client(bob).get(f"/users/{ada.id}/teams/{team.id}/drafts")).status == 403


async def test_a_channel_has_no_bookmarks_and_only_its_readers_may_ask(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team([ada, bob])
    channel = await make.channel(team, [ada], type="P")

    assert (await client(ada).get(f"/channels/{channel.id}/bookmarks")).ok() == []
    assert (await client(bob).get(f"/channels/{channel.id}/bookmarks")).status == 403


async def test_there_are_no_plugins_and_no_notices(make: Make, client: Clients) -> None:
    ada = await make.user()

    assert (await client().get("/plugins/webapp")).ok() == []
    assert (await client(ada).get(f"/system/notices/{new_id()}?clientVersion=11&client=web&locale=en")).ok() == []
