"""What guests must not learn: nothing of people and channels that they share nothing with, by whatever is served."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from server.app import ROUTERS
from server.http.router import RouteTree
from tests.clients_of import Client, Reply
from tests.make import Make, Person, Thing
from tests.nodes import TestNode
from tests.security.requests_of import ASKED

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]

WORD = "zanzibar"
"""In everything that is hidden: names, texts, and what one searches by."""


class Scene:
    """A guest in one channel, and beside it what the guest must not know."""

    guest: Person
    member: Person
    hidden: Person
    team: Thing
    elsewhere: Thing
    channel: Thing
    public: Thing
    private: Thing
    default: str
    post: str
    group: Thing

    @property
    def secrets(self) -> list[str]:
        """Texts that no answer to the guest may hold."""
        ids = [self.hidden.id, self.elsewhere.id, self.public.id, self.private.id, self.post, self.group.id]
        return [WORD, WORD.title(), self.default, *ids]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(node: TestNode, make: Make) -> AsyncIterator[Scene]:
    before = node.settings
    node.change_settings({"GuestAccountsSettings": {"Enable": True}})
    made = Scene()
    admin = node.client(make.admin.token)
    made.guest, made.member = await make.user("visitor"), await make.user("member")
    hidden = await make.user(WORD, first_name=WORD.title(), nickname=WORD.title())
    made.hidden = hidden
    made.team = await make.team([made.member, made.hidden])
    made.elsewhere = await make.team([made.hidden], display_name=WORD.title(), allow_open_invite=True)
    (await admin.post(f"/users/{made.guest.id}/demote")).ok()
    await make.join_team(made.team, made.guest)
    made.channel = await make.channel(made.team, [made.member, made.guest])
    made.public = await make.channel(made.team, [made.member, hidden], display_name=WORD.title(), purpose=WORD)
    made.private = await make.channel(made.team, [made.member, hidden], type="P", header=WORD)
    made.default = (await admin.get(f"/teams/{made.team.id}/channels/name/town-square")).ok()["id"]
    made.group = await make.group(made.member, hidden, make.admin)
    made.post = (await make.post(hidden, made.public, f"{WORD} #{WORD}"))["id"]
    await make.post(made.member, made.public, f"a reply {WORD}", root_id=made.post)
    await make.post(made.member, made.channel, "hello guest")
    (await admin.put(f"/users/{hidden.id}/status", {"user_id": hidden.id, "status": "online"})).ok()
    yield made
    node.take_back_settings(before)


def bodies(scene: Scene) -> dict[str, Any]:
    """What is sent to the routes that ask by a body: for what is hidden, in the ways that clients ask."""
    hidden, team = scene.hidden, scene.team.id
    search = {"term": WORD, "terms": WORD, "is_or_search": False, "page": 0, "per_page": 60}
    return {
        "POST /users/ids": [hidden.id, scene.guest.id],
        "POST /users/usernames": [hidden.username],
        "POST /users/search": {"term": WORD, "team_id": team, "allow_inactive": True},
        "POST /users/status/ids": [hidden.id, scene.guest.id],
        "POST /users/group_channels": [scene.group.id],
        "POST /channels/search": search,
        "POST /channels/group/search": search,
        "POST /channels/stats/member_count": [scene.public.id, scene.private.id],
        "POST /teams/search": search,
        "POST /teams/{team_id}/channels/search": search,
        "POST /teams/{team_id}/channels/search_archived": search,
        "POST /teams/{team_id}/channels/ids": [scene.public.id, scene.private.id],
        "POST /teams/{team_id}/members/ids": [hidden.id],
        "POST /teams/{team_id}/posts/search": search,
        "POST /posts/search": search,
        "POST /teams/{team_id}/files/search": search,
        "POST /files/search": search,
        "POST /posts/ids": [scene.post],
        "POST /posts/ids/reactions": [scene.post],
        "POST /channels/{channel_id}/members/ids": [hidden.id],
    }


QUERIES = {
    "GET /users": ("", "in_team={team}", "not_in_team={team}", "in_channel={public}", "not_in_channel={channel}",
                   "in_team={team}&not_in_channel={channel}", "sort=last_activity_at&in_team={team}", "sort=create_at",
                   "active=true", "roles=system_user", "in_channel={group}"),
    "GET /users/autocomplete": ("name={word}", "name={word}&in_team={team}", "name={word}&in_channel={channel}",
                                "name={word}&in_team={team}&in_channel={channel}", "name={word}&in_channel={public}"),
    "GET /teams/{team_id}/channels/autocomplete": ("name={word}", "name="),
    "GET /teams/{team_id}/channels/search_autocomplete": ("name={word}", "name="),
    "GET /teams/{team_id}/members": ("", "sort=Username", "exclude_deleted_users=true"),
}  # fmt: skip


def places(scene: Scene) -> list[dict[str, str]]:
    """What stands in the places of paths: first what the guest knows, then what is hidden."""
    known = {
        "team_id": scene.team.id,
        "team_name": scene.team.name,
        "channel_id": scene.channel.id,
        "channel_name": scene.channel.name,
        "user_id": scene.guest.id,
        "username": scene.guest.username,
        "email": scene.guest.email,
    }
    hidden = {
        "channel_id": scene.public.id,
        "channel_name": scene.public.name,
        "user_id": scene.hidden.id,
        "username": scene.hidden.username,
        "email": scene.hidden.email,
        "post_id": scene.post,
        "thread_id": scene.post,
    }
    private = {"channel_id": scene.private.id, "channel_name": scene.private.name}
    elsewhere = {"team_id": scene.elsewhere.id, "team_name": scene.elsewhere.name}
    group = {"channel_id": scene.group.id, "channel_name": scene.group.name}
    return [
        known,
        known | hidden,
        known | private,
        known | group,
        known | elsewhere,
        known | elsewhere | hidden,
        known | {"user_id": scene.hidden.id},
        known | {"channel_id": scene.default, "channel_name": "town-square"},
    ]


def requests(scene: Scene) -> list[tuple[str, str, Any]]:
    """Everything that reads, in all the places: method, path and body."""
    asked: dict[str, tuple[str, str, Any]] = {}
    sent = bodies(scene)
    words = {
        "team": scene.team.id,
        "public": scene.public.id,
        "channel": scene.channel.id,
        "group": scene.group.id,
        "word": WORD,
    }
    for route in RouteTree(ROUTERS).routes:
        if not route.path.startswith("/api/v4/"):
            continue
        name = f"{route.method} {route.path.removeprefix('/api/v4')}"
        if route.method != "GET" and name not in sent:
            continue
        for parts in places(scene):
            if not {name for name, _ in route.path_parsers} <= set(parts):
                continue
            path = route.path.removeprefix("/api/v4").format(**parts)
            for query in QUERIES.get(name, ("",)):
                url = f"{path}?{query.format(**words)}" if query else path
                asked[f"{route.method} {url}"] = (route.method, url, sent.get(name))
    return list(asked.values())


async def found(client: Client, secrets: list[str], request: tuple[str, str, Any]) -> list[str]:
    """The secrets in the answer that were not in the question."""
    method, path, body = request
    reply: Reply = await client.request(method, path, body)
    assert reply.status < 500 or reply.status == 501, f"{method} {path}: {reply}"
    if reply.status >= 400:
        return []
    question = path + json.dumps(body)
    return [secret for secret in secrets if secret in reply.text and secret not in question]


async def test_no_answer_tells_a_guest_of_what_is_hidden(scene: Scene, client: Clients) -> None:
    asked = requests(scene)
    assert len(asked) > 150
    leaks = {
        f"{method} {path}": leaked
        for method, path, body in asked
        if (leaked := await found(client(scene.guest), scene.secrets, (method, path, body)))
    }

    assert leaks == {}


async def test_the_same_questions_show_a_member_what_is_hidden(scene: Scene, client: Clients) -> None:
    """Without this the test above could be blind."""
    seen = set()
    for request in requests(scene):
        if await found(client(scene.member), scene.secrets, request):
            seen.add(f"{request[0]} {request[1].partition('?')[0]}")

    team = scene.team.id
    assert seen >= {
        "GET /users",
        "GET /users/autocomplete",
        f"GET /teams/{team}/channels",
        f"GET /teams/{team}/members",
        f"GET /channels/{scene.public.id}/members",
        f"GET /channels/{scene.public.id}/posts",
        f"GET /users/{scene.hidden.id}",
        f"POST /teams/{team}/channels/search",
        f"GET /teams/{team}/channels/autocomplete",
        "POST /users/search",
    }


async def test_answers_about_many_leave_out_whom_a_guest_may_not_know(
    scene: Scene, client: Clients, socket: Sockets
) -> None:
    people = [scene.hidden.id, scene.member.id]
    channels = [scene.public.id, scene.private.id, scene.channel.id]
    guest = client(scene.guest)

    assert [user["id"] for user in (await guest.post("/users/ids", people)).ok()] == [scene.member.id]
    assert [each["user_id"] for each in (await guest.post("/users/status/ids", people)).ok()] == [scene.member.id]
    assert set((await guest.post("/channels/stats/member_count", channels)).ok()) == {scene.channel.id}
    found = (await guest.post(f"/teams/{scene.team.id}/channels/ids", channels)).ok()
    assert [channel["id"] for channel in found] == [scene.channel.id]
    async with socket(scene.guest, node=1) as events, socket(scene.hidden):
        assert set((await events.action("get_statuses_by_ids", {"user_ids": people}))["data"]) == {scene.member.id}
        assert scene.hidden.id not in (await events.action("get_statuses"))["data"]


@pytest.mark.parametrize(
    "path",
    [
        "/users/{hidden}",
        "/users/username/{username}",
        "/users/email/{email}",
        "/users/{hidden}/image",
        "/users/{hidden}/image/default",
        "/users/{hidden}/status",
        "/channels/{public}",
        "/channels/{public}/members",
        "/channels/{public}/members/{hidden}",
        "/channels/{public}/stats",
        "/channels/{public}/posts",
        "/channels/{public}/pinned",
        "/channels/{public}/timezones",
        "/channels/{private}",
        "/channels/{group}",
        "/posts/{post}",
        "/posts/{post}/thread",
        "/posts/{post}/reactions",
        "/posts/{post}/info",
        "/teams/{elsewhere}",
        "/teams/{elsewhere}/members",
        "/teams/{elsewhere}/stats",
        "/teams/{elsewhere}/channels",
        "/teams/{team}/channels",
        "/teams/{team}/channels/private",
        "/teams/{team}/members/{hidden}",
        "/teams/{team}/channels/name/{public_name}",
    ],
)
async def test_what_is_hidden_is_refused_to_a_guest(scene: Scene, client: Clients, path: str) -> None:
    url = path.format(
        hidden=scene.hidden.id,
        username=scene.hidden.username,
        email=scene.hidden.email,
        public=scene.public.id,
        public_name=scene.public.name,
        private=scene.private.id,
        group=scene.group.id,
        post=scene.post,
        elsewhere=scene.elsewhere.id,
        team=scene.team.id,
    )

    assert (await client(scene.guest).get(url)).status in (403, 404), url


async def test_what_guests_may_not_do(scene: Scene, client: Clients, admin: Person) -> None:
    guest, team, channel, elsewhere = client(scene.guest), scene.team.id, scene.channel.id, scene.elsewhere.id
    new = {"team_id": team, "name": "guests-own", "display_name": "x"}
    refused = [
        await guest.post("/channels", {**new, "type": "O"}),
        await guest.post("/channels", {**new, "type": "P"}),
        await guest.post("/channels/direct", [scene.guest.id, scene.hidden.id]),
        await guest.post("/channels/group", [scene.guest.id, scene.member.id, scene.hidden.id]),
        await guest.post(f"/channels/{scene.public.id}/members", {"user_id": scene.guest.id}),
        await guest.post(f"/channels/{channel}/members", {"user_id": scene.hidden.id}),
        await guest.delete(f"/channels/{channel}/members/{scene.member.id}"),
        await guest.put(f"/channels/{channel}/patch", {"header": "x"}),
        await guest.delete(f"/channels/{channel}"),
        await guest.post("/teams", {"name": "guests", "display_name": "x", "type": "O"}),
        await guest.post(f"/teams/{elsewhere}/members", {"team_id": elsewhere, "user_id": scene.guest.id}),
        await guest.post(f"/teams/{team}/members", {"team_id": team, "user_id": scene.hidden.id}),
        await guest.post(f"/teams/members/invite?invite_id={scene.team.body['invite_id']}"),
        await guest.post("/posts", {"channel_id": scene.public.id, "message": "x"}),
        await guest.post("/reactions", {"user_id": scene.guest.id, "post_id": scene.post, "emoji_name": "cat"}),
        await guest.put(f"/users/{scene.guest.id}/roles", {"roles": "system_user"}),
        await guest.post(f"/users/{scene.guest.id}/promote"),
    ]  # fmt: skip

    assert [reply.status for reply in refused] == [403] * len(refused)
    post = (await guest.post("/posts", {"channel_id": channel, "message": f"see @{scene.hidden.username}"})).ok(201)
    (await guest.post("/reactions", {"user_id": scene.guest.id, "post_id": post["id"], "emoji_name": "cat"})).ok()
    (await guest.post("/channels/direct", [scene.guest.id, scene.member.id])).ok(201)
    (await client(admin).delete(f"/posts/{post['id']}")).ok()  # the other tests look for that name


async def test_no_event_tells_a_guest_of_what_is_hidden(
    scene: Scene, client: Clients, make: Make, socket: Sockets, admin: Person
) -> None:
    hidden, member = client(scene.hidden), client(scene.member)
    async with socket(scene.guest) as guest, socket(scene.guest, node=1) as far, socket(scene.member) as knowing:
        (await hidden.put("/users/me/patch", {"nickname": f"{WORD} again"})).ok()
        (await hidden.put("/users/me/status", {"user_id": scene.hidden.id, "status": "away"})).ok()
        post = await make.post(scene.hidden, scene.public, f"{WORD} news @{scene.guest.username} @all")
        (await hidden.put(f"/posts/{post['id']}/patch", {"message": f"{WORD} changed"})).ok()
        await hidden.post("/reactions", {"user_id": scene.hidden.id, "post_id": post["id"], "emoji_name": "cat"})
        (await hidden.post(f"/users/{scene.hidden.id}/typing", {"channel_id": scene.public.id})).ok()
        await make.channel(scene.team, [scene.hidden], display_name=WORD.title())
        (await client(admin).put(f"/channels/{scene.public.id}/patch", {"header": f"{WORD} header"})).ok()
        (await member.post(f"/channels/{scene.private.id}/members", {"user_id": admin.id})).ok(201)
        (await client(admin).delete(f"/channels/{scene.private.id}/members/{admin.id}")).ok()
        (await hidden.delete(f"/posts/{post['id']}")).ok()
        (await client(admin).put(f"/teams/{scene.elsewhere.id}/patch", {"description": f"{WORD} too"})).ok()
        heard = [*await guest.until_now(), *await far.until_now()]
        known = await knowing.until_now()

    texts = [json.dumps([event.name, event.raw, event.broadcast]) for event in heard]
    assert [text for text in texts if any(secret in text for secret in scene.secrets)] == []
    names = {event.name for event in known}
    assert names >= {"user_updated", "posted", "post_edited", "reaction_added", "post_deleted", "channel_updated"}


def test_the_bodies_here_are_of_operations_that_are_served(scene: Scene) -> None:
    served = {f"{route.method} {route.path.removeprefix('/api/v4')}" for route in RouteTree(ROUTERS).routes}
    searches = {name for name in ASKED if name.endswith("/search") and name.startswith("POST")}

    assert set(QUERIES) <= served
    assert searches & served - set(bodies(scene)) <= {"POST /users/tokens/search", "POST /emoji/search"}
