"""What people's clients ask for all day: every call of the production mix, and signing in, connecting and resuming."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from server.bus.signals import Invalidate
from server.gateway.protocol import Socket as GatewaySocket
from server.ids import now_ms
from tests.clients_of import Reply, Socket
from tests.costs.wires import Wire, ask
from tests.features.emoji.uploading import png
from tests.make import PASSWORD, Make, Person, Thing
from tests.nodes import TestNode

Send = Callable[[], Awaitable[object]]
Prepare = Callable[["World"], Awaitable[Send]]

CALLS: dict[str, Prepare] = {}
"""By name; each prepares whatever one sending needs and must not be measured, and gives the sending."""

THREADS = "/users/me/teams/{team}/threads?extended=false&threadsOnly=true&per_page=25&pageSize=25"


class World:
    """A team of a few people who are all there, with something to read in every kind of channel. Ada is who calls."""

    ada: Person
    bob: Person
    carol: Person
    team: Thing
    town: Thing
    side: Thing
    direct: Thing
    group: Thing
    root: dict[str, Any]
    """A post of Bob's in the town, with a thread that Ada follows."""
    socket: GatewaySocket
    """Ada's, over …"""
    wire: Wire

    def __init__(self, node: TestNode, other: TestNode) -> None:
        self.node = node
        self.other = other
        self.make = Make(node)
        self.numbers = itertools.count(1)
        self.channels: Iterator[Thing]
        """The town and the side, for what can be done once in each …"""
        self.others: Iterator[Person]
        """… and Bob and Carol, for what everybody can do once."""
        self.values: dict[str, Any] = {}

    async def build(self) -> None:
        """Make everything but the sockets."""
        make = self.make
        await make.sign_up_admin()
        self.ada, self.bob, self.carol = await make.users(3)
        self.others = itertools.cycle((self.bob, self.carol))
        self.team = await make.team(members=[self.ada, self.bob, self.carol])
        self.town = await make.channel(self.team, members=[self.ada, self.bob, self.carol])
        self.side = await make.channel(self.team, members=[self.ada, self.bob], type="P")
        self.channels = itertools.cycle((self.town, self.side))
        self.direct = await make.direct(self.ada, self.bob)
        self.group = await make.group(self.ada, self.bob, self.carol)
        self.root = await make.post(self.bob, self.town, "what is there for lunch?")
        for author in (self.ada, self.carol, self.bob, self.ada):
            await make.post(author, self.town, "lunch is pasta", root_id=self.root["id"])
        for number in range(40):
            await make.post((self.bob, self.carol)[number % 2], self.town, f"number {number}")
        newest = await make.post(self.bob, self.town, "the newest")
        bookmark = {"display_name": "menu", "type": "link", "link_url": "https://menu.example/"}
        (await self.client().post(f"/channels/{self.town.id}/bookmarks", bookmark)).ok(201)
        self.values = {
            "team": self.team.id,
            "town": self.town.id,
            "side": self.side.id,
            "direct": self.direct.id,
            "bob": self.bob.id,
            "carol": self.carol.id,
            "root": self.root["id"],
            "newest": newest["id"],
            "began": self.root["create_at"],
        }

    def client(self, person: Person | None = None) -> Any:
        """REST as Ada or someone else."""
        return self.node.client((person or self.ada).token)

    def filled(self, text: str) -> str:
        """A path with its placeholders filled in."""
        return text.format(**self.values, now=now_ms())

    def sends(self, method: str, path: str, body: object = None, person: Person | None = None) -> Send:
        """A request of Ada's or of someone else, which must be granted."""
        url = self.filled(path)

        async def send() -> Reply:
            reply: Reply = await self.client(person).request(method, url, body)
            assert reply.status < 300, reply
            return reply

        return send

    async def post(self, author: Person | None = None, **fields: Any) -> dict[str, Any]:
        """A new post in the town, nobody's thread."""
        return await self.make.post(author or self.ada, self.town, f"number {next(self.numbers)}", **fields)


def call(name: str) -> Callable[[Prepare], Prepare]:
    """Put a call into the list."""

    def register(prepare: Prepare) -> Prepare:
        assert name not in CALLS
        CALLS[name] = prepare
        return prepare

    return register


def get(path: str, name: str = "") -> None:
    """Put a GET into the list, under its path or another name."""

    async def prepare(w: World) -> Send:
        return w.sends("GET", path)

    call(f"GET {name or path}")(prepare)


def asking(method: str, path: str, body: Callable[[World], object], name: str = "") -> None:
    """Put a request with a body into the list, under its path or another name."""

    async def prepare(w: World) -> Send:
        return w.sends(method, path, body(w))

    call(f"{method} {name or path}")(prepare)


# posting


@call("ws user_typing")
async def typing(w: World) -> Send:
    return lambda: ask(w.socket, w.wire, "user_typing", {"channel_id": w.town.id, "parent_id": ""})


def posting(name: str, channel: Callable[[World], Thing], **more: Any) -> None:
    async def prepare(w: World) -> Send:
        number = next(w.numbers)
        pending = f"{w.ada.id}:{number}"
        fields = {key: value(w) if callable(value) else value for key, value in more.items()}
        body = {"channel_id": channel(w).id, "message": f"number {number}", "pending_post_id": pending, **fields}
        return w.sends("POST", "/posts", body)

    call(f"POST /posts {name}")(prepare)


posting("into a public channel", lambda w: w.town)
posting("a reply", lambda w: w.town, root_id=lambda w: w.root["id"])
posting("into a private channel", lambda w: w.side)
posting("into a direct channel", lambda w: w.direct)
posting("into a group channel", lambda w: w.group)
posting("that mentions", lambda w: w.town, message=lambda w: f"hey @{w.bob.username}")
posting("that is urgent", lambda w: w.direct, metadata={"priority": {"priority": "urgent", "requested_ack": False}})


@call("POST /posts with a file")
async def post_with_file(w: World) -> Send:
    uploaded = (await upload(w)()).json  # type: ignore[attr-defined]
    body = {"channel_id": w.town.id, "message": "look", "file_ids": [uploaded["file_infos"][0]["id"]]}
    return w.sends("POST", "/posts", body)


@call("POST /files")
async def post_file(w: World) -> Send:
    return upload(w)


def upload(w: World) -> Send:
    return w.sends("POST", "/files?channel_id={town}&filename=picture.png", png((40, 30)))


# changing posts


@call("PUT /posts/{post}/patch")
async def edit(w: World) -> Send:
    w.values["post"] = (await w.post())["id"]
    return w.sends("PUT", "/posts/{post}/patch", {"message": f"edited {next(w.numbers)}"})


@call("DELETE /posts/{post}")
async def delete(w: World) -> Send:
    w.values["post"] = (await w.post())["id"]
    return w.sends("DELETE", "/posts/{post}")


@call("POST /reactions")
async def react(w: World) -> Send:
    post = await w.post(w.bob)
    return w.sends("POST", "/reactions", {"user_id": w.ada.id, "post_id": post["id"], "emoji_name": "tada"})


# opening channels


@call("POST /channels/members/me/view something new")
async def view(w: World) -> Send:
    channel = next(w.channels)
    await w.make.post(w.bob, channel)
    return w.sends("POST", "/channels/members/me/view", viewed(channel.id))


@call("POST /channels/members/me/view nothing new")
async def view_again(w: World) -> Send:
    await w.sends("POST", "/channels/members/me/view", viewed(w.town.id))()
    return w.sends("POST", "/channels/members/me/view", viewed(w.town.id))


def viewed(channel_id: str) -> dict[str, object]:
    return {"channel_id": channel_id, "prev_channel_id": "", "collapsed_threads_supported": True}


get(
    "/users/me/channels/{town}/posts/unread?limit_before=30&limit_after=30&collapsedThreads=true",
    "/users/me/channels/{town}/posts/unread",
)
get("/channels/{town}/posts?since={began}&collapsedThreads=true", "/channels/{town}/posts?since")
get("/channels/{town}/posts?before={newest}&page=0&per_page=30&collapsedThreads=true", "/channels/{town}/posts?before")
get("/channels/{town}/posts?page=0&per_page=60&collapsedThreads=true", "/channels/{town}/posts?page")
get("/channels/{direct}/posts?page=0&per_page=60&collapsedThreads=true", "/channels/{direct}/posts?page")
asking("POST", "/users/status/ids", lambda w: [w.bob.id, w.carol.id])
asking("POST", "/users/ids", lambda w: [w.bob.id, w.carol.id])
asking("POST", "/users/usernames", lambda w: [w.bob.username, w.carol.username])
get("/users/{bob}/image")
get("/channels/{town}/stats")
get("/channels/{town}/bookmarks")
get("/channels/{town}")
asking(
    "PUT",
    "/users/me/preferences",
    lambda w: [
        {"user_id": w.ada.id, "category": "direct_channel_show", "name": w.bob.id, "value": "true"},
        {"user_id": w.ada.id, "category": "channel_open_time", "name": w.direct.id, "value": str(next(w.numbers))},
    ],
)

# drafts


def draft(w: World, channel_id: str = "") -> dict[str, object]:
    place = {"user_id": w.ada.id, "channel_id": channel_id or w.town.id, "root_id": ""}
    return {**place, "message": f"draft {next(w.numbers)}", "props": {}, "file_ids": []}


asking("POST", "/drafts", draft)
get("/users/me/teams/{team}/drafts")


@call("DELETE /users/me/channels/{channel}/drafts")
async def delete_draft(w: World) -> Send:
    w.values["channel"] = next(w.channels).id
    (await w.client().post("/drafts", draft(w, w.values["channel"]))).ok(201)
    return w.sends("DELETE", "/users/me/channels/{channel}/drafts")


# threads

get("/users/me/teams/{team}/threads?totalsOnly=true", "/users/me/teams/{team}/threads?totalsOnly")
get(THREADS, "/users/me/teams/{team}/threads?threadsOnly")
get(THREADS + "&unread=true", "/users/me/teams/{team}/threads?threadsOnly&unread")
get("/posts/{root}/thread")
get("/posts/{root}/thread?perPage=25&direction=down&collapsedThreads=true", "/posts/{root}/thread?perPage")


def in_thread(method: str, path: str) -> None:
    """Put what is done to a thread into the list: each time to a new one, in which there is something to read."""

    async def prepare(w: World) -> Send:
        w.values["thread"] = (await w.post())["id"]
        await w.post(w.bob, root_id=w.values["thread"])
        return w.sends(method, path)

    call(f"{method} {path}")(prepare)


in_thread("PUT", "/users/me/teams/{team}/threads/{thread}/read/{now}")
in_thread("DELETE", "/users/me/teams/{team}/threads/{thread}/following")


@call("PUT /users/me/teams/{team}/threads/{thread}/following")
async def follow(w: World) -> Send:
    w.values["thread"] = (await w.post(w.bob))["id"]
    return w.sends("PUT", "/users/me/teams/{team}/threads/{thread}/following")


# people, channels and search

get("/channels/{town}/members/{bob}")
get("/teams/{team}/members/{bob}")
asking("POST", "/users/search", lambda w: {"term": w.bob.username[:4], "team_id": w.team.id})
get("/users/autocomplete?in_team={team}&name=use&limit=25", "/users/autocomplete")
get("/teams/{team}/channels/search_autocomplete?name=chan", "/teams/{team}/channels/search_autocomplete")
asking("POST", "/channels/group/search", lambda w: {"term": w.bob.username[:4]})
asking("POST", "/channels/search?system_console=false", lambda w: {"term": "chan"}, "/channels/search")
asking("POST", "/teams/{team}/posts/search", lambda w: {"terms": "pasta", "is_or_search": False})
asking("POST", "/posts/search", lambda w: {"terms": "pasta", "is_or_search": False})
get("/teams/{team}/channels?page=0&per_page=60", "/teams/{team}/channels")


@call("POST /channels/direct")
async def open_direct(w: World) -> Send:
    other = await w.make.user()
    return w.sends("POST", "/channels/direct", [w.ada.id, other.id])


@call("POST /channels/group")
async def open_group(w: World) -> Send:
    other = await w.make.user()
    return w.sends("POST", "/channels/group", [w.ada.id, w.bob.id, other.id])


@call("POST /channels")
async def make_channel(w: World) -> Send:
    name = w.make.name("made")
    return w.sends("POST", "/channels", {"team_id": w.team.id, "name": name, "display_name": name, "type": "O"})


@call("POST /channels/{channel}/members")
async def join(w: World) -> Send:
    w.values["channel"] = (await w.make.channel(w.team)).id
    return w.sends("POST", "/channels/{channel}/members", {"user_id": w.ada.id})


# the sidebar, statuses, scheduled posts

get("/users/me/teams/{team}/channels/categories")


@call("PUT /users/me/teams/{team}/channels/categories")
async def collapse(w: World) -> Send:
    listed = (await w.client().get(w.filled("/users/me/teams/{team}/channels/categories"))).ok()
    category = next(each for each in listed["categories"] if each["type"] == "channels")
    category["collapsed"] = next(w.numbers) % 2 == 0
    return w.sends("PUT", "/users/me/teams/{team}/channels/categories", [category])


asking("PUT", "/users/me/status/custom", lambda w: {"emoji": "calendar", "text": f"meeting {next(w.numbers)}"})


@call("DELETE /users/me/status/custom")
async def remove_custom_status(w: World) -> Send:
    person = next(w.others)
    (await w.client(person).put("/users/me/status/custom", {"emoji": "calendar", "text": "meeting"})).ok()
    return w.sends("DELETE", "/users/me/status/custom", person=person)


def scheduled(w: World) -> dict[str, object]:
    text = f"later {next(w.numbers)}"
    return {"channel_id": w.town.id, "root_id": "", "message": text, "scheduled_at": now_ms() + 86_400_000}


asking("POST", "/posts/schedule", scheduled)
get("/posts/scheduled/team/{team}?includeDirectChannels=true", "/posts/scheduled/team/{team}")


async def schedule(w: World) -> dict[str, Any]:
    made: dict[str, Any] = (await w.client().post("/posts/schedule", scheduled(w))).ok(201)
    w.values["scheduled"] = made["id"]
    return made


@call("PUT /posts/schedule/{scheduled}")
async def change_scheduled(w: World) -> Send:
    made = await schedule(w)
    return w.sends("PUT", "/posts/schedule/{scheduled}", {**made, "message": "later still"})


@call("DELETE /posts/schedule/{scheduled}")
async def delete_scheduled(w: World) -> Send:
    await schedule(w)
    return w.sends("DELETE", "/posts/schedule/{scheduled}")


# what a client loads when it starts, and when it comes back

get("/config/client?format=old", "/config/client")
get("/license/client?format=old", "/license/client")
get("/users/me")
get("/users/me/preferences")
asking("POST", "/roles/names", lambda w: ["system_user", "team_user", "channel_user"])
get("/users/me/teams")
get("/users/me/teams/members")
get("/users/me/teams/unread?include_collapsed_threads=true", "/users/me/teams/unread")
get("/users?page=0&per_page=100", "/users")
get("/plugins/webapp")
get("/users/me/teams/{team}/channels")
get("/users/me/teams/{team}/channels/members")
asking("POST", "/users/ids?since={began}", lambda w: [w.bob.id, w.carol.id], "/users/ids?since")


@call("POST /users/login")
async def login(w: World) -> Send:
    return w.sends("POST", "/users/login", {"login_id": w.ada.username, "password": PASSWORD})


@call("POST /users/logout")
async def logout(w: World) -> Send:
    client = w.node.client((await w.make.login({"id": w.ada.id, "username": w.ada.username, "email": ""})).token)

    async def send() -> None:
        (await client.post("/users/logout")).ok()

    return send


# sockets


@call("ws posted_notify_ack")
async def confirm(w: World) -> Send:
    data: dict[str, object] = {"post_id": w.values["newest"], "user_agent": "", "status": "success", "reason": ""}
    return lambda: ask(w.socket, w.wire, "posted_notify_ack", data)


@call("ws connect, the user's first")
async def connect_first(w: World) -> Send:
    someone = await w.make.user()
    await w.make.join_team(w.team, someone)
    return lambda: visit(w.node, someone)


@call("ws connect, one more")
async def connect(w: World) -> Send:
    return lambda: visit(w.node, w.ada)


async def visit(node: TestNode, person: Person) -> str:
    """Connect and leave; what has to be asked for to come back."""
    async with Socket.open(node, person.token) as socket:
        return f"?connection_id={socket.connection_id}&sequence_number=1"


async def missing(w: World, node: TestNode) -> Send:
    """Leave a node, miss an event, and come back for it to the first node."""
    query = await visit(node, w.ada)
    while node.node.gateway._checkpoints._task is not None:  # noqa: ASYNC110 - until then other nodes don't know it
        await asyncio.sleep(0.001)
    await node.mark(w.ada.id)
    await node.services.bus.publish([Invalidate(tags=("nothing",))])  # there is always news for the nodes, too

    async def come_back() -> None:
        async with Socket.open(w.node, w.ada.token, query) as socket:
            event = await socket.next()
            assert (event.name, event.seq) == ("custom_tests_marker", 1), event

    return come_back


@call("ws resume")
async def resume(w: World) -> Send:
    return await missing(w, w.node)


@call("ws resume from another node")
async def resume_elsewhere(w: World) -> Send:
    return await missing(w, w.other)
