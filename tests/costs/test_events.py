"""What an event costs on its way to many: it is encoded once for each form, and written once for each socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
import pytest_asyncio

from server.bus.envelope import Envelope, seal, unseal
from server.bus.event import Event
from server.bus.publisher import Publisher
from server.bus.scripts import HEADER
from server.bus.signals import Signal
from tests.costs.calls import World
from tests.costs.crowd import make_crowd
from tests.costs.metering import Meter, let_go
from tests.costs.tallying import encodings
from tests.costs.wires import Wire, open_wires, upgrade
from tests.gateway.events import in_channel
from tests.make import Person, Thing

FORMS: tuple[dict[str, Any], ...] = ({}, {"query": "?format=msgpack"}, {"deflate": True})
"""How clients want their events: JSON, msgpack, deflated JSON."""
EVENTS = 6

Trigger = Callable[[World, Thing, Person], Awaitable[object]]

TRIGGERS: dict[str, Trigger] = {}
"""By the name of the event that they cause in a channel, and that someone in it is mentioned in."""

COSTS = {
    "posted": {"to JSON": 3, "to msgpack": 3, "from msgpack": 1, "from JSON": 5, "compressed": 2},
    "typing": {"to JSON": 2, "to msgpack": 2, "from msgpack": 1, "from JSON": 1, "compressed": 1},
    "post_edited": {"to JSON": 3, "to msgpack": 2, "from msgpack": 1, "from JSON": 2, "compressed": 1},
    "reaction_added": {"to JSON": 3, "to msgpack": 2, "from msgpack": 1, "from JSON": 2, "compressed": 1},
    "user_updated": {"to JSON": 6, "to msgpack": 5, "from msgpack": 7, "from JSON": 1, "compressed": 1},
    "status_change": {"to JSON": 2, "to msgpack": 3, "from msgpack": 5, "from JSON": 1},
}
"""What is encoded for one event, however many get it, with the signals that go with it. Of a post: itself, `data` and
`broadcast` to JSON and all that to msgpack for the bus, from msgpack once a node; then for those who want it that way
from JSON (the frame, the post, the mentions) to msgpack, and compressed, both once more for who is mentioned."""


def trigger(name: str) -> Callable[[Trigger], Trigger]:
    def register(cause: Trigger) -> Trigger:
        TRIGGERS[name] = cause
        return cause

    return register


@trigger("posted")
async def post(w: World, channel: Thing, mentioned: Person) -> object:
    return await w.make.post(w.ada, channel, f"hey @{mentioned.username} " + "and what follows " * 20)


@trigger("typing")
async def typing(w: World, channel: Thing, mentioned: Person) -> object:
    return (await w.client().post(f"/users/{w.ada.id}/typing", {"channel_id": channel.id})).ok()


@trigger("post_edited")
async def edit(w: World, channel: Thing, mentioned: Person) -> object:
    return (await w.client().put(f"/posts/{w.values['mine']}/patch", {"message": "edited " * 40})).ok()


@trigger("reaction_added")
async def react(w: World, channel: Thing, mentioned: Person) -> object:
    reaction = {"user_id": w.ada.id, "post_id": w.values["mine"], "emoji_name": "tada"}
    return (await w.client().post("/reactions", reaction)).ok()


@trigger("user_updated")
async def rename(w: World, channel: Thing, mentioned: Person) -> object:
    return (await w.client().put("/users/me/patch", {"nickname": f"Ada {next(w.numbers)}"})).ok()


@trigger("status_change")
async def choose(w: World, channel: Thing, mentioned: Person) -> object:
    chosen = {"user_id": mentioned.id, "status": "dnd"}
    return (await w.client(mentioned).put(f"/users/{mentioned.id}/status", chosen)).ok()


@pytest.fixture(autouse=True)
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events are not encoded once more to look at them."""
    monkeypatch.setattr("tests.conftest.event_faults", lambda event: [])


@pytest_asyncio.fixture(autouse=True)
async def alone(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Other nodes of this process wait with what they have to tell, like who went offline: it would be counted, too."""
    own = [node.services.bus.publisher for node in (world.node, world.other)]
    over, publish = asyncio.Event(), Publisher.publish

    async def held(publisher: Publisher, messages: Sequence[Event | Signal], *then: Any) -> bool:
        if publisher not in own:
            await over.wait()
        return await publish(publisher, messages, *then)

    monkeypatch.setattr(Publisher, "publish", held)
    yield
    over.set()


async def crowded(w: World, meter: Meter, each: int) -> tuple[Thing, list[Person], list[Wire]]:
    """A channel with so many people, of whom everyone has a socket of each form; the first has one that mentions."""
    await let_go(w.other)
    pattern = await w.make.user()
    await w.make.join_team(w.team, pattern)
    channel = await w.make.channel(w.team, members=[w.ada, pattern])
    people = await make_crowd(w.node, pattern, each)
    meter.forget()
    wires = [(Wire(), upgrade(person.token, **form)) for person in people for form in FORMS]
    await open_wires(w.node.node.gateway, wires)
    return channel, people, [wire for wire, _ in wires]


async def test_an_event_is_encoded_once_for_each_form_however_many_get_it(world: World, meter: Meter) -> None:
    few = await encoded(world, meter, 2)
    many = await encoded(world, meter, 12)

    assert few == many, "the more sockets, the more is encoded"
    assert few == COSTS


async def encoded(w: World, meter: Meter, each: int) -> dict[str, dict[str, int]]:
    """What is encoded for each of the events where so many people have three sockets each."""
    channel, people, wires = await crowded(w, meter, each)
    w.values["mine"] = (await w.make.post(w.ada, channel, "mine"))["id"]
    (await w.client().post("/users/status/ids", [w.ada.id, people[0].id])).ok()
    costs = {}
    for name, cause in TRIGGERS.items():
        await all_quiet(w, meter)
        reached = wires[: len(FORMS)] if name == "status_change" else wires
        before = [wire.writes for wire in reached]
        with encodings() as counts:
            await cause(w, channel, people[0])
            await all_quiet(w, meter)
        assert all(wire.writes > writes for wire, writes in zip(reached, before, strict=True)), f"{name} got lost"
        costs[name] = dict(counts)
    for wire in wires:
        wire.close()
    return costs


async def all_quiet(w: World, meter: Meter) -> None:
    """Wait until both nodes have heard of everything, for what either of them decodes is counted."""
    await meter.quiet()
    await w.other.services.bus.fence()


async def test_a_socket_is_written_to_once_for_all_that_comes_within_a_tick(
    world: World, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, _, wires = await crowded(world, meter, 5)
    hub = world.node.node.gateway.hub
    await meter.quiet()
    monkeypatch.setattr("server.gateway.hub.TICK_SECONDS", 60.0)

    def arrive(number: int) -> list[int]:
        """What each socket is written when an event comes alone."""
        before = [wire.writes for wire in wires]
        topic = f"channel:{channel.id}"
        hub.event(topic, sealed(in_channel(number, channel.id), number))
        hub.batch_ended()
        return [wire.writes - writes for wire, writes in zip(wires, before, strict=True)]

    at_once = arrive(1)
    before = [wire.writes for wire in wires]
    gathered = [arrive(number) for number in range(2, 2 + EVENTS)]
    assert hub._round is not None
    hub._round.cancel()
    hub._write_round()  # now the tick ends
    hub._next_round = 0.0
    later = [wire.writes - writes for wire, writes in zip(wires, before, strict=True)]

    assert at_once == [1] * len(wires), "while it is quiet, an event is written at once, in one write"
    assert gathered == [[0] * len(wires)] * EVENTS, "under load, nothing is written before the tick ends"
    assert later == [1] * len(wires), f"the {EVENTS} events of a tick are not one write"
    plain = wires[0].written[-1]
    assert [b'"text":"%d"' % number in plain for number in range(1, 3 + EVENTS)] == [
        False,
        *[True] * EVENTS,
        False,
    ]
    for wire in wires:
        wire.close()


async def test_events_that_are_published_together_are_written_together(world: World, meter: Meter) -> None:
    """Over Redis and back: what comes in one read is one write."""
    channel, _, wires = await crowded(world, meter, 5)
    await meter.quiet()
    before = [wire.writes for wire in wires]
    events = [in_channel(number, channel.id) for number in range(EVENTS)]

    await world.other.services.bus.publish(events)
    await meter.quiet()

    assert [wire.writes - writes for wire, writes in zip(wires, before, strict=True)] == [1] * len(wires)
    for wire in wires:
        wire.close()


def sealed(event: Event, position: int) -> Envelope:
    """An event as it arrives from the bus."""
    _, payload, _ = seal(event)
    envelope = unseal(HEADER.pack(b"12345678", position, 0) + payload)
    assert isinstance(envelope, Envelope)
    return envelope
