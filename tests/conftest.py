"""What all tests share: real engines, real nodes on real ports, and words to build worlds with."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from argon2 import PasswordHasher

from server.bus.event import Event
from server.bus.publisher import Publisher
from server.bus.signals import Signal
from server.engines.redis import Redis
from server.features.sessions import login_service
from server.features.users import passwords
from tests.clients_of import Client, Socket
from tests.make import Make, Person
from tests.nodes import TestNode, start_node
from tests.published import event_faults
from tests.waiting import PATIENCE, until_gone

pytest_plugins = [
    "tests.engines",
    "tests.profiles",
    "tests.receiver",
    "tests.sharing",
    "tests.smtp",
    "tests.tracebacks",
]


@pytest.fixture(scope="session", autouse=True)
def faults_of_events() -> Iterator[list[str]]:
    """What was wrong with the events that the nodes of this process have published; watches all of them."""
    faults: list[str] = []
    publish = Publisher.publish

    async def watched(publisher: Publisher, messages: Sequence[Event | Signal], *then: Any) -> bool:
        for message in messages:
            if isinstance(message, Event):
                faults.extend(event_faults(message))
        return await publish(publisher, messages, *then)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Publisher, "publish", watched)
        yield faults
    assert faults == []


@pytest.fixture(autouse=True)
def events_fit_their_classes(faults_of_events: list[str]) -> Iterator[None]:
    """Fails the test in which an event was published that does not fit its class."""
    yield
    found = sorted(set(faults_of_events))
    faults_of_events.clear()
    assert found == [], "events that don't fit their classes"


@pytest.fixture(scope="session", autouse=True)
def patience_with_the_engines() -> Iterator[None]:
    """Nodes of the tests give them the time that they need on a machine which does other things as well."""
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("db.pulse.STALL_SECONDS", "db.pulse.PROBE_SECONDS", "db.pool.CONNECT_SECONDS"):
            patch.setattr(f"server.{limit}", PATIENCE)
        patch.setattr("server.access.rates.PATIENCE_SECONDS", PATIENCE)
        yield


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[PasswordHasher]:
    """Hashes and refusals that cost next to nothing, else they took half of the tests' time; gives the real ones."""
    real = passwords._argon2
    passwords._argon2 = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(login_service, "REFUSED_EVERY", 0.001)
        yield real
    passwords._argon2 = real


@pytest.fixture
def real_passwords(cheap_passwords: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost what they are to cost."""
    monkeypatch.setattr(passwords, "_argon2", cheap_passwords)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def two_nodes(
    database: str, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[TestNode, TestNode]]:
    """Two nodes over one database, one Redis and one store of files, shared by all tests of this process."""
    files = tmp_path_factory.mktemp("files")
    async with (
        start_node(database, redis_server.url, files) as first,
        start_node(database, redis_server.url, files) as second,
    ):
        yield first, second


@pytest.fixture(scope="session")
def node(two_nodes: tuple[TestNode, TestNode]) -> TestNode:
    """The first of the nodes."""
    return two_nodes[0]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def make(node: TestNode) -> Make:
    """Builds users, teams and channels; its `admin` is the first user of the database."""
    made = Make(node)
    await made.sign_up_admin()
    return made


@pytest.fixture
def admin(make: Make) -> Person:
    """The system administrator."""
    return make.admin


@pytest.fixture(scope="session")
def client(two_nodes: tuple[TestNode, TestNode]) -> Callable[..., Client]:
    """`client(user)` speaks REST as that user, `client()` as a stranger; `node=1` goes to the other node."""

    def open_client(user: Person | None = None, *, node: int = 0) -> Client:
        return two_nodes[node].client(user.token if user else "")

    return open_client


@pytest_asyncio.fixture
async def socket(two_nodes: tuple[TestNode, TestNode]) -> AsyncIterator[Callable[..., Any]]:
    """`async with socket(user) as events:` is a signed-in WebSocket; `node=1` connects to the other node."""

    def connect(user: Person, *, node: int = 0, query: str = "") -> Any:
        return Socket.open(two_nodes[node], user.token, query)

    yield connect


@pytest_asyncio.fixture
async def no_doubts(two_nodes: tuple[TestNode, TestNode], node: TestNode) -> None:
    """The nodes have forgotten what they must for something that an earlier test cut off, or for a node that it killed:
    they keep what they load.
    """

    async def is_in_doubt() -> object:
        return any(each.is_in_doubt for each in two_nodes) or await node.services.bus.pledges._silent()

    if await is_in_doubt():
        await until_gone(is_in_doubt)
        for each in two_nodes:
            await each.services.bus.command("PING")  # what it tells has left it before
        for each in two_nodes:
            await each.services.bus.fence()


@pytest_asyncio.fixture
async def counted(no_doubts: None, node: TestNode) -> Callable[..., Any]:
    """`with counted(sql=1):` fails unless the first node runs exactly so many statements in the block."""

    @contextlib.contextmanager
    def count(*, sql: int) -> Iterator[None]:
        before = node.statements
        yield
        ran = node.statements - before
        assert ran == sql, f"{ran} statements instead of {sql}: {node.last_statements(ran)}"

    return count


@pytest_asyncio.fixture
async def stored_settings_read(two_nodes: tuple[TestNode, TestNode]) -> None:
    """What an earlier test has stored of settings is known: read later, it would undo what the test changes."""
    for each in two_nodes:
        await each.has_read_settings()


@pytest.fixture
def settings(two_nodes: tuple[TestNode, TestNode], stored_settings_read: None) -> Iterator[Callable[..., None]]:
    """`settings(TeamSettings={"MaxUsersPerTeam": 3})` changes the settings of both nodes until the test ends."""
    before = [each.settings for each in two_nodes]

    def change(**sections: dict[str, Any]) -> None:
        for each in two_nodes:
            each.change_settings(sections)

    yield change
    for each, settings in zip(two_nodes, before, strict=True):
        each.take_back_settings(settings)
