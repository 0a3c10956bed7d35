"""What clients ask for at their start of features that are not there yet."""

from collections.abc import Callable

from server.ids import new_id
from tests.clients_of import Client
from tests.make import Make

Clients = Callable[..., Client]


async def test_there_are_no_plugins_and_no_notices(make: Make, client: Clients) -> None:
    ada = await make.user()

    assert (await client().get("/plugins/webapp")).ok() == []
    assert (await client(ada).get(f"/system/notices/{new_id()}?clientVersion=11&client=web&locale=en")).ok() == []
