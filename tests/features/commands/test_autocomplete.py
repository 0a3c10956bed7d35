"""What is offered while a command is typed."""

import pytest

from tests.features.commands.world import Clients, Json, Settings, World
from tests.make import Make, Person, Thing

BUILT_IN = {
    "away",
    "code",
    "collapse",
    "dnd",
    "expand",
    "groupmsg",
    "header",
    "help",
    "invite",
    "join",
    "kick",
    "leave",
    "logout",
    "me",
    "msg",
    "mute",
    "offline",
    "online",
    "open",
    "purpose",
    "remove",
    "rename",
    "search",
    "settings",
    "shortcuts",
    "shrug",
    "status",
}


class Typing:
    """Someone who types in a team."""

    def __init__(self, world: World, person: Person) -> None:
        self.world, self.person = world, person

    async def __call__(self, line: str, channel: Thing | None = None, **params: str) -> list[Json]:
        """What is suggested."""
        query = {"user_input": line, **({"channel_id": channel.id} if channel else {}), **params}
        path = f"/teams/{self.world.team.id}/commands/autocomplete_suggestions"
        found: list[Json] = (await self.world.client(self.person).get(path, params=query)).ok()
        assert all(set(one) == {"Complete", "Suggestion", "Hint", "Description", "IconData"} for one in found)
        return found

    async def words(self, line: str, channel: Thing | None = None) -> list[str]:
        """What the line would be."""
        return [one["Complete"] for one in await self(line, channel)]


@pytest.fixture
def typing(world: World) -> Typing:
    """Bob types."""
    return Typing(world, world.bob)


async def test_the_list_has_what_one_can_use(world: World, client: Clients) -> None:
    offered = await world.command(auto_complete=True, auto_complete_hint="[branch]", auto_complete_desc="Ships it")
    await world.command(trigger="hidden")

    listed = (await client(world.bob).get(f"/teams/{world.team.id}/commands/autocomplete?page=0&per_page=60")).ok()

    commands = {command["trigger"]: command for command in listed}
    assert set(commands) == BUILT_IN | {"deploy"}
    assert len(commands) == len(listed)
    deploy = commands["deploy"]
    assert (deploy["id"], deploy["auto_complete_hint"], deploy["auto_complete_desc"]) == (
        offered["id"],
        "[branch]",
        "Ships it",
    )
    assert (deploy["token"], deploy["url"], deploy["creator_id"], deploy["method"]) == ("", "", "", "")
    assert commands["msg"]["auto_complete"] is True
    assert commands["msg"]["auto_complete_desc"]


async def test_some_are_for_some_only(
    world: World, client: Clients, admin: Person, make: Make, settings: Settings
) -> None:
    settings(ServiceSettings={"EnableDeveloper": True, "EnableTesting": True, "EnableEmailInvitations": True})
    settings(TeamSettings={"EnableCustomUserStatuses": False})
    gus = await world.guest(make, world.town)
    path = f"/teams/{world.team.id}/commands/autocomplete"

    triggers = [
        {command["trigger"] for command in (await client(person).get(path)).ok()} for person in (world.bob, gus, admin)
    ]

    less = BUILT_IN - {"status"}
    assert triggers == [
        less | {"echo", "invite_people"},
        (less | {"echo"}) - {"join"},
        less | {"echo", "invite_people", "test"},
    ]


async def test_triggers_are_completed(world: World, typing: Typing) -> None:
    await world.command(trigger="online-shop", auto_complete=True, auto_complete_hint="[x]", auto_complete_desc="Buy")

    assert await typing("/On") == [
        {
            "Complete": "online",
            "Suggestion": "online",
            "Hint": "",
            "Description": "Show that you are online",
            "IconData": "",
        },
        {"Complete": "online-shop", "Suggestion": "online-shop", "Hint": "[x]", "Description": "Buy", "IconData": ""},
    ]
    assert await typing.words("on") == ["online", "online-shop"]
    assert set(await typing.words("/")) == BUILT_IN | {"online-shop"}
    assert await typing("/nosuch") == []
    assert await typing("/nosuch x") == []


async def test_an_argument_is_hinted_at(world: World, typing: Typing) -> None:
    await world.command(auto_complete=True, auto_complete_hint="[branch]", auto_complete_desc="Ships it")
    hint = {"Suggestion": "", "Hint": "[branch]", "Description": "Ships it", "IconData": ""}

    assert await typing("/deploy ") == [{"Complete": "deploy ", **hint}]
    assert await typing("/deploy ma") == [{"Complete": "deploy ma", **hint}]
    assert await typing('/deploy "ma in') == [{"Complete": 'deploy "ma in', **hint}]
    assert await typing("/deploy main ") == []
    assert await typing('/deploy "ma in" ') == []
    assert await typing("/away ") == []


async def test_a_value_is_completed(typing: Typing) -> None:
    assert await typing.words("/status ") == ["status :speech_balloon:", "status clear"]
    assert await typing.words("/status C") == ["status clear"]
    assert await typing.words("/status x") == []


async def test_channels_are_completed_that_one_may_see(world: World, typing: Typing, make: Make) -> None:
    lake = await make.channel(world.team, owner=world.ada)
    secret = await make.channel(world.team, owner=world.ada, type="P")
    own = await make.channel(world.team, members=[world.bob], owner=world.ada, type="P")

    offered = await typing.words("/join ~channel")

    assert {f"join ~{lake.name}", f"join ~{own.name}"} <= set(offered)
    assert f"join ~{secret.name}" not in offered
    assert await typing.words(f"/mute {lake.name}") == [f"mute {lake.name}"]
    gus = Typing(world, await world.guest(make, world.town))
    assert await gus.words("/open ~channel") == [f"open ~{world.town.name}"]


async def test_words_within_commands_are_completed(
    world: World, admin: Person, settings: Settings, typing: Typing
) -> None:
    settings(ServiceSettings={"EnableTesting": True})
    administrator = Typing(world, admin)

    assert await administrator.words("/test ") == ["test channels", "test posts", "test url", "test users"]
    assert await administrator.words("/test u") == ["test url", "test users"]
    assert [one["Hint"] for one in await administrator("/test posts ")] == ["[count]"]
    assert await typing.words("/test ") == []


async def test_only_what_one_may_do_in_a_channel_is_offered_there(world: World, typing: Typing, make: Make) -> None:
    direct = await make.direct(world.bob, world.ada)
    secret = await make.channel(world.team, owner=world.ada, type="P")
    gus = Typing(world, await world.guest(make, world.town))
    changing = {"header", "purpose", "rename", "invite", "kick", "remove"}

    assert changing <= set(await typing.words("/", world.town))
    assert changing & set(await typing.words("/", direct)) == {"header"}
    assert not changing & set(await gus.words("/", world.town))
    assert changing <= set(await typing.words("/", secret)), "a channel that one may not see tells nothing"


async def test_odd_lines_are_answered(world: World, client: Clients, typing: Typing) -> None:
    path = f"/teams/{world.team.id}/commands/autocomplete_suggestions"

    assert (await client(world.bob).get(path)).status == 400
    assert (await client(world.bob).get(f"{path}?user_input=/a&channel_id=x")).status == 400
    assert await typing("/away " + "x" * 1900) == []
    assert await typing('/msg "') != []
