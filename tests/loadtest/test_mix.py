"""The mix: how often what is done, by whom, after which pause."""

import random
from collections import Counter

import pytest

from loadtest import mix
from loadtest.behaviours import BEHAVIOURS

ALL = {action.needs for action in mix.ACTIONS}


def test_every_action_of_the_mix_has_a_behaviour_and_none_is_left_over() -> None:
    assert {action.name for action in mix.ACTIONS} == set(BEHAVIOURS)
    assert len({action.name for action in mix.ACTIONS}) == len(mix.ACTIONS)


def test_actions_are_drawn_by_their_frequencies() -> None:
    actions, _ = mix.offered(ALL, mix.LEAST_FREQUENCY)
    total = sum(action.frequency for action in actions)
    rng = random.Random(1)
    deck = mix.Deck(actions)

    drawn = Counter(deck.draw(rng) for _ in range(100_000))

    for action in actions:
        expected = 100_000 * action.frequency / total
        assert abs(drawn[action.name] - expected) <= 5 * expected**0.5 + 5, action.name


def test_hands_of_the_deck_differ_by_one_action_at_most() -> None:
    actions, _ = mix.offered(ALL, mix.LEAST_FREQUENCY)
    total = sum(action.frequency for action in actions)
    deck, rng = mix.Deck(actions), random.Random(1)

    for _ in range(20):
        drawn = Counter(deck.draw(rng) for _ in range(mix.CARDS))
        for action in actions:
            assert abs(drawn[action.name] - mix.CARDS * action.frequency / total) < 1, action.name


def test_what_the_server_lacks_and_what_is_rare_is_left_out_and_said() -> None:
    actions, left_out = mix.offered({"threads"}, mix.LEAST_FREQUENCY)

    names = {action.name for action in actions}
    assert {"CreatePost", "SwitchChannel", "ViewThread"} <= names
    assert not {"UpsertDraft", "DeleteDraft", "CreateScheduledPost", "FullReload"} & names
    assert left_out["UpsertDraft"] == "without drafts"
    assert left_out["FullReload"] == "rarer than 0.001"
    assert names | set(left_out) == {action.name for action in mix.ACTIONS}


def test_single_actions_can_be_chosen_however_rare_they_are() -> None:
    actions, left_out = mix.offered((), mix.LEAST_FREQUENCY, ["FullReload", "CreatePost"])

    assert [action.name for action in actions] == ["CreatePost", "FullReload"]
    assert left_out == {}
    with pytest.raises(ValueError, match="no such action: Dance"):
        mix.offered((), 0, ["Dance"])
    with pytest.raises(ValueError, match="no action is left"):
        mix.Deck([])


@pytest.mark.parametrize("first", [0, 777])
def test_users_are_slower_by_the_shares_of_the_mix(first: int) -> None:
    rates = Counter(mix.rate_of(number) for number in range(first, first + 400))

    assert {rate: round(count / 400, 2) for rate, count in rates.items()} == pytest.approx(dict(mix.RATES), abs=0.011)
    assert 20 / mix.mean_rate() == pytest.approx(88.2, abs=0.1)


def test_users_idle_a_second_at_least_and_as_long_as_wanted_in_the_mean() -> None:
    rng = random.Random(2)
    pauses = [mix.idle(rng, 20.0, 1) for _ in range(20_000)]

    assert min(pauses) >= 1.0
    assert sum(pauses) / len(pauses) == pytest.approx(20.0, rel=0.02)
    assert min(mix.idle(rng, 20.0, 6) for _ in range(1000)) >= 6.0
    assert mix.idle(rng, 0.2, 1) == 0.2
