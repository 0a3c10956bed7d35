"""Ending the sessions of all users at once, on a service of its own since nobody is left in."""

from pathlib import Path

from server.engines.redis import Redis
from tests.clients_of import Socket
from tests.make import Make
from tests.nodes import start_node


async def test_all_sessions_of_all_users_end_on_all_nodes(
    fresh_database: str, redis_server: Redis, tmp_path: Path
) -> None:
    redis = f"{redis_server.url}?db=7"
    async with start_node(fresh_database, redis, tmp_path) as one, start_node(fresh_database, redis, tmp_path) as two:
        make = Make(one)
        await make.sign_up_admin()
        ada, bob = await make.users(2)
        one.change_settings({"ServiceSettings": {"EnableBotAccountCreation": True}})
        bot = (await one.client(make.admin.token).post("/bots", {"username": "robot"})).ok(201)["user_id"]
        token = (await one.client(make.admin.token).post(f"/users/{bot}/tokens", {"description": "x"})).ok()["token"]
        assert (await two.client(bob.token).get("/users/me")).status == 200

        assert (await one.client(ada.token).post("/users/sessions/revoke/all")).status == 403
        async with Socket.open(two, ada.token) as far, Socket.open(one, bob.token) as near:
            (await one.client(make.admin.token).post("/users/sessions/revoke/all")).ok()
            await far.connection.wait_closed()
            await near.connection.wait_closed()

        for node in (one, two):
            for person in (ada, bob, make.admin):
                assert (await node.client(person.token).get("/users/me")).status == 401
            assert (await node.client(token).get("/users/me")).ok()["id"] == bot
        again = await make.login({"id": ada.id, "username": ada.username, "email": ada.email})
        assert (await two.client(again.token).get("/users/me")).ok()["id"] == ada.id
