"""The rules of flatness on made-up series: what is flat with noise passes, what leaks fails."""

import random
from collections.abc import Callable

import pytest

from tests.soak.flatness import (
    Bounds,
    Point,
    floors,
    judged,
    judged_latency,
    percentile,
    percentiles,
    quarter,
    slope,
)

MEMORY = Bounds(share=0.02, least=1000.0, per_minute=128.0)
COUNT = Bounds(share=0.0, least=3.0, most=0.0)
MINUTES = 5
EVERY = 2.0


def series(value: Callable[[float, random.Random], float], minutes: float = MINUTES, seed: int = 1) -> list[Point]:
    """A value for every two seconds; the time that it is asked with is in minutes."""
    chance = random.Random(seed)
    return [(100 + number * EVERY, value(number * EVERY / 60, chance)) for number in range(int(minutes * 60 / EVERY))]


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_flat(seed: int) -> None:
    assert judged(series(lambda at, chance: chance.gauss(100_000, 800), seed=seed), MEMORY).flat
    assert judged(series(lambda at, chance: 40 + chance.choice((0, 0, 1, 2, 5, 9)), seed=seed), COUNT).flat


@pytest.mark.parametrize("seed", range(20))
def test_spikes_are_flat(seed: int) -> None:
    def spiky(at: float, chance: random.Random) -> float:
        return 100_000 + chance.gauss(0, 300) + (20_000 if chance.random() < 0.3 else 0)

    assert judged(series(spiky, seed=seed), MEMORY).flat


@pytest.mark.parametrize("phase", [0.0, 0.2, 0.4, 0.6, 0.8])
def test_garbage_that_is_collected_now_and_then_is_flat(phase: float) -> None:
    sawtooth = series(lambda at, chance: 100_000 + 4_000 * ((at + phase) % 1.0) + chance.gauss(0, 200), minutes=20)

    assert judged(sawtooth, MEMORY).flat


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("moment", [1.0, 1.5, 2.0, 2.5, 3.0])
def test_a_step_is_flat_unless_it_is_a_high_one(moment: float, seed: int) -> None:
    def step(height: float) -> list[Point]:
        return series(lambda at, chance: 100_000 + chance.gauss(0, 150) + (height if at > moment else 0), seed=seed)

    assert judged(step(3_000), MEMORY).flat
    assert judged(step(40_000), MEMORY).fault == ("has grown" if moment > 1.9 else "")


def test_what_settles_is_flat() -> None:
    settling = series(lambda at, chance: 110_000 - 10_000 * 0.2**at + chance.gauss(0, 300), minutes=10)

    assert judged(settling, MEMORY).flat


def test_what_shrinks_is_flat() -> None:
    assert judged(series(lambda at, chance: 120_000 - 2_000 * at), MEMORY).flat


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("leak", [1_500, 3_000, 20_000])
def test_a_leak_is_found_under_noise(seed: int, leak: float) -> None:
    leaking = series(lambda at, chance: 100_000 + leak * at + chance.gauss(0, 400), seed=seed)

    verdict = judged(leaking, MEMORY)

    assert verdict.fault == "grows"
    assert verdict.per_minute == pytest.approx(leak, rel=0.3)
    assert verdict.after > verdict.before


@pytest.mark.parametrize("seed", range(20))
def test_a_small_leak_is_found_when_there_is_time(seed: int) -> None:
    def leaking(at: float, chance: random.Random) -> float:
        return 100_000 + 200 * at + 4_000 * (at % 1.0) + chance.gauss(0, 800)

    assert judged(series(leaking, minutes=5, seed=seed), MEMORY).flat
    assert judged(series(leaking, minutes=60, seed=seed), MEMORY).fault == "grows"


def test_a_leak_in_steps_is_found() -> None:
    assert judged(series(lambda at, chance: 100_000 + 4_000 * int(at * 1.5)), MEMORY).fault == "grows"


def test_a_count_that_leaks_is_found_though_it_swings() -> None:
    leaking = series(lambda at, chance: 40 + int(at * 2) + chance.choice((0, 0, 1, 2, 5, 9)))

    assert judged(leaking, COUNT).fault == "grows"


def test_too_few_samples_are_no_proof() -> None:
    assert not judged(series(lambda at, chance: 1.0)[:7], MEMORY).flat
    assert not judged([], MEMORY).flat
    assert not judged_latency([], 2, 1).flat


@pytest.mark.parametrize("seed", range(20))
def test_latencies_with_noise_are_flat(seed: int) -> None:
    noisy = series(lambda at, chance: 0.01 + chance.expovariate(20), seed=seed)

    assert judged_latency(percentiles(noisy, 0.99), factor=3, floor=0.1).flat
    assert judged_latency(percentiles(noisy, 0.50), factor=3, floor=0.1).flat


def test_latencies_that_grow_are_found() -> None:
    growing = series(lambda at, chance: (0.01 + chance.expovariate(20)) * (1 + at**2))

    assert judged_latency(percentiles(growing, 0.99), factor=3, floor=0.1).fault == "grows"


def test_the_slope_is_that_of_most() -> None:
    assert slope([(0, 1), (1, 2), (2, 3), (3, 100), (4, 5)]) == pytest.approx(1)
    assert slope([(0, 1)]) == 0


def test_windows_quarters_and_percentiles() -> None:
    ramp = [(float(at), float(at)) for at in range(100)]

    assert [value for _, value in floors(ramp, 4)] == [0, 25, 50, 75]
    assert floors([(1.0, 5.0), (1.0, 3.0)]) == [(1.0, 3.0)]
    assert floors([]) == []
    assert quarter(ramp, 1) == pytest.approx(12, abs=1)
    assert quarter(ramp, 4) == pytest.approx(87, abs=1)
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile([3, 1, 2], 0.99) == 3
    assert percentile([], 0.5) == 0
    assert [value for _, value in percentiles(ramp, 0.99, 2)] == [49, 99]
    assert percentiles([], 0.5) == []
