"""Secrets stay secret: not in logs at their loudest, not in metrics, not in refusals, not in the database."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
from msgspec import Struct

from server.engines.redis import Redis
from tests.clients_of import Client, Reply
from tests.engines import Databases
from tests.make import PASSWORD
from tests.processes import NodeProcess
from tests.receiver import Receiver
from tests.security.dumps import readable_in
from tests.security.secret_world import SETTINGS, Secrets, live
from tests.smtp import mail_server

MESSAGE = "Xanthippe told the secret of the whole message"
NEW_PASSWORD = "Kalliope-0815-secret"


@pytest.fixture(scope="module")
def loud(
    databases: Databases, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[NodeProcess, str]]:
    """A node of its own that logs everything, and the DSN of its database."""
    log: Path = tmp_path_factory.mktemp("loud") / "node.log"
    dsn = databases.fresh()
    node = NodeProcess(
        dsn,
        f"{redis_server.url}?db=6",
        log,
        MM_LOGSETTINGS_CONSOLELEVEL="DEBUG",
        MM_METRICSSETTINGS_ENABLE="true",
        MM_SERVICESETTINGS_ENABLEEMAILINVITATIONS="true",
    )
    try:
        node.wait_until_up()
        yield node, dsn
    finally:
        node.stop()


class Outside(Struct):
    """A node of another process, for those who build worlds."""

    http: httpx.AsyncClient

    def client(self, token: str = "") -> Client:
        """A REST client."""
        return Client(self.http, token)


async def test_what_lets_somebody_in_is_not_in_logs_and_measures(
    databases: Databases, redis_server: Redis, tmp_path: Path, receiver: Receiver
) -> None:
    async with mail_server() as mails:
        settings = {**SETTINGS, "MM_EMAILSETTINGS_SMTPPORT": str(mails.port)}
        loud = {"MM_LOGSETTINGS_CONSOLELEVEL": "DEBUG", "MM_METRICSSETTINGS_ENABLE": "true"}
        node = NodeProcess(databases.fresh(), f"{redis_server.url}?db=7", tmp_path / "node.log", **settings, **loud)
        try:
            await asyncio.to_thread(node.wait_until_up)
            async with httpx.AsyncClient(base_url=node.url, timeout=30) as http:
                outside = Outside(http)
                secrets = await live(outside, mails, receiver)
                statuses = [reply.status for reply in await refused(outside, secrets)]
            measured = await asyncio.to_thread(measures_of, node)
        finally:
            code = await asyncio.to_thread(node.stop)
    logged = node.log.read_text(errors="replace")

    assert code == 0
    assert "node stopped" in logged
    assert "hubbub_" in measured
    assert len(secrets.known) == 25
    assert min(statuses) >= 400
    assert readable_in(logged, secrets.known) == []
    assert readable_in(measured, secrets.known) == []


async def refused(outside: Outside, secrets: Secrets) -> list[Reply]:
    """Every secret where it does not belong, a little wrong, and where it fails."""
    stranger = outside.client()
    asked = []
    for secret in secrets.known.values():
        asked += [
            stranger.get(f"/users/me?access_token={secret}x"),
            outside.client(f"{secret}x").get("/users/me"),
            stranger.post(f"//hooks/{secret}x", {"text": secret}),
            stranger.post(f"//hooks/commands/{secret}x", {"text": secret}),
            stranger.get(f"/teams/invite/{secret}x"),
            stranger.get(f"/nothing/{secret}"),
            stranger.post("/users/login", {"login_id": "ada1", "password": f"{secret}x", "token": secret}),
            stranger.post("/users/password/reset", {"token": secret, "new_password": "x"}),
            stranger.post("/users/email/verify", {"token": f"{secret}x"}),
            stranger.request("POST", "//oauth/access_token", data={"code": secret, "client_secret": secret}),
            stranger.request("POST", "/users/login", f'{{"password": "{secret}'.encode()),
        ]
    replies = await asyncio.gather(*asked)
    for reply in replies:
        assert readable_in(reply.text, secrets.known) == [], reply
    return replies


def measures_of(node: NodeProcess) -> str:
    """What the node tells Prometheus."""
    listening = [each for each in psutil.Process(node.pid).net_connections("tcp") if each.status == "LISTEN"]
    ports = {each.laddr.port for each in listening} - {node.port}
    return "".join(httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text for port in ports)


async def _rows_with(dsn: str, *words: str) -> list[str]:
    """The tables that hold one of the words anywhere."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [
            f"{name}: {word}"
            for (name,) in tables
            for word in words
            if await connection.fetchval(f"SELECT count(*) FROM {name} AS row WHERE strpos(row::text, $1) > 0", word)
        ]
    finally:
        await connection.close()


def test_a_day_of_a_user_leaves_no_secret_behind(loud: tuple[NodeProcess, str]) -> None:
    node, dsn = loud
    secrets = {PASSWORD, NEW_PASSWORD, MESSAGE}
    refusals = []
    with httpx.Client(base_url=f"{node.url}/api/v4", timeout=30) as http:
        account = {"username": "ada", "email": "ada@example.org", "password": PASSWORD}
        user = http.post("/users", json=account).json()
        signed_in = http.post(
            "/users/login",
            json={"login_id": "ada", "password": PASSWORD},
            headers={"X-Requested-With": "XMLHttpRequest"},
        )
        token, csrf = signed_in.headers["token"], signed_in.cookies["MMCSRF"]
        secrets |= {token, csrf}
        http.cookies.clear()
        http.headers["Authorization"] = f"Bearer {token}"
        team = http.post("/teams", json={"name": "muses", "display_name": "Muses", "type": "O"}).json()
        channels = http.get(f"/users/me/teams/{team['id']}/channels").json()
        post = {"channel_id": channels[0]["id"], "message": MESSAGE, "props": {"note": MESSAGE}}
        made = http.post("/posts", json=post)
        assert made.status_code == 201
        http.put(f"/posts/{made.json()['id']}/patch", json={"message": f"{MESSAGE} again"})
        http.post("/users/password/reset/send", json={"email": "ada@example.org"})
        http.post(f"/teams/{team['id']}/invite/email", json=["guest@example.org"])
        change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        assert http.put("/users/me/password", json=change).status_code == 200
        refusals += [
            http.post("/users/login", json={"login_id": "ada", "password": f"{NEW_PASSWORD}!"}),
            http.post("/users/login", json={"login_id": "ada", "password": {"a": NEW_PASSWORD}}),
            http.post("/users/password/reset", json={"token": token * 2, "new_password": "x"}),
            http.post("/users/email/verify", json={"token": token}),
            http.get(f"/users/me?access_token={token}", headers={"Authorization": ""}),
            http.get("/users/me", headers={"Authorization": f"Bearer {csrf}"}),
            http.post("/posts", json={"channel_id": "x", "message": MESSAGE, "root_id": [MESSAGE]}),
            http.post("/posts", content=f'{{"message": "{MESSAGE}'),
            http.post("/users", json={**account, "password": NEW_PASSWORD, "username": "Ada!"}),
        ]
    logged = node.log.read_text(errors="replace")
    measured = measures_of(node)
    stored = asyncio.run(_rows_with(dsn, token, PASSWORD, NEW_PASSWORD))

    assert "node started" in logged
    assert stored == []
    assert user["roles"] == "system_admin system_user"
    assert "hubbub_" in measured
    for secret in secrets:
        assert secret not in logged
        assert secret not in measured
        for reply in refusals:
            assert reply.status_code >= 400
            assert secret not in reply.text, reply.text
    assert user["id"] not in measured
    assert re.search(r"argon2|\$2[aby]\$", logged) is None
