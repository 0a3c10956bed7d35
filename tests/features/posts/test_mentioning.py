"""Mentions over the wire: who is told, whose counters rise, and what authors learn."""

from tests.features.posts.world import Clients, Members, Nodes, Settings, Sockets, World
from tests.make import Make, Person


async def set_notify(client: Clients, person: Person, **props: str) -> None:
    """Change a user's own notification settings."""
    (await client(person).put(f"/users/{person.id}/patch", {"notify_props": props})).ok()


async def set_channel_notify(client: Clients, person: Person, channel_id: str, **props: str) -> None:
    """Change a member's notification settings in a channel."""
    path = f"/channels/{channel_id}/members/{person.id}/notify_props"
    (await client(person).put(path, {"channel_id": channel_id, "user_id": person.id, **props})).ok()


async def test_each_mentioned_user_learns_of_itself_only(
    make: Make, socket: Sockets, world: World, member: Members
) -> None:
    dora = await make.user()
    await make.join_team(world.team, dora)
    await make.join_channel(world.town, dora)
    before = await member(world.bob, world.town)
    async with socket(world.bob) as bob, socket(dora, node=1) as other, socket(world.ada) as ada:
        await make.post(world.ada, world.town, f"hi @{world.bob.username} and @{dora.username}")

        assert (await bob.next("posted")).data["mentions"] == [world.bob.id]
        assert (await other.next("posted")).data["mentions"] == [dora.id]
        assert "mentions" not in (await ada.next("posted")).data
    after = await member(world.bob, world.town)
    assert after["mention_count"] == before["mention_count"] + 1
    assert after["mention_count_root"] == before["mention_count_root"] + 1
    assert after["urgent_mention_count"] == 0


async def test_nobody_mentions_themselves(make: Make, socket: Sockets, world: World, member: Members) -> None:
    async with socket(world.ada) as ada:
        await make.post(world.ada, world.town, f"I am @{world.ada.username}")

        assert "mentions" not in (await ada.next("posted")).data
    assert (await member(world.ada, world.town))["mention_count"] == 0


async def test_urgent_mentions_are_counted_apart(make: Make, world: World, member: Members) -> None:
    metadata = {"priority": {"priority": "urgent"}}

    await make.post(world.ada, world.town, f"@{world.bob.username}!", metadata=metadata)

    assert (await member(world.bob, world.town))["urgent_mention_count"] == 1


async def test_keywords_and_first_names_call_too(client: Clients, make: Make, world: World, member: Members) -> None:
    (await client(world.bob).put("/users/me/patch", {"first_name": "Roberto"})).ok()
    await make.post(world.ada, world.town, "deploy, Roberto")
    before = (await member(world.bob, world.town))["mention_count"]

    await set_notify(client, world.bob, mention_keys="deploy, release", first_name="true")
    await make.post(world.ada, world.town, "DEPLOY!")
    await make.post(world.ada, world.town, "Roberto?")
    await make.post(world.ada, world.town, "roberto redeploys")

    assert (await member(world.bob, world.town))["mention_count"] == before + 2


async def test_everyone_is_called_but_for_those_who_do_not_want_it(
    client: Clients, make: Make, world: World, member: Members
) -> None:
    dora, eve, fay = people = await make.users(3)
    for person in people:
        await make.join_team(world.team, person)
        await make.join_channel(world.town, person)
    await set_notify(client, dora, channel="false")
    await set_channel_notify(client, eve, world.town.id, ignore_channel_mentions="on")
    await set_channel_notify(client, fay, world.town.id, mark_unread="mention")
    before = [(await member(person, world.town))["mention_count"] for person in (world.bob, *people)]

    await make.post(world.ada, world.town, "@channel lunch")
    await make.post(world.ada, world.town, "@all lunch")
    await set_channel_notify(client, fay, world.town.id, mark_unread="mention", ignore_channel_mentions="off")
    await make.post(world.ada, world.town, "@channel again")

    after = [(await member(person, world.town))["mention_count"] for person in (world.bob, *people)]
    assert [new - old for new, old in zip(after, before, strict=True)] == [3, 0, 0, 1]


async def test_here_calls_those_who_are_online(
    client: Clients, make: Make, socket: Sockets, world: World, member: Members
) -> None:
    before = (await member(world.bob, world.town))["mention_count"]
    (await client(world.bob).put("/users/me/status", {"user_id": world.bob.id, "status": "away"})).ok()
    await make.post(world.ada, world.town, "@here anyone?")
    assert (await member(world.bob, world.town))["mention_count"] == before

    (await client(world.bob).put("/users/me/status", {"user_id": world.bob.id, "status": "online"})).ok()
    await make.post(world.ada, world.town, "@here anyone?")
    assert (await member(world.bob, world.town))["mention_count"] == before + 1


async def test_crowded_channels_silence_words_for_everyone(
    make: Make, settings: Settings, socket: Sockets, world: World, member: Members
) -> None:
    settings(TeamSettings={"MaxNotificationsPerChannel": 2})
    before = (await member(world.bob, world.town))["mention_count"]
    async with socket(world.ada) as events:
        await make.post(world.ada, world.town, f"@channel and @{world.bob.username}")

        note = (await events.next("ephemeral_message")).data["post"]
        assert "2" in note["message"]
        assert note["type"] == "system_ephemeral"
    assert (await member(world.bob, world.town))["mention_count"] == before + 1


async def test_whoever_may_not_call_everyone_does_not(
    client: Clients, make: Make, admin: Person, world: World, member: Members
) -> None:
    role = (await client(admin).get("/roles/name/channel_user")).ok()
    allowed = role["permissions"]
    without = [each for each in allowed if each != "use_channel_mentions"]
    before = (await member(world.bob, world.town))["mention_count"]
    try:
        (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": without})).ok()
        await make.post(world.ada, world.town, "@channel")
    finally:
        (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": allowed})).ok()

    assert (await member(world.bob, world.town))["mention_count"] == before
    await make.post(world.ada, world.town, "@channel")
    assert (await member(world.bob, world.town))["mention_count"] == before + 1


async def test_an_author_learns_whom_a_mention_did_not_reach(make: Make, socket: Sockets, world: World) -> None:
    outside = await make.user()
    async with socket(world.ada) as ada, socket(world.carol) as carol, socket(world.bob) as bob:
        text = f"@{world.carol.username} @{outside.username} @nobody.at.all @{world.bob.username}"
        post = await make.post(world.ada, world.town, text)

        event = await ada.next("ephemeral_message")
        note = event.data["post"]
        assert note["props"]["add_channel_member"]["post_id"] == post["id"]
        assert note["props"]["add_channel_member"]["user_ids"] == [world.carol.id]
        assert note["props"]["add_channel_member"]["usernames"] == [world.carol.username]
        assert note["channel_id"] == world.town.id
        assert event.broadcast["user_id"] == world.ada.id
        for events in (carol, bob):
            assert "ephemeral_message" not in await events.names()


async def test_newcomers_leavers_and_new_names_are_known_at_once(
    client: Clients, make: Make, socket: Sockets, world: World
) -> None:
    await make.post(world.ada, world.town, f"@{world.bob.username} @{world.carol.username}")
    await make.join_channel(world.town, world.carol)
    name = make.name("bobby")
    (await client(world.bob).put("/users/me/patch", {"username": name})).ok()
    async with socket(world.carol) as carol, socket(world.bob) as bob:
        await make.post(world.ada, world.town, f"@{world.carol.username} @{world.bob.username}")
        assert (await carol.next("posted")).data["mentions"] == [world.carol.id]
        assert "mentions" not in (await bob.next("posted")).data

        await make.post(world.ada, world.town, f"@{name}")
        assert (await bob.next("posted")).data["mentions"] == [world.bob.id]
        (await client(world.carol).delete(f"/channels/{world.town.id}/members/{world.carol.id}")).ok()
        await make.post(world.ada, world.town, f"@{world.carol.username}")
        events = await carol.until_now()
        assert not any(event.name == "posted" and "mentions" in event.data for event in events)


async def test_being_added_is_a_mention(make: Make, socket: Sockets, world: World, member: Members) -> None:
    async with socket(world.carol) as carol, socket(world.bob) as bob:
        await make.join_channel(world.town, world.carol)

        event = await carol.next("posted")
        assert event.data["post"]["type"] == "system_add_to_channel"
        assert event.data["mentions"] == [world.carol.id]
        assert "mentions" not in (await bob.next("posted")).data
    assert (await member(world.carol, world.town))["mention_count"] == 1


async def test_texts_of_attachments_call(make: Make, world: World, member: Members) -> None:
    props = {"attachments": [{"pretext": f"@{world.bob.username}", "title": f"@{world.ada.username}"}]}

    await make.post(world.ada, world.town, "", props=props)

    assert (await member(world.bob, world.town))["mention_count"] == 2  # one is of being added


async def test_replies_call_those_who_wrote_in_the_thread_where_threads_are_not_collapsed(
    client: Clients, make: Make, settings: Settings, world: World, member: Members
) -> None:
    settings(ServiceSettings={"CollapsedThreads": "disabled"})
    dora, eve = await make.users(2)
    for person in (dora, eve):
        await make.join_team(world.team, person)
        await make.join_channel(world.town, person)
        await set_notify(client, person, comments="any")
    await set_notify(client, world.bob, comments="root")
    root = await make.post(world.bob, world.town, "root")
    other = await make.post(world.ada, world.town, "other")
    await make.post(dora, world.town, "one", root_id=root["id"])
    await make.post(world.bob, world.town, "mine", root_id=other["id"])

    async def counts() -> list[int]:
        return [(await member(person, world.town))["mention_count"] for person in (world.bob, dora, eve)]

    before = await counts()
    await make.post(world.ada, world.town, "two", root_id=root["id"])
    await make.post(world.ada, world.town, "three", root_id=other["id"])
    await make.post(world.ada, world.town, "four")

    assert [new - old for new, old in zip(await counts(), before, strict=True)] == [1, 1, 0]


async def test_what_users_choose_decides_where_the_server_leaves_it_to_them(
    client: Clients, make: Make, settings: Settings, world: World, member: Members
) -> None:
    settings(ServiceSettings={"CollapsedThreads": "default_off"})
    await set_notify(client, world.bob, comments="any")
    root = await make.post(world.bob, world.town, "root")
    before = (await member(world.bob, world.town))["mention_count"]

    await make.post(world.ada, world.town, "one", root_id=root["id"])
    assert (await member(world.bob, world.town))["mention_count"] == before + 1

    preference = {
        "user_id": world.bob.id,
        "category": "display_settings",
        "name": "collapsed_reply_threads",
        "value": "on",
    }
    (await client(world.bob).put("/users/me/preferences", [preference])).ok()
    await make.post(world.ada, world.town, "two", root_id=root["id"])
    assert (await member(world.bob, world.town))["mention_count"] == before + 1


async def test_header_changes_call_nobody_by_words_for_everyone(client: Clients, world: World, member: Members) -> None:
    before = (await member(world.bob, world.town))["mention_count"]

    (await client(world.ada).put(f"/channels/{world.town.id}/patch", {"header": "@channel look"})).ok()

    assert (await member(world.bob, world.town))["mention_count"] == before


async def test_bots_are_nobody_to_be_added(make: Make, socket: Sockets, two_nodes: Nodes, world: World) -> None:
    bot = await make.user()
    await make.join_team(world.team, bot)
    connection = await two_nodes[0].services.db.connect()
    try:
        await connection.execute("UPDATE users SET is_bot = true WHERE id = $1", bot.id)
    finally:
        await connection.close()
    async with socket(world.ada) as events:
        await make.post(world.ada, world.town, f"@{bot.username} @{world.carol.username}")

        note = (await events.next("ephemeral_message")).data["post"]
        assert note["props"]["add_channel_member"]["usernames"] == [world.carol.username]
