"""The works of the table: what each is called, in which unit it is paid for, and how it is measured."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from msgspec import Struct

from benchmarks import requesting
from benchmarks.delivering import fairness, fan_out, small_channels
from benchmarks.floor import floor
from benchmarks.idling import idling
from benchmarks.lab import MS, US, Figures, Lab
from benchmarks.mixing import mix
from benchmarks.requesting import requests


class Work(Struct, frozen=True, kw_only=True):
    """A row of the table."""

    name: str
    title: str
    unit: str = ""
    """Of its cost, "" when it has none."""
    rate: str = ""
    """What "per_s" counts, "" when that is of no interest."""
    measure: Callable[[Lab, str], Awaitable[Figures]] | None = None
    """None: it is one figure, of its name, of the work `of`."""
    of: str = ""
    sockets: int = 0
    """How many have to be open."""


def _fan(name: str, title: str, measure: Callable[..., Awaitable[Figures]], unit: str = "µs", **how: Any) -> Work:
    return Work(name=name, title=title, unit=unit, rate="posts", measure=partial(measure, **how), sockets=1000)


def _call(name: str, title: str, call: requesting.Maker, unit: str = "ms") -> Work:
    measure = partial(requests, call=call, scale=MS if unit == "ms" else US)
    return Work(name=name, title=title, unit=unit, rate="requests", measure=measure)


WORKS = (
    _fan("fanout-4", "fan-out to 1,000 sockets, 4 posters; a delivery", fan_out, posters=4),
    _fan("fanout-16", "fan-out to 1,000 sockets, 16 posters; a delivery", fan_out, posters=16),
    Work(
        name="fairness",
        title="… GET users/me during that",
        measure=partial(fairness, posters=16),
        sockets=1000,
    ),
    _fan("floor", "… the server alone, beside a C program with epoll", floor, unit="times", posters=16),
    _fan("fanout-rate", "fan-out to 1,000 sockets, 20 posts/s; a delivery", fan_out, rate=20.0),
    Work(
        name="channels",
        title="50 channels of 20, 16 posters; a post",
        unit="ms",
        rate="posts",
        measure=partial(small_channels, posters=16, scale=MS),
        sockets=500,
    ),
    _call("post", "POST /posts, channel of 200", requesting.post),
    _call("page", "GET channel posts, 60 a page", requesting.page),
    _call("me", "GET users/me", requesting.me, "µs"),
    _call("users", "GET users, 60 a page", requesting.users),
    _call("user-channels", "GET a user's channels of a team", requesting.user_channels),
    _call("login", "POST users/login", requesting.login),
    Work(
        name="mix",
        title="production mix of 200 people, 20 actions/s; an action, p99 of requests",
        unit="ms",
        measure=mix,
    ),
    Work(name="connect", title="connecting a WebSocket", unit="µs", rate="connects", measure=idling),
    Work(name="memory-2000", title="memory of a silent socket, 2,000", unit="KiB", of="connect"),
    Work(name="memory-5000", title="memory of a silent socket, 5,000", unit="KiB", of="connect"),
    Work(name="idle", title="memory of a fresh node", unit="MB", of="connect"),
)


def chosen(words: str) -> list[Work]:
    """The works that these words, separated by commas, name, or else are parts of the names of; all for no words."""
    names = {work.name for work in WORKS}
    wanted = [word.strip() for word in words.split(",") if word.strip()]
    found = {name for word in wanted for name in ({word} if word in names else names) if word in name}
    return [work for work in WORKS if not wanted or work.name in found]
