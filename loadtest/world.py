"""The data that a test runs on, as a plan: who is in which channel.

Accounts have numbers. Twenty in a row are a department, two hundred a site, so a service grows without
changing what was there: in each of two teams, everybody has two public channels (of the site), one private
channel (of the department), six direct ones and one group, which is 20, 10, 60 and 10 % of ten.
"""

from collections.abc import Iterator
from dataclasses import dataclass

TEAMS = 2
DEPARTMENT = 20
SITE = 200
PUBLIC, PRIVATE, DIRECT, GROUP = 2, 1, 6, 1
"""Channels of each kind that a user has in a team."""

GROUP_SIZE = 4
OPEN = 10
"""Public channels of a team that nobody is in, to be joined."""

SHARE_OF_POSTS = {"O": 0.55, "P": 0.15, "D": 0.22, "G": 0.08}
REPLIES = 0.5
LONG_THREADS = 0.05
"""Share of the replies that go to one long thread of each public channel."""

HOTSPOT = "load-hotspot"


@dataclass(frozen=True)
class Planned:
    """A channel that is to be there: its members by number, and how many posts it starts with."""

    type: str
    team: int
    name: str
    members: tuple[int, ...]
    posts: int


def whole_departments(accounts: int) -> int:
    """The number of accounts rounded up, so that everybody has a full sidebar."""
    return max(-(-accounts // DEPARTMENT), 1) * DEPARTMENT


def team_name(number: int) -> str:
    """The name of a team in its URL."""
    return f"load-team-{number}"


def username(number: int) -> str:
    """The name of an account."""
    return f"load-user-{number:05d}"


def bot_name(number: int) -> str:
    """The name of a bot account."""
    return f"load-bot-{number:05d}"


def open_channel(team: int, number: int) -> str:
    """The name of a channel that nobody is in."""
    return f"load-open-{team}-{number}"


def plan(accounts: int, posts_each: float) -> Iterator[Planned]:
    """All channels of so many accounts, which are whole departments."""
    rounding = _Rounding()
    for team in range(TEAMS):
        yield from _public(accounts, team, posts_each, rounding)
        yield from _private(accounts, team, posts_each, rounding)
        yield from _direct(accounts, team, posts_each, rounding)
        yield from _groups(accounts, team, posts_each, rounding)


class _Rounding:
    """Rounds a row of shares so that their sum stays right."""

    def __init__(self) -> None:
        self._rest = 0.5

    def whole(self, share: float) -> int:
        self._rest += share
        count = int(self._rest)
        self._rest -= count
        return count


def _public(accounts: int, team: int, posts_each: float, rounding: _Rounding) -> Iterator[Planned]:
    for first in range(0, accounts, SITE):
        members = tuple(range(first, min(first + SITE, accounts)))
        posts = posts_each * len(members) * SHARE_OF_POSTS["O"] / (PUBLIC * TEAMS)
        for number in range(PUBLIC):
            name = f"load-public-{team}-{number}-{first // SITE}"
            yield Planned("O", team, name, members, rounding.whole(posts))


def _private(accounts: int, team: int, posts_each: float, rounding: _Rounding) -> Iterator[Planned]:
    posts = posts_each * DEPARTMENT * SHARE_OF_POSTS["P"] / (PRIVATE * TEAMS)
    for first in range(0, accounts, DEPARTMENT):
        for number in range(PRIVATE):
            name = f"load-private-{team}-{number}-{first // DEPARTMENT}"
            yield Planned("P", team, name, tuple(range(first, first + DEPARTMENT)), rounding.whole(posts))


def _direct(accounts: int, team: int, posts_each: float, rounding: _Rounding) -> Iterator[Planned]:
    """Pairs as rounds of a tournament among the department: nobody meets anybody twice, in all teams."""
    ranks = sum(1 / (rank + 1) for rank in range(DIRECT))
    for rank in range(DIRECT):
        posts = posts_each * 2 * SHARE_OF_POSTS["D"] / TEAMS / (rank + 1) / ranks
        turn = team * DIRECT + rank
        for first in range(0, accounts, DEPARTMENT):
            for one, other in _round(turn):
                yield Planned("D", team, "", (first + one, first + other), rounding.whole(posts))


def _round(turn: int) -> Iterator[tuple[int, int]]:
    """All pairs of one round among a department: the last stays, the others go round a circle."""
    circle = DEPARTMENT - 1
    yield turn % circle, circle
    for step in range(1, DEPARTMENT // 2):
        yield (turn + step) % circle, (turn - step) % circle


def _groups(accounts: int, team: int, posts_each: float, rounding: _Rounding) -> Iterator[Planned]:
    """Neighbours in one team, every fifth of a department in the other."""
    posts = posts_each * GROUP_SIZE * SHARE_OF_POSTS["G"] / (GROUP * TEAMS)
    groups = DEPARTMENT // GROUP_SIZE
    for first in range(0, accounts, DEPARTMENT):
        for number in range(groups):
            if team == 0:
                members = range(first + number * GROUP_SIZE, first + (number + 1) * GROUP_SIZE)
            else:
                members = range(first + number, first + DEPARTMENT, groups)
            yield Planned("G", team, "", tuple(members), rounding.whole(posts))
