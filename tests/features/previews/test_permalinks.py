"""Links to posts of the service: shown to who may read these, as they are now."""

from tests.features.previews.world import Clients, Counted, Json, Settings, Sockets, World, previewed, previewed_twice
from tests.make import Make


def embed(post: Json) -> Json | None:
    """The data of the permalink below a post."""
    embeds = post["metadata"].get("embeds", [])
    assert [each["type"] for each in embeds] in ([], ["permalink"])
    data: Json | None = embeds[0]["data"] if embeds else None
    return data


async def test_readers_of_both_channels_see_the_post(world: World, make: Make, socket: Sockets) -> None:
    secret = await make.channel(world.team, members=[world.ada], type="P")
    source = await make.post(world.ada, secret, "the plan")
    async with socket(world.bob) as of_bob, socket(world.ada, node=1) as of_ada:
        post = await make.post(world.ada, world.town, f"see {world.link(source['id'])}")
        edited = await previewed(of_ada, post["id"])
        heard = await of_bob.until_now()

    data = embed(post)
    assert data is not None
    assert data["post"] == source | {"metadata": {}, "reply_count": 0} | {"pending_post_id": ""}
    assert {name: data[name] for name in data if name != "post"} == {
        "post_id": source["id"],
        "team_name": world.team.name,
        "channel_display_name": secret.body["display_name"],
        "channel_type": "P",
        "channel_id": secret.id,
    }
    assert post["props"]["previewed_post"] == source["id"]
    assert embed(edited) == data
    assert embed(await world.read(post["id"])) == data
    assert embed(await world.read(post["id"], world.bob)) is None
    assert [event.name for event in heard if event.name.startswith("post")] == ["posted"]
    assert "the plan" not in repr(heard), "who may not read it hears nothing of it"


async def test_members_of_the_team_read_public_channels(world: World, make: Make, socket: Sockets) -> None:
    public = await make.channel(world.team, members=[world.ada])
    source = await make.post(world.ada, public, "news")
    async with socket(world.bob) as events:
        post = await make.post(world.ada, world.den, f"{world.link(source['id'])}?x#y")
        data = embed(await previewed(events, post["id"]))

    assert data is not None
    assert data["post"]["message"] == "news"
    listed = (await world.client(world.bob).get(f"/channels/{world.den.id}/posts")).ok()
    assert embed(listed["posts"][post["id"]]) == data


async def test_the_same_channel_is_told_at_once(world: World, make: Make, socket: Sockets) -> None:
    source = await make.post(world.bob, world.den, "first")
    async with socket(world.bob, node=1) as events:
        post = await make.post(world.ada, world.den, world.link(source["id"]).replace(world.team.name, "_redirect"))
        data = embed(await previewed(events, post["id"]))

    assert data is not None
    assert data["post_id"] == source["id"]


async def test_reads_show_the_source_as_it_is_now(world: World, make: Make, counted: Counted) -> None:
    source = await make.post(world.ada, world.den, "first words")
    post = await make.post(world.ada, world.den, world.link(source["id"]))
    ada, path = world.client(world.ada), f"/channels/{world.den.id}/posts"
    before = await ada.get(path)
    with counted(sql=2):
        before = await ada.get(path)
    await ada.put(f"/posts/{source['id']}/patch", {"message": "other words"})
    after = await ada.get(path, headers={"if-none-match": before.headers["etag"]})
    await ada.delete(f"/posts/{source['id']}")
    gone = await ada.get(path, headers={"if-none-match": after.headers["etag"]})

    shown = [embed(reply.ok()["posts"][post["id"]]) for reply in (before, after, gone)]
    assert [data and data["post"]["message"] for data in shown] == ["first words", "other words", None]


async def test_a_source_elsewhere_makes_another_etag(world: World, make: Make) -> None:
    source = await make.post(world.ada, world.den, "first words")
    post = await make.post(world.ada, world.town, world.link(source["id"]))
    ada = world.client(world.ada)
    for path in (f"/channels/{world.town.id}/posts", f"/posts/{post['id']}"):
        tag = (await ada.get(path)).headers["etag"]
        # The job of the post makes it a newer one once; what is looked for is the change after that.
        await ada.put(f"/posts/{source['id']}/patch", {"message": f"other words for {path}"})
        assert (await ada.get(path, headers={"if-none-match": tag})).status == 200


async def test_who_leaves_the_channel_of_the_source_sees_it_no_longer(world: World, make: Make) -> None:
    source = await make.post(world.ada, world.den, "inside")
    post = await make.post(world.ada, world.town, world.link(source["id"]))
    assert embed(await world.read(post["id"], world.bob)) is not None
    (await world.client(world.ada).delete(f"/channels/{world.den.id}/members/{world.bob.id}")).ok()

    assert embed(await world.read(post["id"], world.bob)) is None


async def test_the_prop_is_the_servers(world: World, make: Make, settings: Settings) -> None:
    source = await make.post(world.ada, world.den, "inside")
    forged = await make.post(world.bob, world.town, "hello", props={"previewed_post": source["id"]})
    foreign = await make.post(world.bob, world.town, f"https://other.example.org/x/pl/{source['id']}")
    settings(ServiceSettings={"EnablePermalinkPreviews": False})
    off = await make.post(world.ada, world.town, world.link(source["id"]))

    assert ["previewed_post" in post["props"] for post in (forged, foreign, off)] == [False] * 3
    assert embed(off) is None


async def test_an_edit_moves_the_link(world: World, make: Make, client: Clients) -> None:
    first = await make.post(world.ada, world.den, "one")
    second = await make.post(world.ada, world.den, "two")
    post = await make.post(world.ada, world.den, world.link(first["id"]))
    ada = client(world.ada)
    moved = (await ada.put(f"/posts/{post['id']}/patch", {"message": world.link(second["id"])})).ok()
    ended = (await ada.put(f"/posts/{post['id']}/patch", {"message": "no more"})).ok()

    data = embed(moved)
    assert data is not None
    assert data["post"]["message"] == "two"
    assert embed(ended) is None
    assert "previewed_post" not in ended["props"]


async def test_a_change_of_another_kind_takes_the_post_from_nobody(
    world: World, make: Make, client: Clients, socket: Sockets
) -> None:
    source = await make.post(world.ada, world.den, "the source")
    async with socket(world.bob) as events:
        post = await make.post(world.ada, world.town, world.link(source["id"]))
        await previewed(events, post["id"])
        await client(world.ada).post(f"/posts/{post['id']}/pin")
        pinned, again = await previewed_twice(events, post["id"])

    assert embed(pinned) is None, "everyone hears of the pin"
    assert embed(again) is not None
    assert (again["is_pinned"], again["update_at"] > pinned["update_at"]) == (True, True)


async def test_a_post_is_not_shown_below_itself(world: World, make: Make, client: Clients) -> None:
    post = await make.post(world.ada, world.den, "me")
    edited = (await client(world.ada).put(f"/posts/{post['id']}/patch", {"message": world.link(post["id"])})).ok()

    assert embed(edited) is None
