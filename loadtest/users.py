"""The kinds of users that Locust lets loose."""

import contextlib
import time
from collections.abc import Callable

import gevent
import msgspec
from locust import User, task
from locust.env import Environment

from loadtest import mix, world
from loadtest.behaviours import BEHAVIOURS, bots, starting
from loadtest.client import CallFailed
from loadtest.person import Channel, NoTarget, Person
from loadtest.run import Run

RETRY = 3.0
STORM_POSTERS = 0.05
"""Share of Storm users that post while the others are away."""

_runs: dict[int, Run] = {}


def set_run(environment: Environment, run: Run) -> None:
    """What the users of an environment take part in."""
    _runs.clear()
    _runs[id(environment)] = run


def run_of(environment: Environment) -> Run | None:
    """What they take part in, once a test has begun."""
    return _runs.get(id(environment))


class Chatter(User):
    """Somebody with an account."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        run = run_of(environment)
        if run is None:
            raise RuntimeError("users come when a test has begun")
        self.test: Run = run
        self.person = self.make_person()
        self.ready = False
        """Has it begun?"""
        self._poll: gevent.Greenlet[[], None] | None = None

    def make_person(self) -> Person:
        """Who it is."""
        number, account = self.test.account()
        return Person(self.test, number, account)

    def begin(self) -> None:
        """Sign in, learn which channels there are, connect. CallFailed is tried again."""
        self.person.sign_in()
        starting.learn_channels(self.person)
        self.person.reconnect()

    def on_start(self) -> None:
        """Begin, and begin again while the server doesn't let it."""
        while not self.ready:
            try:
                self.begin()
                self.ready = True
            except CallFailed:
                self.person.drop()
                gevent.sleep(RETRY * self.person.rng.uniform(0.5, 1.5))
        self.test.tally["ready"] += 1
        self.before_first()

    def before_first(self) -> None:
        """Wait as if it had been here for a while, else all would act at once."""
        gevent.sleep(self.person.rng.random() * self.wait_time())

    def on_stop(self) -> None:
        """Be gone."""
        if self.ready:
            self.test.tally["ready"] -= 1
            self.ready = False
        if self._poll is not None:
            self._poll.kill(block=False)
        self.person.leave()

    def wait_time(self) -> float:
        """Seconds until the next action."""
        return mix.idle(self.person.rng, self.test.options.idle, self.person.rate)

    def do(self, name: str, work: Callable[[Person], object]) -> None:
        """Do one thing, and count it under the name."""
        began = time.perf_counter()
        try:
            work(self.person)
        except NoTarget:
            self.test.tally["without_target"] += 1
        except CallFailed:
            self.test.tally["failed_actions"] += 1
        else:
            self.test.action_done(name, time.perf_counter() - began)


class People(Chatter):
    """What people do all day, with the web client's calls and one WebSocket."""

    def begin(self) -> None:
        """Load the client."""
        starting.start(self.person)
        self._poll = gevent.spawn(self._polls)

    def _polls(self) -> None:
        gevent.sleep(self.person.rng.random() * mix.POLL_EVERY)
        while True:
            if not self.test.quiet:
                self.person.background(self.person.poll)
            gevent.sleep(mix.POLL_EVERY)

    @task
    def act(self) -> None:
        """One action of the mix."""
        if self.test.quiet:
            return
        name = self.test.deck.draw(self.person.rng) if self.person.signed_in else "LogoutLogin"
        self.do(name, BEHAVIOURS[name])


class Lurkers(Chatter):
    """Sockets and nothing else: who is connected and says nothing."""

    def wait_time(self) -> float:
        """A minute of nothing."""
        return 60.0

    @task
    def act(self) -> None:
        """Nothing."""


class Storm(Lurkers):
    """Everybody loses the connection at the same moment, and comes back where it was; some post meanwhile."""

    def wait_time(self) -> float:
        """The storms have their times, by the clock."""
        return 1.0

    @task
    def act(self) -> None:
        """Wait for the next storm and go through it."""
        every = self.test.options.storm_every
        gevent.sleep(every - time.time() % every)
        if not self.test.quiet:
            self.person.drop()
            self.test.tally["reconnects"] += 1
            gevent.sleep(self.person.rng.random() * self.test.options.storm_away)
            self.do("StormReconnect", self._come_back)

    def _come_back(self, person: Person) -> None:
        try:
            if person.rng.random() < STORM_POSTERS:
                person.write(person.channel.id)
        finally:
            person.reconnect()


class Hotspot(Chatter):
    """Everybody in one channel, where a steady number of posts a second is written."""

    def begin(self) -> None:
        """Sign in and connect; of all channels only the big one counts."""
        person = self.person
        person.sign_in()
        team = msgspec.json.decode(person.rest.get("/teams/name/{}", world.team_name(0)), type=Channel)
        path = "/teams/{}/channels/name/" + world.HOTSPOT
        person.channel = msgspec.json.decode(person.rest.get(path, team.id), type=Channel)
        person.join(person.channel.id)
        person.reconnect()

    def wait_time(self) -> float:
        """Posts of independent people, so many a second of all together."""
        return self.person.rng.expovariate(self.test.options.hotspot_rate / max(self.test.share.users, 1))

    @task
    def act(self) -> None:
        """Post."""
        if not self.test.quiet:
            self.do("HotspotPost", lambda person: person.write(person.channel.id))


class Bots(Chatter):
    """Programs that use REST alone, with the token of a bot account where the server has those."""

    def make_person(self) -> Person:
        """A bot account's, if there are any."""
        self._token_id = ""
        return Person(self.test, *self.test.bot())

    def begin(self) -> None:
        """Get a token, and learn where it may post."""
        person = self.person
        if self.test.bots:
            token, self._token_id = bots.new_token(self.test.admin, person.id)
            person.carry(token)
        else:
            person.sign_in()
        bots.settle_in(person)
        person.rate = 1

    def on_stop(self) -> None:
        """Leave no token behind."""
        super().on_stop()
        if self._token_id:
            with contextlib.suppress(CallFailed):
                self.test.admin.post("/users/tokens/revoke", body={"token_id": self._token_id})

    @task
    def act(self) -> None:
        """One thing that programs do."""
        if not self.test.quiet:
            name = bots.draw(self.person.rng)
            self.do(name, bots.WORK[name])


CLASSES: tuple[type[Chatter], ...] = (People, Lurkers, Bots, Storm, Hotspot)
