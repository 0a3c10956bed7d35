"""What is in a private channel, asked for by who is in its team but not in it: exact refusals, and nothing told."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from msgspec import Struct

from server.ids import now_ms
from tests.clients_of import Client, Reply
from tests.features.files.uploading import picture
from tests.make import Make, Person, Thing
from tests.nodes import TestNode

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]

SECRET = "Eulalia's zucchini recipe"
FORBIDDEN = (403, "api.context.permissions.app_error")


class Hidden(Struct):
    """A private channel of Ada's with something of everything in it; Eve is in its team, Zoe in none."""

    ada: Person
    eve: Person
    zoe: Person
    team: Thing
    channel: Thing
    post: str
    reply: str
    file: str
    file_post: str
    bookmark: str
    scheduled: str
    upload: str

    def path(self, template: str) -> str:
        """A path with the ids of these things."""
        return template.format(
            ada=self.ada.id,
            team=self.team.id,
            channel=self.channel.id,
            name=self.channel.name,
            author=self.ada.username,
            post=self.post,
            file=self.file,
            file_post=self.file_post,
            bookmark=self.bookmark,
            scheduled=self.scheduled,
            upload=self.upload,
        )

    def told(self, reply: Reply) -> list[str]:
        """What an answer tells of them."""
        known = (SECRET, "zucchini.", "cucumber", self.channel.name, self.reply, self.file, self.file_post)
        return [word for word in known if word in reply.text]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hidden(node: TestNode, make: Make) -> AsyncIterator[Hidden]:
    ada, eve, zoe = await make.users(3)
    team = await make.team(members=[ada, eve])
    channel = await make.channel(team, owner=ada, type="P", header=SECRET)
    hers = node.client(ada.token)
    post = await make.post(ada, channel, f"{SECRET} #zucchini")
    reply = await make.post(ada, channel, SECRET, root_id=post["id"])
    form = await hers.request(
        "POST", f"/files?channel_id={channel.id}", files={"files": ("zucchini.png", picture((900, 900)))}
    )
    file = form.ok(201)["file_infos"][0]["id"]
    file_post = await make.post(ada, channel, SECRET, file_ids=[file])
    await hers.post("/reactions", {"user_id": ada.id, "post_id": post["id"], "emoji_name": "cucumber"})
    await hers.post(f"/posts/{post['id']}/pin")
    link = {"type": "link", "display_name": SECRET, "link_url": "https://zucchini.example.org/"}
    bookmark = (await hers.post(f"/channels/{channel.id}/bookmarks", link)).ok(201)
    await hers.post("/drafts", {"channel_id": channel.id, "message": SECRET})
    later = {"channel_id": channel.id, "message": SECRET, "scheduled_at": now_ms() + 10**8}
    scheduled = (await hers.post("/posts/schedule", later)).ok(201)
    upload = (await hers.post("/uploads", {"channel_id": channel.id, "filename": "z.txt", "file_size": 9})).ok(201)
    yield Hidden(
        ada=ada,
        eve=eve,
        zoe=zoe,
        team=team,
        channel=channel,
        post=post["id"],
        reply=reply["id"],
        file=file,
        file_post=file_post["id"],
        bookmark=bookmark["id"],
        scheduled=scheduled["id"],
        upload=upload["id"],
    )


READS = (
    "/channels/{channel}",
    "/channels/{channel}/posts",
    "/channels/{channel}/posts?since=1",
    "/channels/{channel}/pinned",
    "/channels/{channel}/members",
    "/channels/{channel}/members/{ada}",
    "/channels/{channel}/stats",
    "/channels/{channel}/timezones",
    "/channels/{channel}/bookmarks",
    "/users?in_channel={channel}",
    "/users/autocomplete?in_channel={channel}&in_team={team}&name=",
    "/users/{ada}/channels/{channel}/posts/unread",
    "/users/{ada}/teams/{team}/drafts",
    "/users/{ada}/teams/{team}/threads",
    "/users/{ada}/teams/{team}/threads/{post}",
    "/users/{ada}/posts/flagged",
    "/users/{ada}/preferences",
    "/users/{ada}/uploads",
    "/uploads/{upload}",
    "/posts/{post}",
    "/posts/{post}/thread",
    "/posts/{post}/reactions",
    "/posts/{file_post}/files/info",
    "/files/{file}",
    "/files/{file}/thumbnail",
    "/files/{file}/preview",
    "/files/{file}/info",
    "/files/{file}/link",
)


@pytest.mark.parametrize("template", READS)
async def test_who_is_not_in_the_channel_reads_nothing_of_it(
    hidden: Hidden, client: Clients, settings: Settings, template: str
) -> None:
    settings(FileSettings={"EnablePublicLink": True})
    path = hidden.path(template)

    assert (await client(hidden.ada).get(path)).status == 200
    for person in (hidden.eve, hidden.zoe):
        for node in (0, 1):
            reply = await client(person, node=node).get(path)
            assert (reply.status, reply.error_id) == FORBIDDEN
            assert hidden.told(reply) == []


SEARCHES = (
    ("/posts/search", "zucchini"),
    ("/posts/search", '"zucchini recipe"'),
    ("/posts/search", "zucch*"),
    ("/posts/search", "#zucchini"),
    ("/posts/search", "in:{name}"),
    ("/posts/search", "from:{author}"),
    ("/posts/search", "-nothing"),
    ("/files/search", "zucchini"),
    ("/files/search", "ext:png"),
    ("/files/search", "channel:{name}"),
)


@pytest.mark.parametrize("or_search", [True, False])
@pytest.mark.parametrize(("path", "terms"), SEARCHES)
async def test_who_is_not_in_the_channel_finds_nothing_of_it(
    hidden: Hidden, client: Clients, path: str, terms: str, or_search: bool
) -> None:
    body = {"terms": hidden.path(terms), "is_or_search": or_search}
    in_team = f"/teams/{hidden.team.id}{path}"

    assert (await client(hidden.ada).post(in_team, body)).ok()["order"] != []
    for reply in (
        await client(hidden.eve).post(in_team, body),
        await client(hidden.eve).post(path, body),
        await client(hidden.zoe).post(path, body),
    ):
        assert reply.ok()["order"] == []
        assert hidden.told(reply) == []
    refused = await client(hidden.zoe).post(in_team, body)
    assert (refused.status, refused.error_id) == FORBIDDEN


async def test_lists_of_ones_own_have_nothing_of_a_channel_one_is_not_in(hidden: Hidden, client: Clients) -> None:
    team, post = hidden.team.id, hidden.post
    eve = client(hidden.eve)
    replies = {
        "posts": await eve.post("/posts/ids", [post, hidden.reply]),
        "reactions": await eve.post("/posts/ids/reactions", [post]),
        "drafts": await eve.get(f"/users/me/teams/{team}/drafts"),
        "scheduled": await eve.get(f"/posts/scheduled/team/{team}?includeDirectChannels=true"),
        "threads": await eve.get(f"/users/me/teams/{team}/threads?extended=true"),
        "flagged": await eve.get("/users/me/posts/flagged"),
    }
    found = {name: reply.ok() for name, reply in replies.items()}
    own = await client(hidden.ada).post("/posts/ids/reactions", [post])
    # The embedded post of a link to it is for its readers only, whoever posts the link.
    square = (await eve.get(f"/teams/{team}/channels/name/town-square")).ok()["id"]
    link = f"http://localhost:8065/{hidden.team.name}/pl/{post}"
    linked = await eve.post("/posts", {"channel_id": square, "message": link})
    (await eve.delete(f"/posts/{linked.ok(201)['id']}")).ok()  # others see that she finds nothing at all
    shown = await client(hidden.zoe).get(f"/posts/{post}/info")

    assert own.ok()[post][0]["emoji_name"] == "cucumber"
    assert (found["posts"], found["reactions"], found["drafts"]) == ([], {post: []}, [])
    assert (found["scheduled"][team], found["threads"]["threads"], found["flagged"]["order"]) == ([], [], [])
    assert (shown.status, shown.error_id) == (404, "app.post.get.app_error")
    for reply in (*replies.values(), linked, shown):
        assert hidden.told(reply) == []


WRITES: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("POST", "/posts", {"channel_id": "{channel}", "message": "x"}),
    ("POST", "/posts", {"channel_id": "{channel}", "message": "x", "root_id": "{post}"}),
    ("POST", "/posts/schedule", {"channel_id": "{channel}", "message": "x", "scheduled_at": 9_999_999_999_999}),
    ("POST", "/reactions", {"user_id": "{me}", "post_id": "{post}", "emoji_name": "cat"}),
    ("PUT", "/posts/{post}/patch", {"message": "x"}),
    ("DELETE", "/posts/{post}", None),
    ("POST", "/posts/{post}/pin", None),
    ("POST", "/users/{me}/posts/{post}/set_unread", None),
    ("POST", "/users/{me}/posts/{post}/reminder", {"target_time": 1_900_000_000}),
    ("POST", "/users/{me}/posts/{post}/ack", None),
    ("PUT", "/users/{me}/teams/{team}/threads/{post}/following", None),
    ("POST", "/drafts", {"channel_id": "{channel}", "message": "x"}),
    ("POST", "/channels/{channel}/bookmarks", {"type": "link", "display_name": "x", "link_url": "https://x.org/"}),
    ("PATCH", "/channels/{channel}/bookmarks/{bookmark}", {"display_name": "x"}),
    ("DELETE", "/channels/{channel}/bookmarks/{bookmark}", None),
    ("POST", "/uploads", {"channel_id": "{channel}", "filename": "x.txt", "file_size": 1}),
    ("POST", "/uploads/{upload}", None),
    ("POST", "/files?channel_id={channel}&filename=x.txt", None),
    ("POST", "/commands/execute", {"channel_id": "{channel}", "command": "/me x"}),
    ("POST", "/channels/{channel}/members", {"user_id": "{me}"}),
    ("PUT", "/channels/{channel}/patch", {"header": "x"}),
    ("POST", "/users/{me}/typing", {"channel_id": "{channel}"}),
)


async def test_who_is_not_in_the_channel_writes_nothing_there_and_nobody_hears_of_it(
    hidden: Hidden, client: Clients, socket: Sockets
) -> None:
    async with socket(hidden.ada, node=1) as events:
        await events.until_now()
        refused = []
        for person in (hidden.eve, hidden.zoe):
            for method, template, fields in WRITES:
                path = hidden.path(template.replace("{me}", person.id))
                body = {
                    name: hidden.path(value.replace("{me}", person.id)) if isinstance(value, str) else value
                    for name, value in (fields or {}).items()
                }
                reply = await client(person).request(method, path, body or None)
                refused.append((template, reply.status, reply.error_id, hidden.told(reply)))
        heard = [event for event in await events.until_now() if hidden.channel.id in f"{event.broadcast} {event}"]

    assert refused == [(template, *FORBIDDEN, []) for _, template, _ in WRITES] * 2
    assert heard == []
