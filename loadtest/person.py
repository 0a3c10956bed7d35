"""A simulated person: the client in its hands, and what that client knows and shows."""

import random
import zlib
from collections import deque
from collections.abc import Collection
from typing import Any

import gevent
import msgspec

from loadtest import mix, world
from loadtest.client import CallFailed, Disconnected, Frame, Rest, Socket, note
from loadtest.deliveries import Gap, Presence
from loadtest.run import Account, Run, Seen, now_ms
from loadtest.words import sentence

BACKOFF = (1.0, 10.0)
"""Seconds before the first and the later attempts to connect again."""

UNSEEN_AT_ONCE = 30


class NoTarget(Exception):
    """There is nothing to do this to: no thread yet, no post yet."""


class Channel(msgspec.Struct):
    """A channel of the sidebar."""

    id: str
    type: str = "O"
    name: str = ""
    team_id: str = ""
    last_post_at: int = 0


class Post(msgspec.Struct):
    """What is read of a post."""

    id: str
    user_id: str = ""
    root_id: str = ""
    create_at: int = 0


class PostPage(msgspec.Struct):
    """What is read of a list of posts, newest first."""

    order: list[str] | None = None
    posts: dict[str, Post] = {}
    has_next: bool | None = None


class PostNews(msgspec.Struct):
    """Payload of `posted` and `post_deleted`: the post is JSON in a string."""

    post: str = "{}"


class TypingNews(msgspec.Struct):
    """Payload of `typing`."""

    user_id: str = ""


class Person:
    """One user with one client. Its methods wait, those of the socket's listener (`on_…`) don't."""

    def __init__(self, run: Run, number: int, account: Account) -> None:
        self.run = run
        self.number = number
        self.id, self.username = account.id, account.username
        self.rate = 1 if run.options.same_rate else mix.rate_of(number)
        self.rng = random.Random(f"{run.share.run}-{number}")
        report = run.environment.events.request.fire
        self.rest = Rest(run.url, report, run.options.call_timeout)
        self.signed_in = False
        self.socket: Socket | None = None
        self.presence: Presence | None = None
        self.team_ids: list[str] = []
        self.team_id = ""
        self.places: list[Channel] = []
        """Public and private channels of the team that it looks at."""
        self.talks: list[Channel] = []
        """Direct and group channels, those with the newest posts first."""
        self.channel = Channel("")
        self.joined: set[str] = set()
        """All its channels."""
        self.fetched: dict[str, int] = {}
        """By channel: when (ms) its posts were fetched. What is in the sidebar at sign-in counts as seen just then, as
        if the client had been open for hours: the first look at everything is the load of a morning, not of the day."""
        self.top: dict[str, str] = {}
        """By channel: the oldest post that was scrolled to."""
        self.unread: dict[str, None] = {}
        self.own: deque[tuple[str, str]] = deque(maxlen=50)
        """(channel, post) of what it wrote."""
        self.threads: list[str] = []
        self.categories: list[dict[str, Any]] = []
        self.scheduled: list[dict[str, Any]] = []
        self._background: set[gevent.Greenlet[..., None]] = set()
        self._again: gevent.Greenlet[..., None] | None = None

    # its session and its socket

    def sign_in(self) -> None:
        """Log in. CallFailed when that is refused."""
        token, _ = self.rest.login(self.username, self.run.options.user_password)
        self.carry(token)

    def sign_out(self) -> None:
        """End the session."""
        self.signed_in = False
        self.forget_connection()
        self.rest.post("/users/logout")

    def carry(self, token: str) -> None:
        """Use a session, or a token."""
        self.signed_in = True
        self.rest.use(token)
        report = self.run.environment.events.request.fire
        self.socket = Socket(self.run.url, token, self, report, self.run.options.call_timeout)

    def connect(self) -> bool:
        """Open the socket, or open it again where it left off: was it resumed? CallFailed when it can't be."""
        if self.socket is None:
            raise Disconnected("not signed in")
        resumed = self.socket.open()
        if resumed:
            self.run.tally["resumed"] += 1
            if self.presence is not None:
                self.presence.up = True
        return resumed

    def reconnect(self) -> bool:
        """As `connect`; when it fails, it is tried again and again beside what the person does."""
        try:
            return self.connect()
        except CallFailed:
            self._again = self.background(self._come_back)
            raise

    def drop(self) -> None:
        """Lose the connection, as in a tunnel."""
        if self._again is not None:
            self._again.kill()
            self._again = None
        if self.presence is not None:
            self.presence.up = False
        if self.socket is not None:
            self.socket.drop()

    def forget_connection(self) -> None:
        """Close the socket for good: the next one is a new connection."""
        self.drop()
        if self.presence is not None:
            self.run.ledger.vanish(self.presence)
            self.presence = None
        if self.socket is not None:
            self.socket.connection_id = ""

    def leave(self) -> None:
        """Be gone: close everything."""
        for greenlet in list(self._background):
            greenlet.kill(block=False)
        self.forget_connection()
        self.rest.close()

    def on_hello(self) -> None:
        """A new connection: whatever came before is not expected of it any more."""
        if self.presence is not None:
            self.run.tally["not_resumed"] += 1
            self.run.ledger.vanish(self.presence)
        self.presence = self.run.ledger.appear(self.joined)

    def on_event(self, frame: Frame, data: bytes) -> None:
        """Do what a client does when it hears of something."""
        self.run.tally["events"] += 1
        channel_id = frame.broadcast.channel_id if frame.broadcast is not None else ""
        if frame.event == "posted":
            self._on_posted(frame, data, channel_id)
        elif frame.event == "typing":
            if self.rng.random() < mix.UNKNOWN_TYPISTS:
                self.background(self.meet, [msgspec.json.decode(frame.data, type=TypingNews).user_id])
        elif frame.event == "post_deleted":
            post = msgspec.json.decode(frame.data, type=PostNews).post
            self.run.forget(channel_id, msgspec.json.decode(post, type=Post).id)

    def _on_posted(self, frame: Frame, data: bytes, channel_id: str) -> None:
        first = self.presence is not None and self.run.ledger.arrive(self.presence, data)
        ack = b'"should_ack"' in data
        if first or ack:
            post = msgspec.json.decode(msgspec.json.decode(frame.data, type=PostNews).post, type=Post)
            self.run.show(channel_id, Seen(post.id, self.run.intern(post.user_id), post.root_id))
            if ack:
                answer = {"post_id": post.id, "user_agent": "loadtest", "status": "success", "reason": "", "data": ""}
                self.run.tally["acknowledged"] += 1
                self.background(self._request, "posted_notify_ack", answer)
        if channel_id != self.channel.id:
            self.unread[channel_id] = None

    def on_gap(self, expected: int, got: int) -> None:
        """Events are missing that nobody told this client of."""
        self.run.tally["gaps"] += 1
        gap = Gap("numbers of events have a hole")
        note(self.run.environment.events.request.fire, "WS", "gap", None, gap)

    def on_closed(self) -> None:
        """The server or the network cut the connection: come back, again and again."""
        self.run.tally["closed"] += 1
        if self.presence is not None:
            self.presence.up = False
        self._again = self.background(self._come_back)

    def _come_back(self) -> None:
        pause = BACKOFF[0]
        while True:
            gevent.sleep(pause * self.rng.uniform(0.5, 1.5))
            pause = min(pause * 2, BACKOFF[1])
            try:
                self.connect()
                return
            except CallFailed:
                continue

    def background(self, work: Any, *arguments: object) -> "gevent.Greenlet[..., None]":
        """Do something beside; a call that fails ends it, and was counted."""

        def quietly() -> None:
            try:
                work(*arguments)
            except CallFailed:
                pass
            finally:
                self._background.discard(greenlet)

        greenlet: gevent.Greenlet[..., None] = gevent.spawn(quietly)
        self._background.add(greenlet)
        return greenlet

    def _request(self, action: str, data: dict[str, object]) -> None:
        if self.socket is not None:
            self.socket.request(action, data)

    # what it does

    def type(self, channel_id: str, root_id: str) -> None:
        """Let the others see that it types; somebody who is offline just doesn't."""
        if self.socket is not None and self.socket.up:
            self._request("user_typing", {"channel_id": channel_id, "parent_id": root_id})

    def write(self, channel_id: str, root_id: str = "", **more: object) -> str:
        """Post a message that is followed to everybody who should get it; its id."""
        ledger = self.run.ledger
        key, sent_ns, mark = ledger.send()
        body = {
            "channel_id": channel_id,
            "root_id": root_id,
            "message": f"{mark} {sentence(self.rng)}",
            # Of the clock's full length: bots of one account may post in the same millisecond.
            "pending_post_id": f"{self.id}:{sent_ns}",
            **more,
        }
        post = msgspec.json.decode(self.rest.post("/posts", body=body), type=Post)
        ledger.sent(key, channel_id, sent_ns)
        self.own.append((channel_id, post.id))
        return post.id

    def meet(self, user_ids: list[str]) -> None:
        """Fetch people that the client has not shown yet."""
        self.rest.post("/users/ids", body=user_ids)
        self.rest.post("/users/status/ids", body=user_ids)

    def show(self, data: bytes) -> PostPage:
        """Take a list of posts that was fetched for the current channel."""
        page = msgspec.json.decode(data, type=PostPage)
        for post_id in reversed(page.order or ()):
            post = page.posts[post_id]
            self.run.show(self.channel.id, Seen(post.id, self.run.intern(post.user_id), post.root_id))
        return page

    def poll(self) -> None:
        """Ask for the statuses of those who are shown."""
        if self.signed_in:
            self.rest.post("/users/status/ids", body=self.posters())

    # what it picks

    def screen(self) -> dict[str, Seen]:
        """The posts on the screen by id, oldest first; fetched if no client here has them. NoTarget without any."""
        screens, channel_id = self.run.screens, self.channel.id
        if channel_id not in screens:
            data = self.rest.get("/channels/{}/posts?page=0&per_page=60&collapsedThreads=true", channel_id)
            screens.setdefault(channel_id, {})
            self.show(data)
        if not screens[channel_id]:
            raise NoTarget
        return screens[channel_id]

    def seen(self) -> Seen:
        """A post on the screen. NoTarget when there is none."""
        return self.rng.choice(list(self.screen().values()))

    def posters(self) -> list[str]:
        """Who wrote what is on the screen; oneself if nobody did."""
        screen = self.run.screens.get(self.channel.id, {})
        return list({post.user_id: None for post in screen.values()})[:UNSEEN_AT_ONCE] or [self.id]

    def other(self) -> Account:
        """Somebody else."""
        accounts = self.run.accounts
        return accounts[(self.number + self.rng.randrange(1, max(len(accounts), 2))) % len(accounts)]

    def elsewhere(self) -> Channel:
        """Another public or private channel of the team."""
        return self._other_of(self.places, None)

    def talk(self) -> Channel:
        """Another direct or group channel, those used lately more often."""
        return self._other_of(self.talks, [1 / (rank + 1) for rank in range(len(self.talks))])

    def _other_of(self, channels: list[Channel], weights: list[float] | None) -> Channel:
        if not any(channel is not self.channel for channel in channels):
            raise NoTarget
        while (found := self.rng.choices(channels, weights)[0]) is self.channel:
            pass
        return found

    def take_sidebar(self, channels: list[Channel], team_id: str) -> None:
        """Learn of one's channels in a team; direct ones and groups come with every team."""
        now = now_ms()
        for channel in channels:
            if channel.type in "DG":
                if channel.id not in self.joined:
                    self.talks.append(channel)
            elif team_id == self.team_id and _is_ours(channel.name) and channel.id not in self.joined:
                self.places.append(channel)
            self.join(channel.id)
            self.fetched.setdefault(channel.id, now)
        self.talks.sort(key=lambda channel: -channel.last_post_at)
        if not self.channel.id and self.places:
            self.channel = self.rng.choice(self.places)

    def join(self, channel_id: str) -> None:
        """It is a member of this channel from now on."""
        self.joined.add(channel_id)
        if self.presence is not None:
            self.run.ledger.join(self.presence, channel_id)

    def pick_team(self, team_ids: Collection[str]) -> None:
        """Look at one of one's teams, always the same."""
        self.team_ids = sorted(team_ids)
        self.team_id = self.team_ids[zlib.crc32(self.id.encode()) % len(self.team_ids)]


def _is_ours(name: str) -> bool:
    """A channel that the mix goes to: not the ones that everybody is in."""
    return name.startswith("load-") and name != world.HOTSPOT
