"""Times that are ahead of the clock: another node's may be, and posts may come faster than milliseconds."""

from server.db import SQL
from server.ids import now_ms
from tests.features.posts.world import Clients, Nodes, World
from tests.make import Make

AHEAD = SQL("UPDATE channels SET last_post_at = last_post_at + 60000 WHERE id = $1")


async def test_who_begins_to_follow_has_read_all_of_the_thread(
    client: Clients, make: Make, world: World, two_nodes: Nodes
) -> None:
    root = await make.post(world.ada, world.town, "root")
    await make.join_channel(world.town, world.carol)
    await two_nodes[0].services.db.run(AHEAD, world.town.id)
    reply = await make.post(world.bob, world.town, "one", root_id=root["id"])
    assert reply["create_at"] > now_ms()
    thread = f"/users/me/teams/{world.team.id}/threads/{root['id']}"

    (await client(world.carol).put(f"{thread}/following")).ok()

    assert (await client(world.carol).get(thread)).ok()["unread_replies"] == 0
