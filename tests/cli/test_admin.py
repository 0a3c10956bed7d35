"""What an operator does to accounts at the shell; the nodes that are running hear of it."""

from collections.abc import Iterator

import pyotp
import pytest

from server.engines.redis import Redis
from tests.cli.running import Running, free_port, request
from tests.cli.test_commands import run, wait_for_ping

SECRET = "correct-horse-9"


@pytest.fixture
def environ(fresh_database: str, redis_server: Redis) -> dict[str, str]:
    """The variables of a node of this test's own."""
    return {"MM_SQLSETTINGS_DATASOURCE": fresh_database, "MM_CACHESETTINGS_REDISADDRESS": f"{redis_server.url}?db=9"}


@pytest.fixture
def port(environ: dict[str, str]) -> Iterator[int]:
    """The port of a node that runs on that database."""
    port = free_port()
    with Running(["serve", "--host", "127.0.0.1", "--port", str(port)], environ):
        wait_for_ping(port)
        yield port


def sign_in(port: int, name: str, password: str) -> tuple[int, str]:
    """The status of a login, and the token."""
    status, _, headers = request(port, "POST", "/users/login", {"login_id": name, "password": password})
    return status, headers.get("token", "")


def test_accounts_are_made_and_changed_at_the_shell(port: int, environ: dict[str, str]) -> None:
    def admin(*words: str) -> str:
        code, lines = run(["admin", "user", *words], environ)
        assert code == 0, lines
        return lines[-1]

    assert admin("create", "ada", "ada@example.org", "--password", SECRET).endswith("roles: system_admin system_user")
    assert admin("create", "bob", "bob@example.org", "--password", SECRET).endswith("roles: system_user")
    status, token = sign_in(port, "bob", SECRET)
    assert status == 200
    assert request(port, "GET", "/users/me", token=token)[1]["roles"] == "system_user"

    admin("roles", "bob@example.org", "system_user", "system_admin")
    assert request(port, "GET", "/users/me", token=token)[1]["roles"] == "system_user system_admin"

    admin("password", "bob", "--password", "battery-staple-4")
    assert request(port, "GET", "/users/me", token=token)[0] == 401
    assert sign_in(port, "bob", SECRET)[0] == 401
    status, token = sign_in(port, "bob", "battery-staple-4")
    assert status == 200

    admin("deactivate", "bob")
    assert request(port, "GET", "/users/me", token=token)[0] == 401
    assert sign_in(port, "bob", "battery-staple-4")[0] == 401

    admin("activate", "bob")
    assert sign_in(port, "bob", "battery-staple-4")[0] == 200


def test_a_lost_second_factor_is_forgotten_at_the_shell(port: int, environ: dict[str, str]) -> None:
    run(["admin", "user", "create", "ada", "ada@example.org", "--password", SECRET], environ)
    token = sign_in(port, "ada", SECRET)[1]
    wanted = {"ServiceSettings": {"EnableMultifactorAuthentication": True}}
    assert request(port, "PUT", "/config/patch", wanted, token=token)[0] == 200
    secret = request(port, "POST", "/users/me/mfa/generate", token=token)[1]["secret"]
    switched = request(port, "PUT", "/users/me/mfa", {"activate": True, "code": pyotp.TOTP(secret).now()}, token=token)
    assert switched[0] == 200
    assert sign_in(port, "ada", SECRET)[0] == 400
    assert request(port, "GET", "/users/me", token=token)[1]["mfa_active"] is True

    code, lines = run(["admin", "user", "reset-mfa", "ada"], environ)

    assert (code, lines[-1]) == (0, "ada has no second factor")
    assert sign_in(port, "ada", SECRET)[0] == 200
    assert "mfa_active" not in request(port, "GET", "/users/me", token=token)[1]
    audits = request(port, "GET", "/users/me/audits", token=token)[1]
    assert "deactivated by the operator" in {audit["extra_info"] for audit in audits}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["password", "nobody", "--password", SECRET], "there is no account nobody: give a username,"),
        (["create", "not a name", "x@example.org", "--password", SECRET], "A username has"),
        (["create", "eve", "eve@example.org", "--password", "short"], "A password has"),
    ],
)
def test_what_can_t_be_done_is_said_in_one_line(
    port: int, environ: dict[str, str], words: list[str], line: str
) -> None:
    code, lines = run(["admin", "user", *words], environ)

    assert code == 1
    assert lines[-1].startswith(f"hubbub: {line}")
    assert not any("Traceback" in each for each in lines)
