"""Posts that speak of channels as ~name: what clients need to turn that into links."""

from tests.features.posts.world import Clients, World
from tests.make import Make, Person


async def test_a_post_names_the_public_channels_that_it_speaks_of(
    client: Clients, make: Make, admin: Person, world: World
) -> None:
    private = await make.channel(world.team, [world.ada], type="P")
    elsewhere = await make.channel(await make.team())
    shown = world.town.body["display_name"]
    named = {world.town.name: {"display_name": shown, "team_name": world.team.name}}
    text = f"see ~{world.town.name.upper()}, ~{private.name} ~{elsewhere.name} and not a~{world.town.name}x"

    post = await make.post(world.ada, world.town, text, props={"channel_mentions": {"mine": {}}, "kept": 1})

    assert post["props"] == {"channel_mentions": named, "kept": 1}
    assert (await client(world.bob).get(f"/posts/{post['id']}")).ok()["props"] == post["props"]
    await make.channel(world.team, name="with-dash", display_name="Dashed")
    marked = await make.post(world.ada, world.town, "~with-dash-, then")
    assert marked["props"]["channel_mentions"]["with-dash"]["display_name"] == "Dashed"
    in_text = {"attachments": [{"text": f"~{world.town.name}"}]}
    assert (await make.post(world.ada, world.town, "x", props=in_text))["props"]["channel_mentions"] == named
    direct = await make.direct(world.ada, world.bob)
    assert (await make.post(world.ada, direct, text))["props"] == {}


async def test_an_edit_names_them_anew(client: Clients, make: Make, world: World) -> None:
    post = await make.post(world.ada, world.town, f"~{world.town.name}")
    path = f"/posts/{post['id']}/patch"

    pinned = (await client(world.ada).put(path, {"props": {"mine": "x"}})).ok()
    without = (await client(world.ada).put(path, {"message": "nothing"})).ok()
    again = (await client(world.ada).put(path, {"message": "~town-square"})).ok()

    assert set(pinned["props"]) == {"mine", "channel_mentions"}
    assert without["props"] == {"mine": "x"}
    assert set(again["props"]["channel_mentions"]) == {"town-square"}


async def test_a_header_change_links_channels_too(client: Clients, make: Make, world: World) -> None:
    (await client(world.ada).put(f"/channels/{world.town.id}/patch", {"header": "see ~town-square"})).ok()

    posts = (await client(world.bob).get(f"/channels/{world.town.id}/posts")).ok()["posts"].values()

    (told,) = (post for post in posts if post["type"] == "system_header_change")
    assert set(told["props"]["channel_mentions"]) == {"town-square"}
