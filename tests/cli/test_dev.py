"""`hubbub dev` starts everything, mends its engines, stops what it started, and says in one line what is wrong."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from server.engines.directory import DataDirectory
from tests.cli.running import PATIENCE, ROOT, dev, free_port, pings, request, runs, wait_until_gone

NODE = r"node {}: http://127\.0\.0\.1:{} pid (\d+)"
ADA = {"email": "ada@example.org", "username": "ada", "password": "correct-horse-9"}


def sign_in(port: int) -> tuple[int, str]:
    """The status of ada's login, and her token."""
    status, _, headers = request(port, "POST", "/users/login", {"login_id": "ada", "password": ADA["password"]})
    return status, headers.get("token", "")


@pytest.mark.parametrize("to_group", [False, True], ids=["SIGTERM", "Ctrl-C"])
def test_two_nodes_start_and_stop_and_find_their_data_again(tmp_path: Path, to_group: bool) -> None:
    port = free_port(2)
    signum = signal.SIGINT if to_group else signal.SIGTERM
    with subprocess.Popen(["sleep", "600"]) as bystander:
        with dev(tmp_path / "data", port, "--nodes", "2") as running:
            running.wait_for(NODE.format(1, port))
            running.wait_for(NODE.format(2, port + 1))
            assert set(running.pids()) == {"postgres", "redis", "node 1", "node 2"}
            assert all(runs(pid) for pid in running.pids().values())
            assert request(port, "POST", "/users", ADA)[0] == 201
            assert sign_in(port + 1)[0] == 200

            running.send(signum, to_group=to_group)

            assert running.wait() == 0
            assert not any(runs(pid) for pid in running.pids().values())
            assert running.lines[-1] == "stopped"
            assert not pings(port)
            key = tmp_path / "data" / "at-rest.key"
            assert (key.stat().st_mode & 0o777, len(key.read_text().strip())) == (0o600, 43)
            before = key.read_text()

        with dev(tmp_path / "data", port, "--nodes", "2") as again:
            again.wait_for(NODE.format(1, port))
            status, token = sign_in(port)
            assert status == 200
            assert "system_admin" in request(port, "GET", "/users/me", token=token)[1]["roles"]
            assert key.read_text() == before

        assert bystander.poll() is None
        bystander.terminate()


def test_a_node_that_dies_stays_dead_and_the_other_goes_on(tmp_path: Path) -> None:
    port = free_port(2)
    with dev(tmp_path, port, "--nodes", "2") as running:
        running.wait_for(NODE.format(2, port + 1))
        running.wait_for(NODE.format(1, port))

        os.kill(running.pids()["node 1"], signal.SIGKILL)

        running.wait_for(rf"node 1: pid {running.pids()['node 1']} died \(signal 9\).*")
        assert not pings(port)
        assert pings(port + 1)
        assert request(port + 1, "POST", "/users", ADA)[0] == 201


@pytest.mark.parametrize("engine", ["postgres", "redis"])
def test_an_engine_that_dies_is_started_again(tmp_path: Path, engine: str) -> None:
    port = free_port()
    with dev(tmp_path, port, "--no-reload") as running:
        running.wait_for(NODE.format(1, port))
        assert request(port, "POST", "/users", ADA)[0] == 201

        os.kill(running.pids()[engine], signal.SIGKILL)

        running.wait_for(rf"{engine}: pid \d+", times=2)
        deadline = time.monotonic() + PATIENCE
        while sign_in(port)[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert runs(running.pids()["node 1"])


def test_nothing_lingers_when_the_command_itself_is_killed(tmp_path: Path) -> None:
    port = free_port()
    with dev(tmp_path, port, "--no-reload") as running:
        running.wait_for(NODE.format(1, port))

        running.send(signal.SIGKILL)

        wait_until_gone(list(running.pids().values()))
    with dev(tmp_path, port, "--no-reload") as again:
        again.wait_for(NODE.format(1, port))


def refused(data: Path, port: int, *options: str) -> str:
    """The line with which the command declines to start."""
    with dev(data, port, *options) as running:
        assert running.wait() != 0
        lines = [line for line in running.lines if line.startswith("hubbub: ")]
        assert running.lines[-1:] == lines, running.output
    return lines[0]


def test_a_port_in_use_is_said_before_anything_is_started(tmp_path: Path) -> None:
    port = free_port(2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + 1))
        taken.listen()

        line = refused(tmp_path / "data", port, "--nodes", "2")

    assert line == f"hubbub: can't listen on port {port + 1} (Address already in use): choose another, --port"
    assert not (tmp_path / "data").exists()


def test_a_directory_in_use_is_said(tmp_path: Path) -> None:
    with DataDirectory(tmp_path):
        assert f"{tmp_path} is in use by process {os.getpid()}" in refused(tmp_path, free_port())


def test_a_broken_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.6\n")

    assert "PostgreSQL does not start: " in refused(tmp_path, free_port())


def test_options_that_contradict_each_other_are_said(tmp_path: Path) -> None:
    assert "--reload watches one node" in refused(tmp_path, free_port(), "--nodes", "2", "--reload")
    assert "would need port 65537" in refused(tmp_path, 65535, "--nodes", "3")


def test_the_examples_that_are_printed_work_when_pasted(tmp_path: Path) -> None:
    port = free_port()
    with dev(tmp_path, port, "--no-reload") as running:
        running.wait_for(r"Ctrl-C stops everything\.")
        text = running.output
        curl = re.search(r"^curl .*?\n.*$", text, re.MULTILINE)
        script = re.search(r"^\S*python\S* - <<'END'\n.*?^END$", text, re.MULTILINE | re.DOTALL)
        assert curl is not None
        assert script is not None

        if shutil.which("curl"):
            made = subprocess.run(["sh", "-c", curl[0]], capture_output=True, text=True, check=True)
            assert '"username":"ada"' in made.stdout.replace(": ", ":")
        else:
            assert request(port, "POST", "/users", ADA)[0] == 201
        signed_in = subprocess.run(["sh", "-c", script[0]], cwd=ROOT, capture_output=True, text=True, check=False)

    assert signed_in.stdout == "signed in as ada\n", signed_in.stderr


def test_one_node_is_started_again_when_its_code_changes(tmp_path: Path) -> None:
    for folder in ("server", "schema"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    port = free_port()
    changed = tmp_path / "server" / "__init__.py"
    good = changed.read_text()
    with dev(tmp_path / "data", port, cwd=tmp_path) as running:
        running.wait_for(NODE.format(1, port))

        changed.write_text(good + "\nthis is no Python\n")
        running.wait_for(r"server/__init__\.py changed, starting node 1 again")
        running.wait_for(r"node 1: pid \d+ died \(exit code 1: SyntaxError: .*")

        changed.write_text(good)
        running.wait_for(NODE.format(1, port), times=2)
        assert pings(port)


def test_make_dev_hands_its_arguments_on(tmp_path: Path) -> None:
    command = ["make", "--dry-run", "dev", "ARGS=--nodes 2 --port 18065 --data /some/dir"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "exec .venv/bin/hubbub dev --nodes 2 --port 18065 --data /some/dir" in printed
