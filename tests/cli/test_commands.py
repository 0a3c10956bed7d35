"""The commands around a node: serve, migrate and show; each says in one line what keeps it from its work."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from server import __version__
from server.cli.serve import YOUNG_SECONDS, node_command
from server.config.keys import KEYS
from server.db.migrate import schema_files, schema_folder
from server.engines.postgres import Postgres
from server.engines.redis import Redis
from tests.cli.running import PATIENCE, Running, free_port, pings, request, runs, wait_until_gone
from tests.engines import Databases


def run(arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> tuple[int, list[str]]:
    """Run a command to its end: exit code and lines."""
    with Running(arguments, environ) as running:
        return running.wait(), running.lines


@pytest.fixture
def environ(fresh_database: str, redis_server: Redis, tmp_path: Path) -> dict[str, str]:
    """The variables of a node of this test's own: when one is killed, those of other tests would forget everything."""
    return {
        "MM_SQLSETTINGS_DATASOURCE": fresh_database,
        "MM_CACHESETTINGS_REDISADDRESS": f"{redis_server.url}?db=9",
        "MM_FILESETTINGS_DIRECTORY": str(tmp_path / "files"),
    }


def wait_for_ping(port: int) -> None:
    """Fail when no node answers on this port after a while."""
    wait_until(lambda: pings(port))


def wait_until(condition: Callable[[], bool]) -> None:
    """Fail when something is not so after a while."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_version_is_printed() -> None:
    assert run(["--version"]) == (0, [f"hubbub {__version__}"])


def test_routes_are_shown_with_their_guards() -> None:
    code, lines = run(["show", "routes"])

    assert code == 0
    (ping,) = (line.split(maxsplit=3) for line in lines if " /api/v4/system/ping " in line)
    assert ping[:3] == ["GET", "/api/v4/system/ping", "anyone"]


def test_events_are_shown_with_their_payload() -> None:
    code, lines = run(["show", "events"])

    assert code == 0
    (changed,) = (line.split() for line in lines if line.startswith("config_changed "))
    assert changed[1] == "config"


def test_every_setting_is_shown_and_no_secret() -> None:
    secret = "postgres://hubbub:hunter2@db/hubbub"
    code, lines = run(["show", "config"], {"MM_SQLSETTINGS_DATASOURCE": secret, "MM_TEAMSETTINGS_SITENAME": "Attic"})

    assert code == 0
    assert [line.split()[0] for line in lines] == list(KEYS)
    assert "hunter2" not in "\n".join(lines)
    (name,) = (line.split() for line in lines if line.startswith("TeamSettings.SiteName "))
    assert name[1:3] == ['"Attic"', "MM_TEAMSETTINGS_SITENAME"]
    assert name[3] == "default"


def test_the_openapi_document_is_shown() -> None:
    code, lines = run(["show", "openapi"])

    assert code == 0
    assert "/api/v4/system/ping" in json.loads("\n".join(lines))["paths"]


def test_migrate_runs_what_is_missing_and_then_nothing(postgres: Postgres, databases: Databases) -> None:
    postgres.execute("CREATE DATABASE empty_one")
    environ = {"MM_SQLSETTINGS_DATASOURCE": postgres.dsn("empty_one")}
    numbers = ", ".join(f"{number:04}" for number, _ in schema_files(schema_folder()))

    first, second = run(["migrate"], environ), run(["migrate"], environ)

    assert (first[0], first[1][-1]) == (0, f"ran {numbers}")
    assert second == (0, ["nothing to do"])
    databases.drop(environ["MM_SQLSETTINGS_DATASOURCE"])


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({}, "MM_SQLSETTINGS_DATASOURCE is not set"),
        ({"MM_SQLSETTINGS_DATASOURCE": "postgres://x@127.0.0.1:1/x"}, "MM_CACHESETTINGS_REDISADDRESS is not set"),
        ({"MM_SERVICESETTINGS_LISTENADDRESS": "nowhere"}, "MM_SERVICESETTINGS_LISTENADDRESS must be"),
        (
            {
                "MM_SQLSETTINGS_DATASOURCE": "postgres://x@127.0.0.1:1/x",
                "MM_CACHESETTINGS_REDISADDRESS": "127.0.0.1:1",
                "MM_SERVICESETTINGS_LISTENADDRESS": "127.0.0.1:0",
            },
            "can't serve on 127.0.0.1:0: ",
        ),
    ],
    ids=["no database", "no redis", "bad setting", "database away"],
)
def test_serve_says_in_one_line_why_it_does_not(environ: dict[str, str], line: str) -> None:
    unset = {"MM_SQLSETTINGS_DATASOURCE": "", "MM_CACHESETTINGS_REDISADDRESS": ""}

    code, lines = run(["serve"], unset | environ)

    assert code != 0
    assert lines[-1].startswith(f"hubbub: {line}")
    assert not any("Traceback" in each for each in lines)


def test_secrets_are_sealed_at_the_shell_and_the_wrong_key_is_said(environ: dict[str, str]) -> None:
    variable, old, new = "MM_SQLSETTINGS_ATRESTENCRYPTKEY", "o" * 32, "n" * 32
    assert run(["migrate"], environ)[0] == 0
    short = run(["admin", "reseal"], {**environ, variable: "too short"})
    unset = run(["admin", "reseal"], {**environ, variable: ""})
    first = run(["admin", "reseal"], {**environ, variable: old})
    wrong = run(["serve"], {**environ, variable: new})
    both = run(["admin", "reseal"], {**environ, variable: f"{new},{old}"})
    former = run(["serve"], {**environ, variable: old})

    assert (short[0], short[1][-1]) == (
        1,
        f"hubbub: {variable} must be empty or keys of at least 32 characters, by blanks or commas",
    )
    assert (unset[0], unset[1][-1]) == (1, f"hubbub: {variable} is not set")
    assert (first[0], first[1][-1]) == (both[0], both[1][-1]) == (0, "sealed 0 secrets anew, and those of the settings")
    refusal = f"hubbub: {variable} is not the key that the secrets of this database were sealed with"
    assert (wrong[0], wrong[1][-1]) == (former[0], former[1][-1]) == (1, refusal)


def test_serve_says_that_its_port_is_taken(environ: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code, lines = run(["serve", "--host", "127.0.0.1", "--port", str(port)], environ)

    assert code != 0
    assert lines[-1].startswith(f"hubbub: can't serve on 127.0.0.1:{port}: ")


def test_serve_runs_a_node_until_it_is_told_to_stop(environ: dict[str, str]) -> None:
    port = free_port()
    with Running(["serve", "--host", "127.0.0.1", "--port", str(port)], environ) as running:
        wait_for_ping(port)

        running.send(signal.SIGTERM)

        assert running.wait() == 0
        assert not pings(port)


def test_a_node_keeps_nothing_of_the_command_line(environ: dict[str, str]) -> None:
    """Neither the process that `hubbub serve` turns into, nor what that loads."""
    port = free_port()
    with Running(["serve", "--host", "127.0.0.1", "--port", str(port)], environ) as running:
        wait_for_ping(port)
        assert psutil.Process(running.pid).cmdline()[-2:] == ["-m", "server.cli.node_process"]
    program = "import sys, server.cli.node_process; print({'typer', 'pydantic'} & sys.modules.keys())"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert loaded == "set()\n"


def test_a_node_is_of_this_version_wherever_it_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "__init__.py").write_text("raise SystemExit('another server')")
    monkeypatch.chdir(tmp_path)

    ended = subprocess.run(node_command(), capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert ended.stderr.startswith("hubbub: MM_SQLSETTINGS_DATASOURCE is not set")


def test_workers_share_a_port_evenly_and_are_replaced(environ: dict[str, str]) -> None:
    """Each connection goes to a worker by chance: of 240, one of three has less than 40 once in millions of runs."""
    port = free_port()
    command = ["serve", "--host", "127.0.0.1", "--port", str(port), "--workers", "3"]
    with Running(command, environ) as running, contextlib.ExitStack() as connections:
        wait_until(lambda: len(psutil.Process(running.pid).children()) == 3)
        wait_for_ping(port)
        workers = [child.pid for child in psutil.Process(running.pid).children()]
        wait_until(lambda: all(sockets(pid, port, psutil.CONN_LISTEN) for pid in workers))
        time.sleep(YOUNG_SECONDS + 0.5)  # one that ended sooner would not be replaced
        for _ in range(240):
            connections.enter_context(socket.create_connection(("127.0.0.1", port)))
        wait_until(lambda: sum(sockets(pid, port, psutil.CONN_ESTABLISHED) for pid in workers) == 240)
        counts = [sockets(pid, port, psutil.CONN_ESTABLISHED) for pid in workers]
        assert min(counts) >= 40, counts
        code, lines = run(command, environ)
        assert code != 0
        assert lines[-1].startswith(f"hubbub: can't serve on 127.0.0.1:{port}: ")

        running.send(signal.SIGSTOP)  # so that it does not replace the worker yet
        os.kill(workers[0], signal.SIGKILL)
        wait_until_gone(workers[:1])
        assert all(pings(port) for _ in range(30))
        running.send(signal.SIGCONT)
        running.wait_for(r"worker 1 ended, exit code -9; starting it again")

        assert all(pings(port) for _ in range(20))
        replaced: list[int] = []

        def are_three_again() -> bool:
            replaced[:] = [child.pid for child in psutil.Process(running.pid).children() if runs(child.pid)]
            return len(replaced) == 3

        wait_until(are_three_again)
        assert set(workers[1:]) < set(replaced)
        running.send(signal.SIGTERM)
        assert running.wait() == 0
        wait_until_gone(replaced)


def sockets(pid: int, port: int, status: str) -> int:
    """How many sockets of this status a process has on a port: listening, or of connections that it has accepted."""
    found = psutil.Process(pid).net_connections("tcp")
    return sum(one.status == status and one.laddr.port == port for one in found)


def test_a_worker_runs_the_jobs_that_nodes_leave_to_it(
    environ: dict[str, str], fresh_database: str, postgres: Postgres
) -> None:
    name = fresh_database.partition("?")[0].rpartition("/")[2]
    port = free_port()
    ada = {"email": "ada@example.org", "username": "ada", "password": "correct-horse-9"}
    waiting = "SELECT count(*) FROM jobs WHERE failed_at = 0 AND attempts = 0"
    with Running(["serve", "--host", "127.0.0.1", "--port", str(port)], environ | {"MM_JOBSETTINGS_RUNJOBS": "false"}):
        wait_for_ping(port)
        assert request(port, "POST", "/users", ada)[0] == 201
        assert postgres.execute(waiting, name) == "1"

        with Running(["worker"], environ) as worker:
            wait_until(lambda: postgres.execute(waiting, name) == "0")
            worker.send(signal.SIGTERM)
            assert worker.wait() == 0
