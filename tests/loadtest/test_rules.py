"""The stop rules: what breaks them, and that a broken one ends the program with a code of its own."""

from argparse import Namespace
from collections import Counter

import pytest
from locust.env import Environment
from locust.stats import RequestStats, StatsError

from loadtest.capacity import Step
from loadtest.client import Disconnected, Refused, ServerFailed, TimedOut
from loadtest.conductor import Conductor
from loadtest.cpu import CLIENT
from loadtest.options import Options
from loadtest.report import BUSY_TEXT, Result, report
from loadtest.rules import Figures, Limits, correctness, figures_of, overload


def requests(count: int, milliseconds: int) -> RequestStats:
    stats = RequestStats()
    for _ in range(count):
        stats.log_request("GET", "/users/me", milliseconds, 10)
    return stats


def broken(stats: RequestStats, **counts: int) -> list[str]:
    figures = figures_of(stats)
    rules = overload(figures, Limits()) + correctness(figures, counts)
    return [rule.name for rule in rules if not rule.holds]


def test_a_server_that_answers_in_time_breaks_no_rule() -> None:
    assert broken(requests(1000, 99)) == []


def test_a_slow_mean_and_a_slow_hundredth_are_noticed() -> None:
    assert broken(requests(1000, 120)) == ["requests, mean"]
    stats = requests(970, 10)
    for _ in range(30):
        stats.log_request("POST", "/posts", 2500, 10)
    assert broken(stats) == ["requests, p99"]


@pytest.mark.parametrize("failure", [ServerFailed("503"), TimedOut("no answer in time"), Disconnected("OSError")])
def test_one_failure_in_three_thousand_is_one_too_many(failure: Exception) -> None:
    stats = requests(3000, 5)
    stats.log_error("GET", "/users/me", failure)
    assert broken(stats) == ["5xx, 429, timeouts, broken connections"]

    stats = requests(5000, 5)
    stats.log_error("GET", "/users/me", failure)
    assert broken(stats) == []


def test_refusals_are_another_rule() -> None:
    stats = requests(1000, 5)
    for _ in range(2):
        stats.log_error("GET", "/users/me", Refused("403 api.context.permissions.app_error"))
    assert broken(stats) == ["requests refused (4xx)"]


def test_failures_that_a_worker_told_of_count_as_much() -> None:
    stats = requests(1000, 5)
    told = StatsError("GET", "/users/me", TimedOut("no answer in time")).serialize()
    stats.errors["key"] = StatsError("GET", "/users/me", told["error"], occurrences=4)

    assert figures_of(stats).failed_percent == 0.4


def test_sockets_and_actions_are_no_requests() -> None:
    stats = requests(10, 5)
    stats.log_request("WS", "deliver posted", 9000, 0)
    stats.log_request("ACTION", "SwitchChannel", 9000, 0)
    stats.log_error("WS", "lost", TimedOut("late"))

    assert figures_of(stats) == Figures(10, 50, Counter({5: 10}), Counter())


@pytest.mark.parametrize(
    ("count", "rule"),
    [
        ("lost", "posts lost"),
        ("twice", "posts delivered twice"),
        ("gaps", "gaps in the numbers of events"),
    ],
)
def test_a_single_delivery_that_went_wrong_breaks_a_rule(count: str, rule: str) -> None:
    assert broken(requests(10, 5), **{count: 1}) == [rule]


def test_figures_of_a_while_are_those_that_came_since() -> None:
    stats = requests(100, 5)
    before = figures_of(stats)
    for _ in range(50):
        stats.log_request("GET", "/users/me", 40, 10)

    since = figures_of(stats).since(before)

    assert (since.requests, since.mean_ms, since.percentile_ms(0.5)) == (50, 40, 40)


@pytest.mark.parametrize(("milliseconds", "lost", "code"), [(5, 0, 0), (500, 0, 3), (5, 1, 3)])
def test_the_exit_code_tells_of_broken_rules_and_the_table_names_them(milliseconds: int, lost: int, code: int) -> None:
    environment = Environment(parsed_options=Namespace(), host="http://chat")
    environment.stats = requests(100, milliseconds)
    conductor = Conductor(environment, Options(), users=1)
    conductor.counts["lost"] = lost
    conductor._result = result = Result("http://chat", 1)

    conductor._on_quitting(environment)

    assert environment.process_exit_code == code
    assert ("BROKEN" in report(result, environment.stats)) == (code == 3)


def test_a_test_that_did_nothing_is_no_success() -> None:
    environment = Environment(parsed_options=Namespace(), host="http://chat")
    conductor = Conductor(environment, Options(), users=1)
    conductor._result = result = Result("http://chat", 1)

    conductor._on_quitting(environment)

    assert environment.process_exit_code == 3
    assert "NOTHING WAS DONE" in report(result, environment.stats)


@pytest.mark.parametrize(("last", "said"), [(500, "capacity: 10 users,"), (5, "capacity: at least 20 users,")])
def test_a_capacity_whose_border_was_not_found_is_called_so(last: int, said: str) -> None:
    steps = []
    for users, milliseconds in ((10, 5), (20, last)):
        figures = figures_of(requests(100, milliseconds))
        steps.append(Step(users, 30, 300, figures, overload(figures, Limits()), {}))
    carried = max(step.users for step in steps if step.carried)

    text = report(Result("http://chat", 20, steps=steps, capacity=carried), RequestStats())

    assert f"\n{said} 10 actions/s" in text
    assert text.startswith("up to 20 users on http://chat\n")
    assert BUSY_TEXT not in text


@pytest.mark.parametrize(("processes", "told"), [(1, True), (2, False)])
def test_a_test_without_cpu_to_spare_says_so(processes: int, told: bool) -> None:
    figures = figures_of(requests(100, 500))
    used = {CLIENT: 28.0, "server": 30.0}
    step = Step(20, 30, 300, figures, overload(figures, Limits()), used)
    steady = Result("http://chat", 20, seconds=30, actions=300, cpu=used, processes=processes)
    searched = Result("http://chat", 20, steps=[step], capacity=0, processes=processes)

    assert (BUSY_TEXT in report(steady, RequestStats())) == told
    assert (BUSY_TEXT in report(searched, RequestStats())) == told


def test_whoever_stops_it_while_data_is_made_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("loadtest.conductor.sign_in_admin", lambda *_: None)
    monkeypatch.setattr("loadtest.filling.Filling.fill", stopped)
    environment = Environment(parsed_options=Namespace(), host="http://chat", user_classes=[])

    with pytest.raises(SystemExit) as ended:
        Conductor(environment, Options(), users=1)._prepare()

    assert ended.value.code == 2
    assert capsys.readouterr().err == "stopped while the data was made; the next run goes on with it\n"
