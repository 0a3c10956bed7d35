"""The image and the compose file say what the server understands, and what they start does start."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from server.config import load_config, read_environment
from server.config.rules import listen_address
from server.engines.redis import Redis
from tests.cli.running import PATIENCE, Running, free_port

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"^([A-Za-z0-9._-]+)")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, comments out and continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word]


def last(word: str) -> str:
    """What the final stage says under this instruction."""
    return [rest for name, rest in instructions() if name == word][-1]


def image_environment() -> dict[str, str]:
    """The variables that the image sets for the server."""
    pairs = [part.partition("=") for part in shlex.split(last("ENV"))]
    return {name: value for name, _, value in pairs if name.startswith("MM_")}


def compose() -> dict[str, Any]:
    """The compose file as it is read."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    return loaded


def nodes() -> dict[str, Any]:
    """The services that are built from this repository."""
    return {name: service for name, service in compose()["services"].items() if "build" in service}


def names(lock: str) -> set[str]:
    """The packages that a lock file names, in the spelling that compares equal."""
    lines = (ROOT / lock).read_text().splitlines()
    return {normal(line) for line in lines if line and not line[0].isspace()}


def normal(requirement: str) -> str:
    """The name in front of a requirement: "Redis[hiredis]>=5" is redis."""
    match = NAME.match(requirement)
    assert match is not None, requirement
    return re.sub(r"[-_.]+", "-", match[1]).lower()


def test_the_image_runs_the_documented_command_as_nobody_special() -> None:
    assert json.loads(last("CMD")) == ["hubbub", "serve"]
    assert last("USER") not in ("root", "0")
    assert last("STOPSIGNAL") == "SIGTERM"


def test_all_variables_of_the_image_and_of_compose_are_settings() -> None:
    environments = [image_environment(), *(service["environment"] for service in nodes().values())]

    for environment in environments:
        assert len(read_environment(environment).values) == len(environment) > 0


def test_the_image_opens_the_ports_that_it_listens_on() -> None:
    config = load_config(image_environment())
    ports = [
        listen_address(config.ServiceSettings.ListenAddress)[1],
        listen_address(config.MetricsSettings.ListenAddress)[1],
    ]

    assert config.MetricsSettings.Enable
    assert last("EXPOSE").split() == [str(port) for port in ports]
    assert f":{ports[0]}/api/v4/system/ping" in last("HEALTHCHECK")


def test_the_image_copies_what_is_there_and_nothing_ignores_it() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = [source for word, rest in instructions() if word == "COPY" for source in rest.split()[:-1]]
    sources = {source for source in copied if not source.startswith(("--", "/"))}

    assert ignored[0] == "*"
    assert sources == allowed
    assert all((ROOT / source).exists() for source in sources)


def test_compose_runs_two_nodes_behind_a_balancer_that_knows_both() -> None:
    services = compose()["services"]
    balancer = (ROOT / "deploy" / "nginx.conf").read_text()
    port = listen_address(load_config(image_environment()).ServiceSettings.ListenAddress)[1]

    assert len(nodes()) == 2
    assert set(re.findall(r"^\s*server (\S+) max", balancer, re.MULTILINE)) == {f"{n}:{port}" for n in nodes()}
    assert balancer.count("proxy_set_header Upgrade $http_upgrade;") == balancer.count("proxy_pass")
    assert balancer.count("{") == balancer.count("}")
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert "image" in service
        assert service["restart"] == "unless-stopped"
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in compose()["volumes"] or (ROOT / "deploy" / source).exists()
    for service in nodes().values():
        assert services["postgres"]["image"].startswith("postgres:18")
        assert "@postgres:5432/" in service["environment"]["MM_SQLSETTINGS_DATASOURCE"]
        assert service["environment"]["MM_CACHESETTINGS_REDISADDRESS"] == "redis:6379"
        seconds = int(service["stop_grace_period"].removesuffix("s"))
        assert seconds > load_config({}).HubbubSettings.DrainSeconds + 10


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    packages = [line for line in text.splitlines() if line and not line[0].isspace()]

    assert all(re.fullmatch(r"[a-z0-9-]+==[^\s;]+( ; [^\\]+)? \\", line) for line in packages), packages
    assert text.count("--hash=sha256:") >= len(packages) > 20
    assert "://" not in text
    assert "index" not in text


def test_the_locks_hold_what_the_package_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {normal(requirement) for requirement in project["dependencies"]}
    for_work = {normal(requirement) for requirement in project["optional-dependencies"]["dev"]}

    assert needed | {"setuptools"} <= names("requirements.lock")
    assert names("requirements.lock") | for_work <= names("requirements-dev.lock")


def test_the_built_package_brings_its_schema_along(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    copied = tmp_path / "source"
    for folder in ("server", "schema"):
        shutil.copytree(ROOT / folder, copied / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(ROOT / file, copied)
    subprocess.run([*build, "--wheel-dir", str(tmp_path), str(copied)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("hubbub-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")

    ask = "from server.db.migrate import schema_files, schema_folder; print(len(schema_files(schema_folder())))"
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    found = subprocess.run(
        [sys.executable, "-P", "-c", ask], env=environ, cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert int(found.stdout) == len(list((ROOT / "schema").glob("*.sql"))) > 0


def test_the_command_of_the_image_serves_with_the_environment_of_compose(
    fresh_database: str, redis_server: Redis, tmp_path: Path
) -> None:
    (service, *_) = nodes().values()
    port = free_port(2)
    metrics = port + 1
    environ = {
        **image_environment(),
        **{name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value) for name, value in service["environment"].items()},
        "MM_SQLSETTINGS_DATASOURCE": fresh_database,
        "MM_CACHESETTINGS_REDISADDRESS": redis_server.url,
        "MM_FILESETTINGS_DIRECTORY": str(tmp_path),
        "MM_SERVICESETTINGS_LISTENADDRESS": f":{port}",
        "MM_METRICSSETTINGS_LISTENADDRESS": f":{metrics}",
    }
    check = json.loads(last("HEALTHCHECK").partition("CMD ")[2].replace(":8065/", f":{port}/"))
    program, *arguments = json.loads(last("CMD"))

    assert program == "hubbub"
    with Running(arguments, environ) as running:
        deadline = time.monotonic() + PATIENCE
        while subprocess.run([sys.executable, *check[1:]], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, running.output
        with urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=30) as reply:
            assert b"hubbub_http_request_seconds" in reply.read()

        running.send(signal.SIGTERM)

        assert running.wait() == 0
