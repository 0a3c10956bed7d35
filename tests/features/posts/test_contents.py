"""How many pinned posts and files a channel has: right on every node as soon as a change was answered."""

from typing import Any

import pytest

from server.features.posts.unpublished import Unpublished
from tests.features.files.uploading import Uploads
from tests.features.posts.world import Clients, Nodes, Settings, World
from tests.make import Make, Thing


class Stats:
    """What both nodes say of a channel, who remember it from before."""

    def __init__(self, client: Clients, world: World, channel: Thing) -> None:
        self._nodes = [client(world.ada, node=node) for node in (0, 1)]
        self._path = f"/channels/{channel.id}/stats"

    async def __call__(self) -> tuple[int, int]:
        """Pinned posts and files."""
        one, other = [(await node.get(self._path)).ok() for node in self._nodes]
        assert one == other
        return one["pinnedpost_count"], one["files_count"]


async def written(client: Clients, make: Make, world: World, count: int = 1, **more: Any) -> dict[str, Any]:
    files = await Uploads(client)(world.ada, world.town, *((f"{number}.txt", b"text") for number in range(count)))
    return await make.post(world.ada, world.town, "with files", file_ids=[file["id"] for file in files], **more)


async def test_pins_and_files_are_counted_at_once(
    client: Clients, make: Make, world: World, settings: Settings
) -> None:
    stats = Stats(client, world, world.town)
    assert await stats() == (0, 0)
    first = await written(client, make, world, 2)
    assert await stats() == (0, 2)
    for change, expected in (("pin", (1, 2)), ("unpin", (0, 2)), ("pin", (1, 2))):
        (await client(world.bob, node=1).post(f"/posts/{first['id']}/{change}")).ok()
        assert await stats() == expected
    patched = {"file_ids": first["file_ids"][:1], "is_pinned": False}
    edited = (await client(world.ada).put(f"/posts/{first['id']}/patch", patched)).ok()
    assert await stats() == (0, 1)
    (version, *_) = (await client(world.ada).get(f"/posts/{first['id']}/edit_history")).ok()
    (await client(world.ada, node=1).post(f"/posts/{edited['id']}/restore/{version['id']}")).ok()
    assert await stats() == (0, 2)
    await make.post(world.ada, world.town, "pinned", is_pinned=True)
    assert await stats() == (1, 2)
    root = await make.post(world.ada, world.town, "a thread")
    await written(client, make, world, root_id=root["id"])
    assert await stats() == (1, 3)
    (await client(world.ada).delete(f"/posts/{root['id']}")).ok()
    assert await stats() == (1, 2)
    settings(ServiceSettings={"EnableAPIPostDeletion": True})
    (await client(make.admin, node=1).delete(f"/posts/{first['id']}?permanent=true")).ok()
    assert await stats() == (1, 0)


async def test_a_moved_thread_takes_its_files_and_pins_along(
    client: Clients, make: Make, world: World, settings: Settings
) -> None:
    settings(FeatureFlags={"MoveThreadsEnabled": True})
    target = await make.channel(world.team, members=[world.ada, world.bob])
    here, there = Stats(client, world, world.town), Stats(client, world, target)
    root = await written(client, make, world, is_pinned=True)
    assert (await here(), await there()) == ((1, 1), (0, 0))
    (await client(make.admin).post(f"/channels/{target.id}/members", {"user_id": make.admin.id})).ok(201)
    (await client(make.admin, node=1).post(f"/posts/{root['id']}/move", {"channel_id": target.id})).ok()
    assert (await here(), await there()) == ((0, 0), (1, 1))


async def test_what_a_dead_node_stored_is_counted_when_it_comes_to_light(
    client: Clients, make: Make, world: World, two_nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats = Stats(client, world, world.town)
    assert await stats() == (0, 0)

    async def no_sweep(unpublished: Unpublished, ctx: object) -> int:
        return 0  # it would bring it to light as well

    async def dies(messages: object, pledge: int = 0) -> bool:
        return True

    monkeypatch.setattr(Unpublished, "sweep", no_sweep)
    with monkeypatch.context() as patch:
        patch.setattr(two_nodes[0].services.bus, "publish", dies)
        await written(client, make, world, is_pinned=True)
    assert (await client(world.ada, node=1).get(f"/channels/{world.town.id}/stats")).ok()["files_count"] == 0
    await make.post(world.bob, world.town, "the next one")
    assert await stats() == (1, 1)
