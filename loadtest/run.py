"""What the simulated users of one process share while a test runs, and what processes tell each other."""

import random
import string
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gevent
import msgspec
from locust.env import Environment

from loadtest import mix, world
from loadtest.client import Rest, note
from loadtest.deliveries import Ledger
from loadtest.options import Options

ON_SCREEN = 60
PAGE = 200
REMEMBERED = 10_000
"""So many deleted posts are."""


class Account(msgspec.Struct):
    """A user, as lists of users show it."""

    id: str
    username: str


@dataclass(frozen=True)
class Share:
    """The part of a process in a test: which of how many, and what all must know."""

    run: str
    index: int
    count: int
    features: tuple[str, ...]
    users: int
    """Of all processes together, at most."""

    @staticmethod
    def begin(count: int, features: Iterable[str], users: int) -> list["Share"]:
        """The shares of so many processes in a new test."""
        run = "".join(random.choices(string.ascii_lowercase, k=6))
        return [Share(run, index, count, tuple(sorted(features)), users) for index in range(count)]


@dataclass(frozen=True, slots=True)
class Seen:
    """A post that clients show."""

    id: str
    user_id: str
    root_id: str


@dataclass
class Run:
    """One test in one process."""

    environment: Environment
    options: Options
    share: Share
    url: str
    admin: Rest
    ledger: Ledger
    deck: mix.Deck
    accounts: list[Account] = field(default_factory=list)
    bots: list[Account] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    """Ids of users, each string once: many clients know the same people."""
    names: dict[str, str] = field(default_factory=dict)
    screens: dict[str, dict[str, Seen]] = field(default_factory=dict)
    """By channel: the newest posts, oldest first."""
    tally: Counter[str] = field(default_factory=Counter)
    quiet: bool = False
    """Users begin nothing new."""
    began_ms: int = 0
    _given: int = 0
    _cpu: float = field(default_factory=time.process_time)
    _gone: dict[str, None] = field(default_factory=dict)
    """Posts that were deleted, the latest last."""

    @staticmethod
    def join(environment: Environment, share: Share) -> "Run":
        """Take part: sign in as administrator and learn who there is. CallFailed when that is refused."""
        options = Options.of(environment.parsed_options)
        url = environment.host or ""
        actions, _ = mix.offered(share.features, options.least_frequency, options.only_actions)
        admin = Rest(url, None, options.call_timeout)
        admin.login(options.admin, options.admin_password)
        ledger = Ledger(share.run, share.index, partial(note, environment.events.request.fire, "WS"))
        run = Run(environment, options, share, url, admin, ledger, mix.Deck(actions), began_ms=now_ms())
        run._meet()
        return run

    @property
    def features(self) -> tuple[str, ...]:
        """What the server has of what it may lack."""
        return self.share.features

    def account(self) -> tuple[int, Account]:
        """(number, account) of the next simulated user; those of other processes get others."""
        number = self._given * self.share.count + self.share.index
        self._given += 1
        return number, self.accounts[number % len(self.accounts)]

    def bot(self) -> tuple[int, Account]:
        """(number, account) of the next simulated bot; an account of people where the server has no bots."""
        number, account = self.account()
        return number, self.bots[number % len(self.bots)] if self.bots else account

    def intern(self, user_id: str) -> str:
        """The same id as everybody's string."""
        return self.ids.setdefault(user_id, user_id)

    def show(self, channel_id: str, post: Seen) -> None:
        """A post is on the screens of a channel now, if it was not deleted meanwhile."""
        if post.id in self._gone or post.root_id in self._gone:
            return
        screen = self.screens.setdefault(channel_id, {})
        screen[post.id] = post
        while len(screen) > ON_SCREEN:
            del screen[next(iter(screen))]

    def forget(self, channel_id: str, post_id: str) -> None:
        """A post was deleted, with its replies."""
        if post_id in self._gone:
            return
        self._gone[post_id] = None
        if len(self._gone) > REMEMBERED:
            del self._gone[next(iter(self._gone))]
        screen = self.screens.get(channel_id, {})
        for post in [post for post in screen.values() if post_id in (post.id, post.root_id)]:
            del screen[post.id]

    def is_gone(self, post_id: str) -> bool:
        """Was it deleted, as far as anybody here has heard?"""
        return post_id in self._gone

    def counts(self) -> Counter[str]:
        """What was counted since the last call, with the CPU of this process in microseconds."""
        taken = self.tally.copy()
        taken.update(self.ledger.counts)
        self.tally.clear()
        self.ledger.counts.clear()
        cpu = time.process_time()
        taken["client_cpu_us"] = int((cpu - self._cpu) * 1e6)
        self._cpu = cpu
        return taken

    def action_done(self, name: str, seconds: float) -> None:
        """Count an action that was done."""
        self.tally["actions"] += 1
        note(self.environment.events.request.fire, "ACTION", name, seconds * 1000)

    def settled(self, at_least: float, at_most: float) -> int:
        """Wait until all posts have arrived, between so many seconds; how many have not."""
        began = time.monotonic()
        while (passed := time.monotonic() - began) < at_most:
            self.ledger.settle()
            if passed >= at_least and not self.ledger.outstanding:
                break
            gevent.sleep(0.1)
        return self.ledger.outstanding

    def _meet(self) -> None:
        team = msgspec.json.decode(self.admin.get("/teams/name/{}", world.team_name(0)), type=dict[str, Any])["id"]
        page = 0
        while True:
            data = self.admin.get("/users?in_team={}&page={}&per_page={}", team, page, PAGE)
            users = msgspec.json.decode(data, type=list[Account])
            self.accounts += [user for user in users if user.username.startswith("load-user-")]
            self.bots += [user for user in users if user.username.startswith("load-bot-")]
            page += 1
            if len(users) < PAGE:
                break
        self.accounts.sort(key=lambda user: user.username)
        for user in self.accounts:
            self.names[self.intern(user.id)] = user.username
        if "bots" not in self.features:
            self.bots.clear()


def now_ms() -> int:
    """The time as the API has it."""
    return time.time_ns() // 1_000_000
