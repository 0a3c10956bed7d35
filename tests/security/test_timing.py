"""Whether there is an account, no answer tells: not in its words, not in the work done for it and not in its time."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher

from server.features.sessions import login_service
from server.features.users import passwords
from tests.clients_of import Client, Reply
from tests.make import Make, Person
from tests.nodes import TestNode

Clients = Callable[..., Client]
Settings = Callable[..., None]

WRONG = "Wr0ng-password"


class Work(PasswordHasher):
    """Hashes as ever and writes down each time that it does, with the length of what was hashed."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.done: list[int] = []

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        """Write it down and hash."""
        self.done.append(len(password) <= 72)
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        """Write it down and verify."""
        self.done.append(len(password) <= 72)
        return super().verify(hash, password)

    def take(self) -> list[int]:
        """What was done since the last time."""
        done, self.done = self.done, []
        return done


class Clock:
    """The time and pauses as ever, written down for each request: when it looked at the clock, how long it slept."""

    def __init__(self) -> None:
        self.looks: dict[Any, list[float]] = {}
        self.sleeps: dict[Any, float] = {}

    def monotonic(self) -> float:
        """In place of time.monotonic."""
        now = time.monotonic()
        self.looks.setdefault(asyncio.current_task(), []).append(now)
        return now

    async def sleep(self, seconds: float) -> None:
        """In place of asyncio.sleep."""
        self.sleeps[asyncio.current_task()] = seconds
        await asyncio.sleep(seconds)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    counted = Work()
    monkeypatch.setattr(passwords, "_argon2", counted)
    return counted


def said(reply: Reply) -> tuple[Any, ...]:
    """All that an answer says but for its own number."""
    body = reply.json
    if isinstance(body, dict):
        body.pop("request_id", None)
    headers = {name for name in reply.headers if not name.startswith("x-ratelimit")}
    return reply.status, body, sorted(headers), len(reply.content)


async def log_in(client: Client, login_id: str, password: str) -> Reply:
    return await client.post("/users/login", {"login_id": login_id, "password": password})


@pytest.mark.parametrize("password", [WRONG, "x", "x" * 73, "ü" * 40, "x" * 5000])
async def test_a_login_costs_the_same_hash_for_everybody(
    make: Make, client: Clients, admin: Person, work: Work, password: str
) -> None:
    known, gone = await make.users(2)
    (await client(admin).put(f"/users/{gone.id}/active", {"active": False})).ok()
    names = (known.username, known.email, gone.username, "nobody.at.all", "nobody@example.org", "no name", "x" * 500)
    work.take()

    answers, hashes = [], []
    for name in names:
        answers.append(said(await log_in(client(), name, password)))
        hashes.append(work.take())

    assert hashes == [[True]] * len(names)
    assert answers == [answers[0]] * len(names)
    assert answers[0][0] == 401
    assert answers[0][1]["id"] == "api.user.login.invalid_credentials_email_username"


async def test_a_refused_login_takes_whole_steps_of_time(
    make: Make, client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What differs between accounts, a row that is written and told of, takes far less than a step."""
    step = 0.5
    known = await make.user()
    clock = Clock()
    for name, value in (("REFUSED_EVERY", step), ("time", clock), ("asyncio", clock)):
        monkeypatch.setattr(login_service, name, value)
    spent: list[float] = []

    async def fail(name: str) -> None:
        started = time.monotonic()
        assert (await log_in(client(), name, WRONG)).status == 401
        spent.append(time.monotonic() - started)

    await asyncio.gather(*map(fail, (known.username, "nobody.at.all") * 3))
    steps = [(clock.looks[task][1] - clock.looks[task][0] + slept) / step for task, slept in clock.sleeps.items()]

    assert min(spent) >= step
    assert len(steps) == 6
    assert steps == pytest.approx([max(1, round(each)) for each in steps])


@pytest.mark.parametrize("path", ["/users/password/reset/send", "/users/email/verify/send"])
async def test_a_mail_that_is_asked_for_costs_the_same_for_everybody(
    make: Make, client: Clients, admin: Person, node: TestNode, work: Work, path: str
) -> None:
    known, gone = await make.users(2)
    (await client(admin).put(f"/users/{gone.id}/active", {"active": False})).ok()
    await client().post(path, {"email": known.email})
    work.take()

    answers, statements = [], []
    for email in (known.email, gone.email, "nobody@example.org", "someone.else@example.org"):
        before = node.statements
        answers.append(said(await client().post(path, {"email": email})))
        statements.append(node.statements - before)

    assert work.take() == []
    assert answers == [answers[0]] * 4
    assert answers[0][:2] == (200, {"status": "OK"})
    assert statements == [statements[0]] * 4


async def test_how_an_account_signs_in_is_answered_the_same_for_nobody(
    make: Make, client: Clients, node: TestNode
) -> None:
    known = await make.user()
    answers, statements = [], []
    for name in (known.username, "nobody.at.all"):
        before = node.statements
        answers.append(said(await client().post("/users/login/type", {"login_id": name})))
        statements.append(node.statements - before)

    assert answers[0] == answers[1]
    assert statements[0] == statements[1]


async def test_a_locked_account_is_locked_for_its_password_too_and_nobody_learns_which_one_it_was(
    make: Make, client: Clients, settings: Settings, work: Work
) -> None:
    settings(ServiceSettings={"MaximumLoginAttempts": 2})
    ada = await make.user()
    for _ in range(2):
        assert (await log_in(client(), ada.username, WRONG)).status == 401
    work.take()

    right = await log_in(client(node=1), ada.username, ada.password)
    wrong = await log_in(client(), ada.username, WRONG)

    assert (right.status, right.error_id) == (401, "api.user.check_user_login_attempts.too_many.app_error")
    assert said(right) == said(wrong)
    assert "token" not in right.headers
    assert work.take() == []
