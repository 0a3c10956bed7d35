"""The plan of the data: everybody has the sidebar of the mix, however many there are."""

from collections import Counter

import pytest

from loadtest import world


@pytest.mark.parametrize("accounts", [20, 200, 460])
def test_everybody_has_two_public_one_private_six_direct_channels_and_a_group_in_each_team(accounts: int) -> None:
    has: Counter[tuple[int, int, str]] = Counter()
    for channel in world.plan(accounts, 15):
        for member in channel.members:
            has[member, channel.team, channel.type] += 1

    for member in range(accounts):
        for team in range(world.TEAMS):
            kinds = {kind: has[member, team, kind] for kind in "OPDG"}
            assert kinds == {"O": 2, "P": 1, "D": 6, "G": 1}, (member, team)


def test_nobody_has_the_same_direct_channel_or_group_twice() -> None:
    talks = [channel.members for channel in world.plan(200, 15) if channel.type in "DG"]

    assert len({frozenset(members) for members in talks}) == len(talks)
    assert {len(set(members)) for members in talks} == {2, 4}


def test_a_service_grows_without_changing_what_was_there() -> None:
    def private(accounts: int) -> set[tuple[str, int, str, tuple[int, ...]]]:
        return {(c.type, c.team, c.name, c.members) for c in world.plan(accounts, 15) if c.type != "O"}

    small, large = private(40), private(400)
    assert small < large
    sites = {c.name: c.members for c in world.plan(400, 15) if c.type == "O"}
    assert set(sites["load-public-0-0-0"]) == set(range(200))
    assert set(sites["load-public-0-0-1"]) == set(range(200, 400))


def test_posts_are_as_many_as_wanted_and_spread_over_the_kinds() -> None:
    posts: Counter[str] = Counter()
    for channel in world.plan(200, 15):
        posts[channel.type] += channel.posts

    total = sum(posts.values())
    assert total == pytest.approx(3000, abs=5)
    for kind, share in world.SHARE_OF_POSTS.items():
        assert posts[kind] / total == pytest.approx(share, abs=0.01), kind


def test_accounts_come_in_whole_departments() -> None:
    assert [world.whole_departments(count) for count in (0, 1, 20, 21, 200)] == [20, 20, 20, 40, 200]
