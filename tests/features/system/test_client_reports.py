"""What clients report: lines for the log, and how fast things were."""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from server.metrics import registry
from tests.clients_of import Client
from tests.make import Make, Person

Clients = Callable[..., Client]
Settings = Callable[..., None]

REPORT: dict[str, Any] = {
    "version": "0.1.0",
    "client_id": "abc",
    "labels": {"platform": "linux", "agent": "firefox"},
    "start": 1_700_000_000_000.5,
    "end": 1_700_000_060_000,
    "counters": [{"metric": "long_tasks", "value": 3, "timestamp": 1}],
    "histograms": [{"metric": "channel_switch", "value": 120.5}, {"metric": "made up", "value": 1}],
}


def reported(name: str, metric: str, platform: str = "linux", agent: str = "firefox") -> float:
    """A sample of the node's metrics."""
    return registry.get_sample_value(name, {"metric": metric, "platform": platform, "agent": agent}) or 0


async def test_a_line_of_a_client_is_logged_within_bounds(make: Make, client: Clients, admin: Person) -> None:
    ada = await make.user()
    line = {"level": "ERROR", "message": "one\ntwo\x1b[31m " + "x" * 1000}
    with capture_logs() as logged:
        told = (await client(ada).post("/logs", line)).ok()
        await client(admin).post("/logs", {"level": "error", "message": "broken"})
    noted = [entry for entry in logged if entry["event"] == "a client reports"]

    assert told == {"level": "ERROR", "message": line["message"][:400]}
    assert [(entry["log_level"], entry["user_id"]) for entry in noted] == [("debug", ada.id), ("error", admin.id)]
    assert noted[0]["line"] == f"one two [31m {'x' * 387}"


async def test_strangers_report_only_to_developers(client: Clients, settings: Settings) -> None:
    line = {"level": "ERROR", "message": "hello"}
    refused = await client().post("/logs", line)
    settings(ServiceSettings={"EnableDeveloper": True})
    with capture_logs() as logged:
        (await client().post("/logs", line)).ok()

    assert (refused.status, refused.error_id) == (403, "api.context.permissions.app_error")
    assert [entry["log_level"] for entry in logged if entry["event"] == "a client reports"] == ["error"]


@pytest.mark.parametrize("body", [{"message": 3}, [], {"level": None, "message": {}}])
async def test_odd_lines_are_refused(make: Make, client: Clients, body: object) -> None:
    assert (await client(await make.user()).post("/logs", body)).status == 400


async def test_measures_are_counted_where_they_are_wanted(make: Make, client: Clients, settings: Settings) -> None:
    ada = client(await make.user())
    (await ada.post("/client_perf", REPORT)).ok()
    assert reported("hubbub_client_reported_count", "channel_switch") == 0

    settings(MetricsSettings={"EnableClientMetrics": True})
    assert (await ada.post("/client_perf", REPORT)).ok() == {"status": "OK"}
    assert reported("hubbub_client_reported_sum", "channel_switch") == 120.5
    assert reported("hubbub_client_counted_total", "long_tasks") == 3
    assert reported("hubbub_client_reported_count", "made up") == 0

    (await ada.post("/client_perf", REPORT | {"labels": {"platform": "toaster"}})).ok()
    assert reported("hubbub_client_reported_count", "channel_switch", "other", "other") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"version": "9.0.0"},
        {"start": 0},
        {"end": 1},
        {"histograms": [{"metric": "LCP", "value": 1}] * 501},
        {"histograms": [{"metric": "LCP"}]},
        {"labels": ["linux"]},
    ],
)
async def test_odd_reports_are_refused(make: Make, client: Clients, settings: Settings, change: Any) -> None:
    settings(MetricsSettings={"EnableClientMetrics": True})
    reply = await client(await make.user()).post("/client_perf", REPORT | change)

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")


async def test_strangers_measure_nothing(client: Clients) -> None:
    assert (await client().post("/client_perf", REPORT)).status == 401


async def test_values_that_are_none_are_passed_over(make: Make, client: Clients, settings: Settings) -> None:
    settings(MetricsSettings={"EnableClientMetrics": True})
    ada = client(await make.user())
    values = [{"metric": "INP", "value": value} for value in (-1, 1e300)]
    (await ada.post("/client_perf", REPORT | {"histograms": values, "counters": values})).ok()

    assert reported("hubbub_client_reported_count", "INP") == 0
