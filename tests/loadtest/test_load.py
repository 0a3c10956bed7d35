"""The load test itself, as its users run it: on an empty node, by two processes, for a few seconds."""

import asyncio
import contextlib
import csv
import os
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from locust.env import Environment

from benchmarks.mixing import Played
from loadtest.conductor import Conductor
from loadtest.filling import Filling, Hopeless, sign_in_admin
from loadtest.options import Options
from server.engines.redis import Redis
from tests.cli.running import free_port
from tests.make import Make
from tests.nodes import TestNode, start_node

PEOPLE = BOTS = 10
LOAD = [
    *("People", "Bots", "--headless", "--only-summary", "--processes", "2", "--users", str(PEOPLE + BOTS)),
    # The time counts from when all have signed in, however long that takes.
    *("--spawn-rate", "40", "--shape", "steady", "--run-time", "3s"),
    *("--idle", "0.3", "--same-rate", "--posts-each", "2", "--bots", "4"),
    # Short pauses on a busy machine: this is about what works, not about how fast.
    *("--max-mean", "20000", "--max-p99", "60000"),
]


async def run_locust(node: TestNode, *arguments: str) -> tuple[int, str]:
    """(exit code, output) of Locust with our file."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "locust", "--locustfile", "loadtest/locustfile.py", "--host", node.url),
        *arguments,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 100)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, output.decode()


def read_stats(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Locust's table of statistics by type and name."""
    with path.open(newline="") as lines:
        return {(row["Type"], row["Name"]): row for row in csv.DictReader(lines)}


async def test_a_load_test_fills_an_empty_server_acts_on_it_and_finds_nothing_lost(
    fresh_database: str, redis_server: Redis, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    async with start_node(fresh_database, redis_server.url, tmp_path / "files") as node:
        files = ("--html", str(page), "--csv", str(tmp_path / "load"), "--figures", str(tmp_path / "figures"))
        port = str(free_port())  # Locust's own is the same for all that run on a machine
        ports = ("--master-bind-port", port, "--master-port", port)
        code, output = await run_locust(node, *LOAD, *ports, *files, "--cpu-of", f"node={os.getpid()}")

        assert code == 0, output
        assert "making data for 20 accounts in 2 teams" in output
        assert "BROKEN" not in output
        assert "the server lacks" not in output
        stats = read_stats(tmp_path / "load_stats.csv")
        done = sum(int(row["Request Count"]) for (kind, _), row in stats.items() if kind == "ACTION")
        assert done >= 50
        assert {("ACTION", name) for name in ("SwitchChannel", "ScrollChannel", "BotTell", "BotRead")} <= set(stats)
        assert all(row["Failure Count"] == "0" for row in stats.values()), output
        assert int(stats["WS", "connect"]["Request Count"]) == PEOPLE
        delivered = int(stats["WS", "deliver posted"]["Request Count"])
        posts = int(stats["POST", "/posts"]["Request Count"])
        assert delivered >= posts >= 1
        assert 0 < float(stats["WS", "deliver posted"]["Average Response Time"]) < 20_000
        assert f"{posts} posts, of " in output
        expected = int(output.partition(f"{posts} posts, of ")[2].split()[0].replace(",", ""))
        assert 1 <= expected <= delivered
        assert "0 lost, 0 twice, 0 gaps" in output
        assert "SwitchChannel" in page.read_text()
        played = msgspec.json.decode((tmp_path / "figures").read_bytes(), type=Played)
        assert played.holds
        assert 0 < played.p50_ms <= played.p99_ms
        assert f"{played.actions} actions, {played.actions / played.seconds:.1f}/s" in output
        assert played.cpu["node"] > 0
        assert played.actions <= done

        said: list[str] = []

        def fill_again() -> None:
            options = Options(posts_each=2)
            with contextlib.closing(sign_in_admin(node.url, options)) as admin:
                Filling(node.url, admin, options, said.append).fill(20, hotspot=False, bots=False)

        await asyncio.to_thread(fill_again)
        assert said == ["data for 20 accounts is there"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (Options(admin="nobody"), "refuses the administrator"),
        (Options(admin="ada"), "is no administrator"),
    ],
)
async def test_only_an_administrator_of_the_server_will_do(
    node: TestNode, make: Make, options: Options, reason: str
) -> None:
    ada = await make.user()
    options = replace(options, admin=options.admin.replace("ada", ada.username), admin_password=ada.password)

    with pytest.raises(Hopeless, match=reason):
        await asyncio.to_thread(sign_in_admin, node.url, options)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"only": "Dance"}, "no such action: Dance"),
        ({"without": "drafts,dances"}, "no such feature: dances"),
        ({"cpu_of": "server=none"}, "--cpu-of, --only or --without"),
    ],
)
def test_options_that_make_no_sense_end_the_program(
    options: dict[str, str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        Conductor.take(Environment(parsed_options=Namespace(**options)))

    assert ended.value.code == 2
    assert reason in capsys.readouterr().err
