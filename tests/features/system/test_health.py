"""Ping, health, metrics and time zones."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from server import __version__
from server.db import Pool
from server.errors import Busy
from server.features.system.measures import node_registry
from server.features.system.metrics_port import MetricsPort
from tests.clients_of import Client
from tests.make import Make, Person
from tests.waiting import PATIENCE, until_gone

Clients = Callable[..., Client]

NOWHERE = {
    "AmazonS3Endpoint": "127.0.0.1:1",
    "AmazonS3SSL": False,
    "AmazonS3AccessKeyId": "key",
    "AmazonS3SecretAccessKey": "secret",
}


@pytest.fixture
def database_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement on a pool is answered."""

    async def refuse(self: Pool, *args: object) -> Any:
        raise Busy("api.context.server_busy.app_error")

    monkeypatch.setattr(Pool, "_fetch", refuse)


async def test_ping_answers_anybody(client: Clients) -> None:
    ping = (await client().get("/system/ping")).ok()

    assert ping == {
        "AndroidLatestVersion": "",
        "AndroidMinVersion": "",
        "IosLatestVersion": "",
        "IosMinVersion": "",
        "ActiveSearchBackend": "database",
        "status": "OK",
    }


async def test_ping_looks_deeper_when_asked(admin: Person, client: Clients) -> None:
    stranger = (await client().get("/system/ping?get_server_status=true&device_id=apple:1")).ok()
    known = (await client(admin).get("/system/ping?get_server_status=true")).ok()

    assert stranger["database_status"] == "OK"
    assert stranger["filestore_status"] == "OK"
    assert stranger["CanReceiveNotifications"] == "false"
    assert "root_status" not in stranger
    assert isinstance(known["root_status"], bool)


@pytest.mark.usefixtures("database_away")
async def test_ping_tells_of_an_absent_database(client: Clients) -> None:
    failed = await client().get("/system/ping?get_server_status=true")
    told = await client().get("/system/ping?get_server_status=true&use_rest_semantics=true")

    assert failed.status == 500
    assert failed.json["status"] == "UNHEALTHY"
    assert failed.json["database_status"] == "UNHEALTHY"
    assert told.ok() == failed.json
    assert (await client().get("/system/ping")).ok()["status"] == "OK"


@pytest.mark.parametrize("bucket", [False, True], ids=["directory", "bucket"])
async def test_ping_tells_of_a_file_store_that_is_not_there(
    client: Clients, settings: Callable[..., None], tmp_path: Any, bucket: bool
) -> None:
    if bucket:
        settings(FileSettings={"DriverName": "amazons3", "AmazonS3Bucket": "none", **NOWHERE})
    else:
        (tmp_path / "file").write_text("in the way")
        settings(FileSettings={"Directory": str(tmp_path / "file" / "data")})

    told = (await client().get("/system/ping?get_server_status=true&use_rest_semantics=true")).ok()

    assert told["filestore_status"] == "UNHEALTHY"
    assert told["database_status"] == "OK"


async def test_a_node_is_live_and_ready(client: Clients) -> None:
    assert (await client().get("//health/live")).ok() == {"status": "OK"}
    assert (await client().get("//health/ready")).ok() == {"status": "OK", "database": "OK", "bus": "OK"}


@pytest.mark.usefixtures("database_away")
async def test_without_database_a_node_is_live_but_not_ready(client: Clients) -> None:
    assert (await client().get("//health/live")).status == 200
    ready = await client().get("//health/ready")
    assert ready.status == 503
    assert ready.json["database"] == "UNHEALTHY"


async def test_a_node_that_drains_is_not_ready(client: Clients, node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node.node, "ready", False)

    assert (await client().get("//health/ready")).status == 503
    assert (await client().get("//health/live")).status == 200


async def scrape(node: Any) -> dict[str, float]:
    """The node's metrics as Prometheus reads them: sample with labels → value."""
    metrics = MetricsPort(node.services, node_registry(node.services, node.node.gateway))
    await metrics.start()
    try:
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            text = (await http.get(f"http://127.0.0.1:{metrics.port}/metrics")).text
    finally:
        await metrics.stop()
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_metrics_have_a_port_of_their_own_when_enabled(node: Any, settings: Callable[..., None]) -> None:
    settings(MetricsSettings={"Enable": False})
    off = MetricsPort(node.services, node_registry(node.services, node.node.gateway))
    await off.start()
    assert off.port == 0

    settings(MetricsSettings={"Enable": True, "ListenAddress": "127.0.0.1:0"})
    samples = await scrape(node)

    assert samples[f'hubbub_node{{node="{node.services.node_id}",version="{__version__}"}}'] == 1


async def test_metrics_tell_what_a_node_is_busy_with(node: Any, settings: Callable[..., None]) -> None:
    settings(MetricsSettings={"Enable": True, "ListenAddress": "127.0.0.1:0"})
    before = (await scrape(node))["hubbub_tasks"]
    waiting = [asyncio.create_task(asyncio.sleep(600)) for _ in range(1000)]
    try:
        # Give or take what has begun and ended meanwhile by itself.
        assert (await scrape(node))["hubbub_tasks"] == pytest.approx(before + 1000, abs=100)
    finally:
        for task in waiting:
            task.cancel()


async def test_metrics_tell_of_requests_sockets_events_database_and_redis(
    make: Make, node: Any, socket: Callable[..., Any], settings: Callable[..., None]
) -> None:
    settings(MetricsSettings={"Enable": True, "ListenAddress": "127.0.0.1:0"})
    ada, bob = await make.users(2)
    channel = await make.direct(ada, bob)

    async def closing() -> float:
        return (await scrape(node))["hubbub_websocket_sockets"]

    await until_gone(closing, "sockets of earlier tests are open")
    before = await scrape(node)

    async with socket(bob) as events:
        await make.post(ada, channel)
        await events.next("posted")
        during = await scrape(node)

    rise = {name: value - before.get(name, 0) for name, value in during.items()}
    assert rise['hubbub_http_request_seconds_count{operation="create_post",status="201"}'] == 1
    assert rise["hubbub_websocket_sockets"] == 1
    assert rise["hubbub_websocket_connects_total"] == 1
    assert rise["hubbub_websocket_deliveries_total"] >= 1
    assert rise['hubbub_websocket_lag_seconds_bucket{le="+Inf"}'] >= 1
    assert rise["hubbub_websocket_lag_seconds_count"] >= 1
    assert rise["hubbub_bus_published_total"] >= 1
    assert rise["hubbub_bus_publish_seconds_total"] > 0
    assert rise["hubbub_db_statements_total"] >= 1
    assert rise["hubbub_db_seconds_total"] > 0
    assert during["hubbub_bus_connected"] == 1
    assert during["hubbub_db_connections_max"] >= during["hubbub_db_connections_in_use"]
    for name in ("bus_gaps_total", "bus_lost_total", "websocket_dropped_total", "websocket_replayed_total"):
        assert f"hubbub_{name}" in during


async def test_time_zones_are_names_of_places(make: Make, client: Clients) -> None:
    ada = await make.user()

    zones = (await client(ada).get("/system/timezones")).ok()

    assert {"Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"} <= set(zones)
    assert zones == sorted(zones)
    assert (await client().get("/system/timezones")).status == 401


async def test_the_path_of_the_socket_asks_for_an_upgrade(client: Clients) -> None:
    for path in ("/websocket", "/websocket/"):
        reply = await client().get(path)
        assert (reply.status, reply.error_id) == (400, "api.web_socket.connect.upgrade.app_error")
