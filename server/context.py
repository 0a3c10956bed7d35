"""What one request, socket action, job or command carries, and the transaction that holds news until the commit."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
from msgspec import Struct

from server.bus.bus import Bus
from server.bus.doubts import Doubts
from server.bus.envelope import topics_of
from server.bus.event import Event
from server.bus.signals import Invalidate, Signal
from server.cache import Cache
from server.config import Config
from server.db import Db, Pool, Tx, Unsure
from server.db.sql import SQL
from server.errors import session_expired
from server.ids import new_id, now_ms
from server.jobs.job import Job, insert_jobs


class Session(Struct, frozen=True):
    """Who is signed in, as the hot paths need it; one row of sessions joined with its user."""

    id: str
    user_id: str
    create_at: int
    expires_at: int
    last_activity_at: int
    device_id: str
    is_oauth: bool
    props: dict[str, Any]
    roles: str
    """The roles of the user, space-separated."""
    is_bot: bool
    mfa_active: bool = False
    """Whether the user proves a second factor when signing in."""
    auth_service: str = ""
    """Where the user signs in, "" for here."""

    @property
    def csrf(self) -> str:
        """The value that cookie-authenticated writes must send."""
        return str(self.props.get("csrf", ""))


class Services(Struct, kw_only=True):
    """What a node is made of; built once, in app.py."""

    config: Config
    """The settings in force; replaced as a whole when they change, so never keep a part of it for long."""
    db: Pool
    bus: Bus
    cache: Cache
    node_id: str
    extras: dict[type, object] = msgspec.field(default_factory=dict)
    """Parts of single features, by their class: the writer of posts, the store of blobs."""


class Context(Struct, kw_only=True, dict=True):
    """One request, socket action, job or command: who asks, and the services. Data only."""

    services: Services
    session: Session | None = None
    request_id: str = ""
    connection_id: str = ""
    """The caller's own WebSocket connection, whose events are left out where API v4 says so."""
    ip: str = ""
    user_agent: str = ""
    if_none_match: str = ""
    """The ETags of the copies that the caller holds."""
    reply_headers: list[tuple[str, str]] = msgspec.field(default_factory=list)

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.services.config

    @property
    def db(self) -> Db:
        """The pool: each statement commits by itself."""
        return self.services.db

    @property
    def cache(self) -> Cache:
        """What this node remembers of the database."""
        return self.services.cache

    @property
    def user_id(self) -> str:
        """The caller; raises Unauthorized without a session."""
        if self.session is None:
            raise session_expired()
        return self.session.user_id

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return now_ms()

    def part(self, kind: type[Any]) -> Any:
        """The part of a feature that app.py put into the services under its class."""
        return self.services.extras[kind]

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["Change"]:
        """A transaction whose events, signals and jobs go out after its commit and only then."""
        change: Change | None = None
        pledges = self.services.bus.pledges
        pledge = 0
        try:
            async with self.services.db.begin() as tx:
                change = Change(tx)
                yield change
                if change.jobs:
                    await insert_jobs(tx, change.jobs)
                pledge = pledges.make(change.topics)
        except Unsure as unsure:
            if change is not None:
                self._doubt(unsure.backend, change.topics)
            raise
        except BaseException:
            pledges.fulfil(pledge)
            raise
        try:
            await self.tell(change.tags, change.messages, pledge)
        except BaseException:
            pledges.fulfil(pledge)
            raise

    @contextmanager
    def owing(self, topics: Iterable[str]) -> Iterator[None]:
        """Around a write of one statement and what is told of it to these topics: where the node dies in between, or
        the database before it answers, their connections start anew. Transactions need no such thing."""
        owed = set(topics)
        pledges = self.services.bus.pledges
        pledge = pledges.make(owed)
        try:
            yield
        except Unsure as unsure:
            self._doubt(unsure.backend, owed)
            raise
        finally:
            pledges.fulfil(pledge)

    def _doubt(self, backend: int, topics: set[str]) -> None:
        """Whether a change was committed is not known: in the end, whoever should have heard of it starts anew."""

        async def find() -> set[str]:
            return topics

        doubts = self.services.extras.get(Doubts)
        if isinstance(doubts, Doubts):
            doubts.note(backend, find)

    async def tell(self, tags: Sequence[str] = (), messages: Sequence[Event | Signal] = (), pledge: int = 0) -> None:
        """Publish what a committed write changed: drop cached `tags` here and on all nodes, then send the messages.

        With that the pledge to do so is fulfilled, if there is one.
        """
        bus = self.services.bus
        if tags:
            self.services.cache.drop(tags)
            messages = [Invalidate(tags=tuple(tags), sender=bus.node_id), *messages]
        if messages:
            await bus.publish(messages, pledge)


class Change(Db):
    """A transaction under way, and the news that follows its commit."""

    def __init__(self, tx: Tx) -> None:
        self.stats = tx.stats
        self.seals = tx.seals
        self._tx = tx
        self.messages: list[Event | Signal] = []
        self.tags: list[str] = []
        self.jobs: list[Job] = []

    async def _fetch(self, sql: SQL, args: tuple[object, ...]) -> list[Any]:
        return await self._tx._fetch(sql, args)

    async def _execute(self, sql: SQL, args: tuple[object, ...]) -> str:
        return await self._tx._execute(sql, args)

    @property
    def topics(self) -> set[str]:
        """Where the messages go."""
        return {topic for message in self.messages for topic in topics_of(message)}

    def publish(self, *messages: Event | Signal) -> None:
        """Send events or signals after the commit, in this order."""
        self.messages += messages

    def invalidate(self, *tags: str) -> None:
        """After the commit every node forgets what it holds under these tags ("user:<id>", "channel:<id>", …)."""
        self.tags += tags

    def enqueue(self, *jobs: Job) -> None:
        """Work that must outlive a crash: stored by the same commit."""
        self.jobs += jobs


def request_context(services: Services, session: Session | None = None, connection_id: str = "") -> Context:
    """A context for work that no HTTP request started: a socket action, a job, a command."""
    return Context(services=services, session=session, request_id=new_id(), connection_id=connection_id)
