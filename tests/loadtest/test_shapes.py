"""How the number of users goes, and how a capacity is found."""

from dataclasses import dataclass, field

import pytest
from locust.env import Environment

from loadtest.capacity import SETTLE, Capacity, Search
from loadtest.rules import Limits
from loadtest.shapes import SECONDS, SIGN_IN_SECONDS, Stage, Staged, stages


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("shape", sorted(SECONDS))
def test_every_shape_fills_its_time_and_reaches_all_users(shape: str) -> None:
    plan = stages(shape, 200, 240)

    assert plan[-1].until == 240
    assert max(stage.users for stage in plan) == 200
    assert [stage.until for stage in plan] == sorted(stage.until for stage in plan)


def test_a_ramp_rises_and_a_spike_comes_back() -> None:
    assert [stage.users for stage in stages("ramp", 200, 240)] == list(range(20, 201, 20))
    assert [stage.users for stage in stages("ramp", 3, 240)] == [1, 2, 3]
    assert [stage.users for stage in stages("spike", 200, 240)] == [40, 200, 40, 200, 40]


def test_time_counts_from_when_the_first_users_are_there() -> None:
    clock, ready = Clock(), [0]
    shape = Staged([Stage(10, 5), Stage(20, 8)], 2.0, lambda: ready[0], clock)

    assert shape.tick() == (5, 2.0)
    clock.now += 100
    assert shape.tick() == (5, 2.0)
    ready[0] = 5
    assert shape.tick() == (5, 2.0)
    clock.now += 11
    assert shape.tick() == (8, 2.0)
    clock.now += 10
    assert shape.tick() is None


def test_a_shape_does_not_wait_for_ever() -> None:
    clock = Clock()
    shape = Staged([Stage(10, 5)], 2.0, lambda: 0, clock)

    clock.now += SIGN_IN_SECONDS
    assert shape.tick() == (5, 2.0)
    clock.now += 10
    assert shape.tick() is None


@pytest.mark.parametrize("border", [1, 7, 50, 333, 999])
def test_a_search_ends_near_the_border(border: int) -> None:
    search = Search(20, 1000)
    tried = []
    while search.users is not None:
        tried.append(search.users)
        search.tell(carried=search.users <= border)

    assert search.good <= border
    assert search.bad is not None
    assert search.bad > border
    assert search.bad - search.good <= max(0.1 * search.good, 1)
    assert len(tried) == len(set(tried)) <= 20


def test_a_search_ends_with_all_users_when_nothing_breaks() -> None:
    search = Search(100, 300)
    tried = []
    while search.users is not None:
        tried.append(search.users)
        search.tell(carried=True)

    assert tried == [100, 151, 227, 300]
    assert (search.good, search.bad) == (300, None)


@dataclass
class FakeServer:
    """So many users at once are answered in time."""

    border: int
    environment: Environment = field(default_factory=Environment)
    user_count: int = 0

    def serve(self, users: int) -> None:
        self.user_count = users
        for _ in range(users):
            self.environment.stats.log_request("GET", "/users/me", 10 if users <= self.border else 500, 10)
        self.environment.stats.log_request("ACTION", "SwitchChannel", 10, 0)


def test_capacity_goes_up_until_a_rule_breaks_and_reports_the_last_good_number() -> None:
    clock, server, said = Clock(), FakeServer(border=100), list[str]()
    shape = Capacity(
        Search(20, 1000),
        spawn_rate=10,
        step_time=30,
        limits=Limits(),
        ready=lambda: server.user_count,
        cpu=lambda: {"server": clock.now},
        say=said.append,
        clock=clock,
    )
    shape.runner = server  # type: ignore[assignment] # what it asks of a runner

    while (tick := shape.tick()) is not None:
        server.serve(tick[0])
        clock.now += 1

    assert 90 <= shape.search.good <= 100
    assert [step.users for step in shape.steps][:5] == [20, 31, 47, 71, 107]
    assert [step.carried for step in shape.steps][:5] == [True, True, True, True, False]
    assert "107 users: too many (requests, mean)" in said
    for step in shape.steps:
        assert 30 <= step.seconds <= 31
        assert step.cpu == {"server": step.seconds}
        assert step.actions == pytest.approx(30, abs=1)
        assert step.figures.percentile_ms(0.01) == step.figures.percentile_ms(0.99), "figures of other steps"
    assert clock.now - 1000 >= len(shape.steps) * (30 + SETTLE)
