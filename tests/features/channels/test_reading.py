"""What users have read: view, mark as read, unread counts."""

from server.ids import new_id
from tests.features.channels.hearing import Clients, Counted, Sockets
from tests.make import Make


async def test_viewing_a_channel_reads_it_and_tells_the_other_devices(
    make: Make, client: Clients, socket: Sockets, counted: Counted
) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, [bob], owner=ada)
    await make.post(ada, channel, f"hi @{bob.username}")
    last = await make.post(ada, channel, "again")
    before = (await client(bob).get(f"/users/me/channels/{channel.id}/unread")).ok()
    body = {"channel_id": channel.id, "collapsed_threads_supported": True}

    async with socket(bob, node=1) as events, socket(ada) as others:
        with counted(sql=1):
            viewed = (await client(bob).post("/channels/members/me/view", body)).ok()
        event = await events.next("multiple_channels_viewed")
        assert await others.names() == []

    after = (await client(bob).get(f"/users/me/channels/{channel.id}/unread")).ok()
    assert (before["msg_count"], before["msg_count_root"], before["mention_count"]) == (2, 2, 2)
    assert (before["team_id"], before["channel_id"], before["urgent_mention_count"]) == (team.id, channel.id, 0)
    assert viewed["status"] == "OK"
    assert viewed["last_viewed_at_times"][channel.id] >= last["create_at"]
    assert event.data == {"channel_times": viewed["last_viewed_at_times"]}
    assert (after["msg_count"], after["mention_count"], after["mention_count_root"]) == (0, 0, 0)


async def test_the_channel_that_was_left_is_read_too(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    one, two = await make.channel(team, [bob], owner=ada), await make.channel(team, [bob], owner=ada)
    await make.post(ada, one)
    await make.post(ada, two)

    viewed = (
        await client(bob).post("/channels/members/me/view", {"channel_id": two.id, "prev_channel_id": one.id})
    ).ok()

    assert set(viewed["last_viewed_at_times"]) == {one.id, two.id}
    for channel in (one, two):
        assert (await client(bob).get(f"/users/me/channels/{channel.id}/unread")).ok()["msg_count"] == 0


async def test_looking_away_reads_nothing(make: Make, client: Clients) -> None:
    ada = await make.user()

    reply = await client(ada).post("/channels/members/me/view", {"channel_id": "", "prev_channel_id": ""})

    assert reply.ok() == {"last_viewed_at_times": {}, "status": "OK"}


async def test_only_ones_own_channels_are_viewed(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, owner=ada)

    absent = await client(bob).post("/channels/members/me/view", {"channel_id": channel.id})
    foreign = await client(bob).post(f"/channels/members/{ada.id}/view", {"channel_id": channel.id})
    odd = await client(bob).post("/channels/members/me/view", {"channel_id": "short"})
    left = await client(bob).post("/channels/members/me/view", {"prev_channel_id": channel.id})

    assert (absent.status, absent.error_id) == (400, "app.channel.update_last_viewed_at.app_error")
    assert (foreign.status, foreign.error_id) == (403, "api.context.permissions.app_error")
    assert (odd.status, odd.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert left.ok()["last_viewed_at_times"] == {}


async def test_clients_without_collapsed_threads_read_the_threads_along(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, [bob], owner=ada)
    root = await make.post(bob, channel, "root")
    await make.post(ada, channel, "reply", root_id=root["id"])
    threads = f"/users/me/teams/{team.id}/threads"

    with_threads = {"channel_id": channel.id, "collapsed_threads_supported": True}
    (await client(bob).post("/channels/members/me/view", with_threads)).ok()
    still = (await client(bob).get(threads)).ok()["total_unread_threads"]
    async with socket(bob) as events:
        (await client(bob).post("/channels/members/me/view", {"channel_id": channel.id})).ok()
        event = await events.next("thread_read_changed")
    then = (await client(bob).get(threads)).ok()["total_unread_threads"]

    assert (still, then) == (1, 0)
    assert event.broadcast["channel_id"] == channel.id
    assert set(event.data) == {"timestamp"}


async def test_channels_are_marked_as_read_together(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    one, two = await make.channel(team, [bob], owner=ada), await make.channel(team, [bob], owner=ada)
    foreign = await make.channel(team, owner=ada)
    direct = await make.direct(ada, bob)
    for channel in (one, two, direct):
        await make.post(ada, channel)

    async with socket(bob) as events:
        some = (await client(bob).post("/channels/members/me/mark_read", [one.id, foreign.id])).ok()
        event = await events.next("multiple_channels_viewed")
    root = await make.post(bob, two, "root")
    await make.post(ada, two, "reply", root_id=root["id"])
    async with socket(bob) as events:
        team_wide = (await client(bob).put(f"/users/me/teams/{team.id}/read")).ok()
        threads = await events.next("thread_read_changed")
    personal = (await client(bob).put("/channels/members/me/direct/read")).ok()

    assert set(some["last_viewed_at_times"]) == {one.id}
    assert event.data["channel_times"] == some["last_viewed_at_times"]
    assert two.id in team_wide["last_viewed_at_times"]
    assert direct.id not in team_wide["last_viewed_at_times"]
    assert threads.broadcast["team_id"] == team.id
    assert set(personal["last_viewed_at_times"]) == {direct.id}
    for channel in (one, two, direct):
        unread = (await client(bob).get(f"/users/me/channels/{channel.id}/unread")).ok()
        assert (unread["msg_count"], unread["mention_count"]) == (0, 0)


async def test_reading_for_others_is_refused(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, owner=ada)

    replies = [
        await client(bob).post(f"/channels/members/{ada.id}/mark_read", [channel.id]),
        await client(bob).put(f"/channels/members/{ada.id}/direct/read"),
        await client(bob).put(f"/users/{ada.id}/teams/{team.id}/read"),
        await client(bob).get(f"/users/{ada.id}/channels/{channel.id}/unread"),
        await client(bob).get(f"/users/me/channels/{channel.id}/unread"),
    ]

    assert [reply.status for reply in replies] == [403] * 5


async def test_stats_count_active_members_guests_and_pins(make: Make, client: Clients) -> None:
    ada, bob, cyd = await make.users(3)
    team = await make.team(members=[ada, bob, cyd])
    channel = await make.channel(team, [bob, cyd], owner=ada)
    post = await make.post(ada, channel)
    (await client(ada).post(f"/posts/{post['id']}/pin")).ok()

    three = (await client(bob).get(f"/channels/{channel.id}/stats")).ok()
    (await client(make.admin).delete(f"/users/{cyd.id}")).ok()
    two = (await client(bob).get(f"/channels/{channel.id}/stats")).ok()

    assert three == {
        "channel_id": channel.id,
        "member_count": 3,
        "guest_count": 0,
        "pinnedpost_count": 1,
        "files_count": 0,
    }
    assert two["member_count"] == 2


async def test_member_counts_of_several_channels_leave_out_hidden_ones(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    shared, hidden = await make.channel(team, [bob], owner=ada), await make.channel(team, owner=ada, type="P")

    counts = (await client(bob).post("/channels/stats/member_count", [shared.id, hidden.id, "a" * 26])).ok()

    assert counts == {shared.id: 2}


async def test_member_counts_of_many_channels_take_few_statements(
    make: Make, client: Clients, counted: Counted
) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    shared = [await make.channel(team, [bob], owner=ada) for _ in range(3)]
    hidden = [await make.channel(team, owner=ada, type="P") for _ in range(3)]
    asked = [*(channel.id for channel in (*hidden, *shared)), *(new_id() for _ in range(100))]
    (await client(bob).post("/channels/stats/member_count", [shared[0].id])).ok()

    with counted(sql=4):  # what there is, what the caller is where it is and in the others, and who else
        first = (await client(bob).post("/channels/stats/member_count", asked)).ok()
    with counted(sql=2):  # nothing is kept of what there is not
        again = (await client(bob).post("/channels/stats/member_count", asked)).ok()

    assert first == again == {channel.id: 2 for channel in shared}


async def test_timezones_of_members_are_listed_once(make: Make, client: Clients) -> None:
    zone = {"useAutomaticTimezone": "false", "manualTimezone": "Europe/Berlin", "automaticTimezone": "Asia/Tokyo"}
    auto = {"useAutomaticTimezone": "true", "manualTimezone": "Europe/Berlin", "automaticTimezone": "Asia/Tokyo"}
    ada, bob, cyd = await make.user(timezone=zone), await make.user(timezone=zone), await make.user(timezone=auto)
    team = await make.team(members=[ada, bob, cyd])
    channel = await make.channel(team, [bob, cyd], owner=ada)

    zones = (await client(ada).get(f"/channels/{channel.id}/timezones")).ok()

    assert zones == ["Asia/Tokyo", "Europe/Berlin"]
