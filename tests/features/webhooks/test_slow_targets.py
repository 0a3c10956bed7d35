"""Programs that don't answer: they are left alone for a while, and hooks of others are called meanwhile."""

import pytest

from server.db import SQL
from server.features.webhooks import slow_targets
from server.features.webhooks.slow_targets import SlowTargets
from tests.features.webhooks.world import Settings, World
from tests.make import Make
from tests.nodes import TestNode
from tests.receiver import Receiver
from tests.waiting import until_gone

URL, OTHER = "http://slow.example.org/a", "http://other.example.org/"

WAITING = SQL("SELECT count(*) FROM jobs WHERE name = 'call_outgoing_webhook' AND payload ->> 'post_id' = $1")


def test_who_is_late_several_times_is_left_alone_and_then_tried_once() -> None:
    now = [100.0]
    targets = SlowTargets(lambda: now[0])
    targets.was_late(URL)
    targets.was_late(URL)
    assert not targets.rests(URL)
    targets.was_late(URL.replace("/a", "/b"))
    assert (targets.rests(URL), targets.rests(OTHER)) == (True, False)

    now[0] += slow_targets.PAUSE
    assert [targets.rests(URL) for _ in range(3)] == [False, True, True]
    targets.was_late(URL)
    assert targets.rests(URL)
    now[0] += slow_targets.PAUSE
    assert not targets.rests(URL)
    targets.answered(URL)
    assert not any(targets.rests(URL) for _ in range(3))


def test_not_all_who_were_ever_late_are_remembered() -> None:
    targets = SlowTargets()
    for number in range(slow_targets.MOST + 10):
        targets.was_late(f"http://{number}.example.org/")

    assert len(targets._slow) == slow_targets.MOST


@pytest.mark.usefixtures("reachable")
async def test_many_calls_of_a_program_that_hangs_end_soon(
    world: World, make: Make, node: TestNode, receiver: Receiver, settings: Settings
) -> None:
    settings(
        ServiceSettings={"OutgoingIntegrationRequestsTimeout": 1, "AllowedUntrustedInternalConnections": "127.0.0.1"}
    )
    receiver.answer(hangs=True)
    for number in range(2):
        urls = [f"{receiver.url}/{number}?{place}" for place in range(25)]
        await world.outgoing("go", url=urls[0], callback_urls=urls)
    post = await make.post(world.bob, world.town, "go")

    await until_gone(lambda: node.services.db.value(WAITING, post["id"]))

    assert len(receiver.requests) < 40  # of fifty: what was under way, and no more
