"""Ping, health, metrics and time zones."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from server.context import Services
from server.db import Pool
from server.errors import Busy
from server.features.system.metrics_port import MetricsPort
from tests.clients_of import Client
from tests.make import Make, Person

Clients = Callable[..., Client]


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


async def test_ping_tells_of_a_file_store_that_is_not_there(
    client: Clients, settings: Callable[..., None], tmp_path: Any
) -> None:
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


async def test_metrics_have_a_port_of_their_own_when_enabled(node: Any, settings: Callable[..., None]) -> None:
    services: Services = node.services
    off = MetricsPort(services)
    settings(MetricsSettings={"Enable": False})
    await off.start()
    assert off.port == 0

    settings(MetricsSettings={"Enable": True, "ListenAddress": "127.0.0.1:0"})
    metrics = MetricsPort(services)
    await metrics.start()
    url = f"http://127.0.0.1:{metrics.port}/metrics"
    async with httpx.AsyncClient() as http:
        try:
            scraped = (await http.get(url)).text
        finally:
            await metrics.stop()
        with pytest.raises(httpx.HTTPError):
            await http.get(url)

    assert "hubbub_http_request_seconds" in scraped


async def test_time_zones_are_names_of_places(make: Make, client: Clients) -> None:
    ada = await make.user()

    zones = (await client(ada).get("/system/timezones")).ok()

    assert {"Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"} <= set(zones)
    assert zones == sorted(zones)
    assert (await client().get("/system/timezones")).status == 401
