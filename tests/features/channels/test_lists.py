"""Lists of channels and searches in them."""

from tests.clients_of import Reply
from tests.features.channels.hearing import Clients, Counted
from tests.make import Make
from tests.waiting import next_moment


def names(reply: Reply) -> list[str]:
    return [channel["name"] for channel in reply.ok()]


def ids(reply: Reply) -> set[str]:
    return {channel["id"] for channel in reply.ok()}


async def test_channels_of_a_team_come_with_direct_and_group_ones(
    make: Make, client: Clients, counted: Counted
) -> None:
    ada, bob, cyd = await make.users(3)
    team, other = await make.team(members=[ada, bob, cyd]), await make.team(members=[ada])
    public, private = await make.channel(team, owner=ada), await make.channel(team, owner=ada, type="P")
    await make.channel(team, owner=bob)
    elsewhere = await make.channel(other, owner=ada)
    direct, group = await make.direct(ada, bob), await make.group(ada, bob, cyd)
    await client(ada).get("/users/me")

    with counted(sql=1):
        listed = await client(ada).get(f"/users/me/teams/{team.id}/channels")
    everywhere = await client(ada).get("/users/me/channels")

    expected = {"town-square", "off-topic", public.name, private.name, direct.name, group.name}
    assert set(names(listed)) == expected
    assert len(listed.json) == 6
    assert names(listed)[0] == direct.name
    assert elsewhere.id in ids(everywhere)
    assert ids(everywhere) > ids(listed)
    whole = next(channel for channel in listed.json if channel["id"] == public.id)
    assert set(whole) >= {
        "id", "create_at", "update_at", "delete_at", "team_id", "type", "display_name", "name", "header", "purpose",
        "last_post_at", "last_root_post_at", "total_msg_count", "total_msg_count_root", "extra_update_at", "creator_id",
        "scheme_id", "props", "group_constrained", "shared", "policy_id", "banner_info", "policy_enforced",
        "default_category_name",
    }  # fmt: skip


async def test_archived_channels_are_listed_when_asked_for(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    old = await make.channel(team, owner=ada, archived=True)
    await next_moment()
    new = await make.channel(team, owner=ada, archived=True)
    deleted_at = (await client(ada).get(f"/channels/{new.id}")).ok()["delete_at"]

    for path in (f"/users/me/teams/{team.id}/channels", "/users/me/channels"):
        live = await client(ada).get(path)
        both = await client(ada).get(f"{path}?include_deleted=true")
        since = await client(ada).get(f"{path}?include_deleted=true&last_delete_at={deleted_at}")
        assert not {old.id, new.id} & ids(live)
        assert {old.id, new.id} <= ids(both)
        assert {old.id, new.id} & ids(since) == {new.id}
    assert (await client(ada).get("/users/me/channels?last_delete_at=x")).status == 400


async def test_lists_of_others_are_refused(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada])

    for path in (
        f"/users/{ada.id}/teams/{team.id}/channels",
        f"/users/{ada.id}/channels",
        f"/users/{ada.id}/teams/{team.id}/channels/members",
        f"/users/{ada.id}/channel_members",
        f"/users/me/teams/{team.id}/channels",
        f"/users/me/teams/{team.id}/channels/members",
        f"/teams/{team.id}/channels",
        f"/teams/{team.id}/channels/private",
        f"/teams/{team.id}/channels/recommended",
        f"/teams/{team.id}/channels/autocomplete?name=town",
        f"/teams/{team.id}/channels/search_autocomplete?name=town",
        f"/teams/{team.id}/channels/name/town-square",
        f"/teams/{team.id}/channels/name/nothing",
        f"/teams/name/{team.name}/channels/name/town-square",
        "/channels",
    ):
        assert (await client(bob).get(path)).status == 403, path
    assert (await client(bob).post(f"/teams/{team.id}/channels/ids", [])).status == 403
    assert (await client(bob).post("/channels/search", {"term": "town"})).status == 403
    assert (await client(bob).post(f"/teams/{team.id}/channels/search", {"term": ""})).ok() == []
    assert (await client(bob).get(f"/teams/{team.id}/channels/deleted")).ok() == []
    assert (await client().get("/users/me/channels")).status == 401


async def test_memberships_come_with_ones_own_times(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel, direct = await make.channel(team, owner=ada), await make.direct(ada, bob)
    await make.post(ada, channel)

    members = (await client(ada).get(f"/users/me/teams/{team.id}/channels/members")).ok()
    with_team = (await client(ada).get("/users/me/channel_members?per_page=200")).ok()
    paged = (await client(ada).get("/users/me/channel_members?per_page=1&page=1")).ok()

    mine = {member["channel_id"]: member for member in members}
    assert {member["user_id"] for member in members} == {ada.id}
    assert direct.id in mine
    assert (mine[channel.id]["msg_count"], mine[channel.id]["roles"]) == (1, "channel_user channel_admin")
    assert mine[channel.id]["last_viewed_at"] > 0
    teams = {member["channel_id"]: (member["team_name"], member["team_display_name"]) for member in with_team}
    assert teams[channel.id] == (team.name, team.body["display_name"])
    assert teams[direct.id] == ("", "")
    assert [member["channel_id"] for member in paged] == [sorted(teams)[1]]


async def test_channels_are_found_by_name(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    public, private = await make.channel(team, owner=ada), await make.channel(team, owner=ada, type="P")
    gone = await make.channel(team, owner=ada, archived=True)
    path = f"/teams/{team.id}/channels/name"

    assert (await client(bob).get(f"{path}/{public.name}")).ok()["id"] == public.id
    by_team_name = await client(bob).get(f"/teams/name/{team.name}/channels/name/{public.name}")
    assert by_team_name.ok()["id"] == public.id
    assert (await client(ada).get(f"{path}/{private.name}")).ok()["id"] == private.id
    hidden = await client(bob).get(f"{path}/{private.name}")
    missing = await client(bob).get(f"{path}/no-such-channel")
    archived = await client(bob).get(f"{path}/{gone.name}")
    assert hidden.error_id == missing.error_id == archived.error_id == "app.channel.get_by_name.missing.app_error"
    assert hidden.status == missing.status == archived.status == 404
    assert (await client(bob).get(f"{path}/{gone.name}?include_deleted=true")).ok()["id"] == gone.id
    no_team = await client(bob).get("/teams/name/no-such-team-here/channels/name/town-square")
    assert (no_team.status, no_team.error_id) == (404, "app.team.get_by_name.missing.app_error")


async def test_public_channels_of_a_team_are_paged_by_display_name(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    beta = await make.channel(team, owner=ada, display_name="Beta")
    alpha = await make.channel(team, owner=ada, display_name="Alpha")
    private = await make.channel(team, owner=ada, display_name="Aardvark", type="P")
    await make.channel(team, owner=ada, archived=True)
    path = f"/teams/{team.id}/channels"

    assert names(await client(bob).get(path)) == [alpha.name, beta.name, "off-topic", "town-square"]
    assert names(await client(bob).get(f"{path}?page=1&per_page=1")) == [beta.name]
    assert names(await client(bob).get(f"{path}?page=99999999999&per_page=-1")) == []
    assert names(await client(make.admin).get(f"{path}/private")) == [private.name]
    assert names(await client(bob).post(f"{path}/ids", [private.id, beta.id, alpha.id])) == [alpha.name, beta.name]


async def test_recommended_are_public_channels_one_is_not_in(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    quiet, busy = await make.channel(team, owner=ada), await make.channel(team, owner=ada)
    await make.channel(team, owner=ada, type="P")
    await make.channel(team, [bob], owner=ada)
    await make.post(ada, busy)

    assert names(await client(bob).get(f"/teams/{team.id}/channels/recommended")) == [busy.name, quiet.name]


async def test_archived_channels_of_a_team_are_seen_by_who_may(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    public = await make.channel(team, owner=ada, display_name="Attic public", archived=True)
    private = await make.channel(team, owner=ada, display_name="Attic private", type="P", archived=True)
    await make.channel(team, owner=ada, display_name="Attic alive")
    path = f"/teams/{team.id}/channels"

    assert ids(await client(ada).get(f"{path}/deleted")) == {public.id, private.id}
    assert ids(await client(bob).get(f"{path}/deleted")) == {public.id}
    assert ids(await client(ada).post(f"{path}/search_archived", {"term": "ATTIC"})) == {public.id, private.id}
    assert ids(await client(bob).post(f"{path}/search_archived", {"term": "attic"})) == {public.id}
    assert ids(await client(bob).post(f"{path}/search_archived", {"term": "cellar"})) == set()


async def test_searches_in_a_team_find_words_in_names_and_purpose(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    rocket = await make.channel(team, owner=ada, name="rocket-lab", display_name="Rocket Lab", purpose="to the moon")
    private = await make.channel(team, owner=ada, display_name="Rocket Secrets", type="P")
    percent = await make.channel(team, owner=ada, display_name="100% sure")
    path = f"/teams/{team.id}/channels"

    assert ids(await client(bob).post(f"{path}/search", {"term": "ROCKET lab"})) == {rocket.id}
    assert ids(await client(bob).post(f"{path}/search", {"term": "moon"})) == {rocket.id}
    assert ids(await client(bob).post(f"{path}/search", {"term": "%"})) == {percent.id}
    assert ids(await client(bob).post(f"{path}/search", {"term": "", "page": 1, "per_page": "2"})) != set()
    assert ids(await client(bob).get(f"{path}/autocomplete?name=roc")) == {rocket.id}
    assert ids(await client(ada).get(f"{path}/autocomplete?name=roc")) == {rocket.id, private.id}
    assert ids(await client(bob).get(f"{path}/autocomplete?name=lab")) == {rocket.id}
    assert ids(await client(bob).get(f"{path}/autocomplete?name=ocket")) == set()
    assert (await client(bob).post(f"{path}/search", {"term": "\0"})).status == 400
    assert (await client(bob).post(f"{path}/search", {"term": "x", "page": "-1"})).status == 400


async def test_a_search_can_be_limited_to_direct_channels_by_the_others_name(make: Make, client: Clients) -> None:
    ada, bob, cyd = await make.users(3)
    team = await make.team(members=[ada, bob, cyd])
    direct, group = await make.direct(ada, bob), await make.group(ada, bob, cyd)
    path = f"/teams/{team.id}/channels/search_autocomplete"

    found = (await client(ada).get(f"{path}?name={bob.username}")).ok()

    assert {channel["id"] for channel in found} == {direct.id, group.id}
    assert next(channel for channel in found if channel["id"] == direct.id)["display_name"] == bob.username
    assert ids(await client(cyd).get(f"{path}?name={bob.username}")) == {group.id}
    assert "town-square" in names(await client(ada).get(f"{path}?name=town"))


async def test_group_channels_are_found_by_their_members(make: Make, client: Clients) -> None:
    ada, bob, cyd, eve = await make.users(4)
    one, two = await make.group(ada, bob, cyd), await make.group(ada, bob, eve)

    assert ids(await client(ada).post("/channels/group/search", {"term": bob.username})) == {one.id, two.id}
    both = await client(ada).post("/channels/group/search", {"term": f"{bob.username}, {eve.username}"})
    assert ids(both) == {two.id}
    assert ids(await client(cyd).post("/channels/group/search", {"term": eve.username})) == set()


async def test_administrators_list_and_search_everything(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    word = make.name("needle")
    public = await make.channel(team, owner=ada, display_name=f"A {word}")
    private = await make.channel(team, owner=ada, display_name=f"B {word}", type="P")
    gone = await make.channel(team, owner=ada, display_name=f"C {word}", archived=True)
    admin = client(make.admin)

    async def search(**body: object) -> Reply:
        return await admin.post("/channels/search", {"term": word, **body})

    assert ids(await search()) == {public.id, private.id}
    assert ids(await search(public=True)) == {public.id}
    assert ids(await search(private=True)) == {private.id}
    assert ids(await search(deleted=True)) == {gone.id}
    assert ids(await search(include_deleted=True)) == {public.id, private.id, gone.id}
    assert ids(await search(team_ids=["a" * 26])) == set()
    assert ids(await search(term=public.id, include_search_by_id=True)) == {public.id}
    paged = (await search(page=1, per_page=1)).ok()
    assert ([channel["id"] for channel in paged["channels"]], paged["total_count"]) == ([private.id], 2)
    found = (await search(public=True)).ok()[0]
    assert (found["team_name"], found["team_display_name"]) == (team.name, team.body["display_name"])
    assert found["team_update_at"] > 0

    page = (await admin.get("/channels?per_page=2&include_total_count=true")).ok()
    assert len(page["channels"]) == 2
    assert page["total_count"] > 2
    assert len((await admin.get("/channels?per_page=3")).ok()) == 3
    without = (await admin.get("/channels?per_page=200&exclude_default_channels=true")).ok()
    assert not {"town-square", "off-topic"} & {channel["name"] for channel in without}


async def test_everyone_searches_the_channels_of_the_own_teams(make: Make, client: Clients) -> None:
    ada, bob, eve = await make.users(3)
    one, two = await make.team(members=[ada, bob]), await make.team(members=[ada])
    word = make.name("hay")
    public = await make.channel(one, owner=ada, display_name=f"A {word}")
    private = await make.channel(one, owner=ada, display_name=f"B {word}", type="P")
    far = await make.channel(two, owner=ada, display_name=f"C {word}")
    gone = await make.channel(one, owner=ada, display_name=f"D {word}", archived=True)
    path = "/channels/search?system_console=false"

    assert ids(await client(ada).post(path, {"term": word})) == {public.id, private.id, far.id}
    assert ids(await client(bob).post(path, {"term": word})) == {public.id}
    assert ids(await client(bob).post(path, {"term": word, "include_deleted": True})) == {public.id, gone.id}
    assert ids(await client(eve).post(path, {"term": word})) == set()
