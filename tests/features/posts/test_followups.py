"""Jobs that a new post causes: stored with it in one statement, or not at all."""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from server.context import Context
from server.db import SQL
from server.features.posts import followups
from server.features.posts.followups import Upcoming
from server.ids import new_id
from server.jobs.job import CHANNEL, Job
from tests.features.posts.world import Clients, Counted, Nodes, Settings, World
from tests.make import Make
from tests.waiting import PATIENCE

WAITING = SQL("SELECT payload FROM jobs WHERE name = 'look_at_post' AND payload->>'post_id' = $1")


class LookAtPost(Job, frozen=True, kw_only=True):
    """A job that no handler takes."""

    name: ClassVar[str] = "look_at_post"

    post_id: str
    note: str = ""
    once: str = ""

    @property
    def key(self) -> str:
        return self.once


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Upcoming]:
    """Two jobs for each post that says "look", and what the planner saw."""
    seen: list[Upcoming] = []

    async def planner(ctx: Context, upcoming: Upcoming) -> Sequence[Job]:
        seen.append(upcoming)
        if "look" not in upcoming.message:
            return ()
        key = "look:once" if "once" in upcoming.message else ""
        return [LookAtPost(post_id=upcoming.id, note="ö \\u0000'", once=key), LookAtPost(post_id=upcoming.id)]

    monkeypatch.setattr(followups, "FOLLOWUPS", [planner])
    return seen


async def jobs_of(nodes: Nodes, post_id: str) -> list[Any]:
    payloads = [row[0] for row in await nodes[0].services.db.rows(WAITING, post_id)]
    return sorted(payloads, key=lambda payload: -len(payload["note"]))


@pytest.mark.usefixtures("planned")
async def test_jobs_are_stored_by_the_statement_of_the_post(
    client: Clients, counted: Counted, make: Make, settings: Settings, two_nodes: Nodes, world: World
) -> None:
    settings(JobSettings={"RunJobs": False})  # nobody looks for jobs while statements are counted
    await make.post(world.ada, world.town, "warm")
    with counted(sql=1):
        post = (await client(world.ada).post("/posts", {"channel_id": world.town.id, "message": "look"})).ok(201)
    quiet = await make.post(world.ada, world.town, "nothing to see")
    reply = await make.post(world.ada, world.town, "look again", root_id=post["id"])

    first = {"post_id": post["id"], "note": "ö \\u0000'", "once": ""}
    assert await jobs_of(two_nodes, post["id"]) == [first, {**first, "note": ""}]
    assert await jobs_of(two_nodes, quiet["id"]) == []
    assert len(await jobs_of(two_nodes, reply["id"])) == 2


async def test_planners_see_whom_a_post_calls(make: Make, world: World, planned: list[Upcoming]) -> None:
    post = await make.post(world.ada, world.town, f"hi @{world.bob.username}")

    upcoming = planned[-1]
    assert (upcoming.id, upcoming.channel.id, upcoming.user_id) == (post["id"], world.town.id, world.ada.id)
    assert list(upcoming.mentioned) == [world.bob.id]
    assert not upcoming.is_bot
    assert not upcoming.from_webhook


@pytest.mark.usefixtures("planned")
async def test_a_post_that_is_refused_or_repeated_causes_nothing(
    client: Clients, make: Make, two_nodes: Nodes, world: World
) -> None:
    body = {"channel_id": world.town.id, "message": "look", "pending_post_id": f"{world.ada.id}:{new_id()}"}
    first = (await client(world.ada).post("/posts", body)).ok(201)
    again = (await client(world.ada, node=1).post("/posts", body)).ok(201)
    before = await two_nodes[0].services.db.value(SQL("SELECT count(*) FROM jobs WHERE name = 'look_at_post'"))
    refused = await client(world.ada).post(
        "/posts", {"channel_id": world.town.id, "message": "look", "root_id": new_id()}
    )

    assert first["id"] == again["id"]
    assert len(await jobs_of(two_nodes, first["id"])) == 2
    assert refused.status == 400
    after = await two_nodes[0].services.db.value(SQL("SELECT count(*) FROM jobs WHERE name = 'look_at_post'"))
    assert after == before


@pytest.mark.usefixtures("planned")
async def test_a_job_takes_the_place_of_one_of_its_key_that_waits_and_nodes_hear_of_it(
    make: Make, two_nodes: Nodes, world: World
) -> None:
    await two_nodes[0].services.db.run(SQL("DELETE FROM jobs WHERE key = 'look:once'"))
    heard = asyncio.Event()
    connection = await two_nodes[0].services.db.connect()
    await connection.add_listener(CHANNEL, lambda *_: heard.set())
    try:
        first = await make.post(world.ada, world.town, "look once")
        second = await make.post(world.ada, world.town, "look once more")
        await asyncio.wait_for(heard.wait(), PATIENCE)
    finally:
        await connection.close()

    assert [each["once"] for each in await jobs_of(two_nodes, first["id"])] == [""]
    assert [each["once"] for each in await jobs_of(two_nodes, second["id"])] == ["look:once", ""]


@pytest.mark.usefixtures("planned")
async def test_posts_of_one_group_may_cause_the_same_job(make: Make, two_nodes: Nodes, world: World) -> None:
    posts = await asyncio.gather(*(make.post(world.ada, world.town, f"look once, {number}") for number in range(12)))

    jobs = [each for post in posts for each in await jobs_of(two_nodes, post["id"])]
    assert sorted(each["once"] for each in jobs) == [""] * 12 + ["look:once"]
