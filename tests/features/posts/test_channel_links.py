"""Posts that speak of channels as ~name: what clients need to turn that into links."""

from tests.features.posts.world import Clients, World
from tests.make import Make


async def test_an_edit_names_them_anew(client: Clients, make: Make, world: World) -> None:
    post = await make.post(world.ada, world.town, f"~{world.town.name}")
    path = f"/posts/{post['id']}/patch"

    pinned = (await client(world.ada).put(path, {"props": {"mine": "x"}})).ok()
    without = (await client(world.ada).put(path, {"message": "nothing"})).ok()
    again = (await client(world.ada).put(path, {"message": "~town-square"})).ok()

    assert set(pinned["props"]) == {"mine", "channel_mentions"}
    assert without["props"] == {"mine": "x"}
    assert set(again["props"]["channel_mentions"]) == {"town-square"}
