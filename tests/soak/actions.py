"""What people do all day, each a function; `ACTIONS` says how often."""

import asyncio
import io
import json
from contextlib import suppress
from typing import Any

from PIL import Image
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.make import PASSWORD, Person, Thing
from tests.soak.crowd import Action, Crowd
from tests.soak.rudeness import MISDEEDS, misbehave

WORDS = (
    "ship",
    "door",
    "lamp",
    "river",
    "copper",
    "garden",
    "winter",
    "paper",
    "engine",
    "harbour",
    "silver",
    "bridge",
)
EMOJIS = ("eyes", "tada", "heart", "rocket", "wave")
ALSO_GONE = (200, 400, 404)
"""For posts that somebody else may be deleting."""


def sentence(crowd: Crowd) -> str:
    """A few words."""
    return " ".join(crowd.chance.choices(WORDS, k=crowd.chance.choice((3, 8, 20, 60))))


# posts


async def post(crowd: Crowd, one: Person) -> None:
    """A root post, or a reply to one; sometimes with a mention."""
    body: dict[str, Any] = {"channel_id": crowd.place().id, "message": sentence(crowd)}
    above = crowd.some_post()
    if above is not None and crowd.chance.random() < 0.4:
        body |= {"channel_id": above["channel_id"], "root_id": above["root_id"] or above["id"]}
    if crowd.chance.random() < 0.1:
        body["message"] += f" @{crowd.chance.choice(crowd.people).username} #news"
    reply = await crowd.ask(one, "POST", "/posts", body, expect=(201, 400, 404) if "root_id" in body else 201)
    if reply.status_code == 201:
        crowd.said(reply.json())


async def edit(crowd: Crowd, one: Person) -> None:
    """One's own post: another text, a pin, or its end."""
    mine = [each for each in crowd.posts if each["user_id"] == one.id]
    if not mine:
        return
    chosen = crowd.chance.choice(mine)
    path = f"/posts/{chosen['id']}"
    await crowd.ask(one, "PUT", f"{path}/patch", {"message": sentence(crowd)}, expect=ALSO_GONE)
    await crowd.ask(one, "POST", f"{path}/pin", expect=ALSO_GONE)
    await crowd.ask(one, "POST", f"{path}/unpin", expect=ALSO_GONE)
    if crowd.chance.random() < 0.5:
        crowd.forget(chosen)
        await crowd.ask(one, "DELETE", path, expect=ALSO_GONE)


async def react(crowd: Crowd, one: Person) -> None:
    """A reaction, taken back a while later."""
    chosen = crowd.some_post()
    if chosen is None:
        return
    emoji = crowd.chance.choice(EMOJIS)
    body = {"user_id": one.id, "post_id": chosen["id"], "emoji_name": emoji}
    await crowd.ask(one, "POST", "/reactions", body, expect=(200, 201, 400, 403, 404))
    await crowd.wander(0, 2)
    await crowd.ask(one, "GET", f"/posts/{chosen['id']}/reactions", expect=(200, 403, 404))
    path = f"/users/me/posts/{chosen['id']}/reactions/{emoji}"
    await crowd.ask(one, "DELETE", path, expect=(200, 400, 403, 404))


# reading


async def read(crowd: Crowd, one: Person) -> None:
    """Go to a channel, read it, scroll back."""
    place = crowd.place()
    view = {"channel_id": place.id, "prev_channel_id": crowd.place().id}
    await crowd.ask(one, "POST", "/channels/members/me/view", view)
    await crowd.ask(one, "GET", f"/users/me/channels/{place.id}/posts/unread?limit_before=30&limit_after=30")
    await crowd.ask(one, "GET", f"/channels/{place.id}/posts?page=1&per_page=30")
    await crowd.ask(one, "GET", f"/channels/{place.id}/stats")
    ids = [person.id for person in crowd.chance.sample(crowd.people, 5)]
    await crowd.ask(one, "POST", "/users/status/ids", ids)
    await crowd.ask(one, "POST", "/users/ids", ids)
    await crowd.ask(one, "GET", f"/users/{ids[0]}/image")


async def read_threads(crowd: Crowd, one: Person) -> None:
    """The threads that one follows, one of them, and that it is read."""
    base = f"/users/me/teams/{crowd.team.id}/threads"
    found = (await crowd.ask(one, "GET", f"{base}?per_page=10")).json()["threads"]
    if found:
        thread = crowd.chance.choice(found)["id"]
        await crowd.ask(one, "GET", f"/posts/{thread}/thread?perPage=60", expect=(200, 404))
        await crowd.ask(one, "PUT", f"{base}/{thread}/read/1900000000000", expect=(200, 400, 404))


async def begin_the_day(crowd: Crowd, one: Person) -> None:
    """All that a client loads at its start."""
    team = crowd.team.id
    for path in (
        "/config/client?format=old",
        "/license/client?format=old",
        "/users/me",
        "/users/me/preferences",
        "/users/me/teams",
        "/users/me/teams/members",
        "/users/me/teams/unread",
        "/users?page=0&per_page=100",
        f"/users/me/teams/{team}/channels",
        f"/users/me/teams/{team}/channels/members",
        f"/users/me/teams/{team}/channels/categories",
        f"/users/me/teams/{team}/drafts",
        "/custom_profile_attributes/fields",
        "/emoji?page=0&per_page=60",
    ):
        await crowd.ask(one, "GET", path)
    await crowd.ask(one, "POST", "/roles/names", ["system_user", "team_user", "channel_user"])


async def search(crowd: Crowd, one: Person) -> None:
    """Look for posts, people, channels and files."""
    word = crowd.chance.choice(WORDS)
    terms = {"terms": word, "is_or_search": False}
    await crowd.ask(one, "POST", f"/teams/{crowd.team.id}/posts/search", terms)
    await crowd.ask(one, "POST", "/users/search", {"term": "dweller1", "team_id": crowd.team.id})
    await crowd.ask(one, "GET", f"/users/autocomplete?in_team={crowd.team.id}&name=dw")
    await crowd.ask(one, "POST", f"/teams/{crowd.team.id}/channels/search", {"term": "chan"})
    await crowd.ask(one, "POST", f"/teams/{crowd.team.id}/files/search", {"terms": word})


# what one is and has


async def be_seen(crowd: Crowd, one: Person) -> None:
    """Another status, and the old one again."""
    status = crowd.chance.choice(("away", "dnd", "online"))
    await crowd.ask(one, "PUT", "/users/me/status", {"user_id": one.id, "status": status})
    await crowd.ask(one, "PUT", "/users/me/status/custom", {"emoji": "calendar", "text": crowd.chance.choice(WORDS)})
    await crowd.ask(one, "DELETE", "/users/me/status/custom")


async def keep_things(crowd: Crowd, one: Person) -> None:
    """A draft and a preference, and their end."""
    place = crowd.place().id
    await crowd.ask(one, "POST", "/drafts", {"channel_id": place, "message": sentence(crowd)}, expect=201)
    preference = {"user_id": one.id, "category": "channel_open_time", "name": place, "value": "1"}
    await crowd.ask(one, "PUT", "/users/me/preferences", [preference])
    await crowd.ask(one, "DELETE", f"/users/me/channels/{place}/drafts", expect=(200, 404))
    await crowd.ask(one, "POST", "/users/me/preferences/delete", [preference])


async def log_in_and_out(crowd: Crowd, one: Person) -> None:
    """Another device for a while; sometimes the password is wrong first."""
    if crowd.chance.random() < 0.2:
        await crowd.ask(None, "POST", "/users/login", {"login_id": one.username, "password": "x"}, expect=(401, 429))
    login = {"login_id": one.username, "password": PASSWORD}
    reply = await crowd.ask(None, "POST", "/users/login", login, expect=(200, 429))
    if reply.status_code == 200:
        other = Person(reply.json(), reply.headers["token"])
        await crowd.ask(other, "GET", "/users/me")
        await crowd.ask(other, "POST", "/users/logout")
        await crowd.wander(5, 6)  # by then every node has heard of it, however busy it is
        await crowd.ask(other, "GET", "/users/me", expect=401)


# channels


async def make_a_channel(crowd: Crowd, one: Person) -> None:
    """A channel with somebody in it and a post, archived in the end."""
    name = crowd.stage.make.name("room")
    body = {"team_id": crowd.team.id, "name": name, "display_name": name, "type": crowd.chance.choice("OP")}
    room = Thing((await crowd.ask(one, "POST", "/channels", body, expect=201)).json())
    other = crowd.chance.choice([person for person in crowd.people if person is not one])
    await crowd.ask(one, "POST", f"/channels/{room.id}/members", {"user_id": other.id}, expect=201)
    await crowd.ask(other, "POST", "/posts", {"channel_id": room.id, "message": sentence(crowd)}, expect=201)
    await crowd.ask(one, "PUT", f"/channels/{room.id}/patch", {"header": sentence(crowd)})
    await crowd.ask(one, "DELETE", f"/channels/{room.id}/members/{other.id}")
    await crowd.ask(one, "DELETE", f"/channels/{room.id}")


async def come_and_go(crowd: Crowd, one: Person) -> None:
    """Join a channel and leave it; others of the same person may do so at the same time."""
    path = f"/channels/{crowd.lounge.id}/members"
    await crowd.ask(one, "POST", path, {"user_id": one.id}, expect=(200, 201))
    await crowd.wander(0, 3)
    await crowd.ask(one, "DELETE", f"{path}/{one.id}", expect=(200, 404))


async def send_a_program(crowd: Crowd, one: Person) -> None:
    """An incoming webhook and a slash command."""
    await crowd.ask(None, "POST", f"//hooks/{crowd.hook}", {"text": sentence(crowd)})
    command = {"channel_id": crowd.place().id, "team_id": crowd.team.id, "command": "/shrug well"}
    await crowd.ask(one, "POST", "/commands/execute", command)


# files


def picture(crowd: Crowd) -> bytes:
    """A PNG that has to be made smaller."""
    out = io.BytesIO()
    colour = (crowd.chance.randrange(256), crowd.chance.randrange(256), 90)
    Image.new("RGB", (600, 400), colour).save(out, "PNG")
    return out.getvalue()


async def send_a_file(crowd: Crowd, one: Person) -> None:
    """A picture, as a form or as it is, in a post; its small forms are looked at."""
    place = crowd.place().id
    if crowd.chance.random() < 0.5:
        files = {"files": ("a.png", picture(crowd), "image/png")}
        reply = await crowd.ask(one, "POST", "/files", data={"channel_id": place}, files=files, expect=201)
    else:
        path = f"/files?channel_id={place}&filename=b.png"
        reply = await crowd.ask(one, "POST", path, picture(crowd), expect=201)
    file = reply.json()["file_infos"][0]["id"]
    body = {"channel_id": place, "message": sentence(crowd), "file_ids": [file]}
    crowd.said((await crowd.ask(one, "POST", "/posts", body, expect=201)).json())
    for path in ("", "/info", "/thumbnail", "/preview"):
        await crowd.ask(one, "GET", f"/files/{file}{path}")


async def send_a_file_later(crowd: Crowd, one: Person) -> None:
    """A text by an upload that is announced first."""
    place, text = crowd.place().id, sentence(crowd).encode() * 50
    body = {"channel_id": place, "filename": "c.txt", "file_size": len(text)}
    upload = (await crowd.ask(one, "POST", "/uploads", body, expect=201)).json()["id"]
    file = (await crowd.ask(one, "POST", f"/uploads/{upload}", text)).json()["id"]
    body = {"channel_id": place, "message": "as announced", "file_ids": [file]}
    crowd.said((await crowd.ask(one, "POST", "/posts", body, expect=201)).json())


# sockets


async def visit(crowd: Crowd, one: Person) -> None:
    """A socket for a few seconds: typing, asking, and one of many ends."""
    challenged = crowd.chance.random() < 0.3
    headers = {} if challenged else {"Authorization": f"Bearer {one.token}"}
    deflate = crowd.chance.choice((None, "deflate"))
    url = f"ws://127.0.0.1:{crowd.port()}/api/v4/websocket"
    async with connect(url, additional_headers=headers, compression=deflate, open_timeout=30) as socket:
        if challenged:
            await _send(socket, 1, "authentication_challenge", {"token": one.token})
        place = crowd.place().id
        for number, (action, data) in enumerate(_told(place), start=2):
            await _send(socket, number, action, data)
        with suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(crowd.chance.uniform(1, 10)):
                async for _ in socket:
                    pass
        await _end(crowd, socket)


def _told(channel_id: str) -> tuple[tuple[str, dict[str, Any]], ...]:
    return (
        ("ping", {}),
        ("user_typing", {"channel_id": channel_id, "parent_id": ""}),
        ("get_statuses", {}),
        ("user_update_active_status", {"user_is_active": True}),
        ("nonsense", {}),
    )


async def _end(crowd: Crowd, socket: ClientConnection) -> None:
    """With a goodbye, without one, or with something that is no frame of ours."""
    how = crowd.chance.randrange(4)
    with suppress(ConnectionClosed):
        if how == 1:
            socket.transport.abort()
        elif how == 2:
            await socket.send("{no JSON")
        elif how == 3:
            await socket.send("x" * 20_000)


async def _send(socket: ClientConnection, seq: int, action: str, data: dict[str, Any]) -> None:
    await socket.send(json.dumps({"seq": seq, "action": action, "data": data}))


async def come_unknown(crowd: Crowd, one: Person) -> None:
    """A socket without a name, or with a false one; the server ends it after a while."""
    url = f"ws://127.0.0.1:{crowd.port()}/api/v4/websocket"
    async with connect(url, compression=None, open_timeout=30) as socket:
        if crowd.chance.random() < 0.5:
            await _send(socket, 1, "authentication_challenge", {"token": "x" * 26})
        with suppress(ConnectionClosed):
            async for frame in socket:
                if "event" in json.loads(frame):
                    crowd.complain(f"an unknown socket was told something: {frame!r:.100}")


async def type_something(crowd: Crowd, one: Person) -> None:
    """Typing, told over REST."""
    await crowd.ask(one, "POST", "/users/me/typing", {"channel_id": crowd.place().id, "parent_id": ""})


# what goes wrong


async def ask_wrongly(crowd: Crowd, one: Person) -> None:
    """What is not there, not allowed, not understood."""
    nobody = "zzzzzzzzzzzzzzzzzzzzzzzzzz"
    stranger = Person({"id": nobody, "username": "", "email": ""}, nobody)
    await crowd.ask(one, "GET", "/no/such/thing", expect=404)
    await crowd.ask(one, "GET", f"/posts/{nobody}", expect=404)
    await crowd.ask(one, "GET", f"/channels/{crowd.secret.id}/posts", expect=403)
    await crowd.ask(one, "POST", "/posts", b'{"channel_id": ', expect=(400, 403))
    await crowd.ask(one, "POST", "/posts", {"channel_id": crowd.place().id, "message": "x" * 20_000}, expect=400)
    await crowd.ask(one, "GET", f"/users/{nobody}/image", expect=404)
    await crowd.ask(stranger, "GET", "/users/me", expect=401)
    await crowd.ask(None, "POST", f"//hooks/{nobody}", {"text": "x"}, expect=(400, 404))


async def misbehave_somehow(crowd: Crowd, one: Person) -> None:
    """What nobody should do to a server."""
    misdeed = crowd.chance.choice(list(MISDEEDS))
    if wrong := await misbehave(misdeed, crowd.port(), one.token, crowd.place().id):
        crowd.complain(wrong)


ACTIONS: tuple[tuple[float, Action], ...] = (
    (3.0, post),
    (0.5, edit),
    (1.0, react),
    (2.0, read),
    (0.6, read_threads),
    (0.2, begin_the_day),
    (0.4, search),
    (0.4, be_seen),
    (0.5, keep_things),
    (0.3, log_in_and_out),
    (0.3, make_a_channel),
    (0.5, come_and_go),
    (0.4, send_a_program),
    (0.4, send_a_file),
    (0.2, send_a_file_later),
    (1.2, visit),
    (0.3, come_unknown),
    (1.0, type_something),
    (0.6, ask_wrongly),
    (0.8, misbehave_somehow),
)
"""How often against the others. Most are several requests, some twenty."""
