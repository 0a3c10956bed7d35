"""What people do and how often: the production mix, as data.

Frequencies are relative to posting a message, as measured in production in the busiest hours.
"""

import itertools
import random
from bisect import bisect
from collections.abc import Collection, Sequence
from dataclasses import dataclass

PHI = 0.6180339887498949
"""Steps of this length, around a circle, spread any number of users evenly over shares."""


@dataclass(frozen=True)
class Action:
    """One kind of thing that users do; `needs` is the feature that a server may lack."""

    name: str
    frequency: float
    needs: str = ""


ACTIONS = (
    Action("SwitchChannel", 6.5219),
    Action("ScrollChannel", 1.9873),
    Action("DeleteDraft", 1.41, "drafts"),
    Action("CreatePost", 1.0),
    Action("UnreadCheck", 1.0),
    Action("OpenDirectOrGroupChannel", 0.9843),
    Action("ViewGlobalThreads", 0.6023, "threads"),
    Action("UpsertDraft", 0.504, "drafts"),
    Action("UpdateThreadRead", 0.3236, "threads"),
    Action("ClickPermalink", 0.3),
    Action("ViewThread", 0.2841, "threads"),
    Action("ReconnectWebSocket", 0.144),
    Action("AddReaction", 0.1306),
    Action("EditPost", 0.04),
    Action("GetDrafts", 0.037, "drafts"),
    Action("SearchUsers", 0.032),
    Action("ClickUserProfile", 0.03),
    Action("SearchPosts", 0.0218),
    Action("SearchGroupChannels", 0.0204, "group_search"),
    Action("SearchChannels", 0.015),
    Action("SearchPostsInAllTeams", 0.0109, "search_in_all_teams"),
    Action("CreateDirectChannel", 0.0055),
    Action("UnfollowThread", 0.005, "threads"),
    Action("JoinChannel", 0.0049),
    Action("DeletePost", 0.0049),
    Action("UpdateSidebarCategory", 0.004, "categories"),
    Action("CreateGroupChannel", 0.0029),
    Action("UpdateCustomStatus", 0.0028, "custom_status"),
    Action("RemoveCustomStatus", 0.0026, "custom_status"),
    Action("CreateScheduledPost", 0.001, "scheduled_posts"),
    Action("UpdateScheduledPost", 0.001, "scheduled_posts"),
    Action("DeleteScheduledPost", 0.001, "scheduled_posts"),
    Action("FullReload", 0.0008),
    Action("LogoutLogin", 0.0006),
)

RATES = ((1, 0.05), (2, 0.10), (3, 0.15), (6, 0.40), (30, 0.30))
"""How many times slower than the average idle time users are, and the share of users."""

LEAST_FREQUENCY = 0.001
MIN_IDLE = 1.0
IDLE = 20.0
POLL_EVERY = 60.0
"""Seconds; every client asks so often for the statuses that it shows."""

REPLIES, WITH_FILE, URGENT = 0.18, 0.02, 0.001
"""Shares of the posts that users write."""

FIRST_VISITS = 0.1
"""Share of opened channels that are fetched as if never seen, beside those that the person got into meanwhile."""

UNKNOWN_TYPISTS = 0.001
"""Share of the `typing` events that come from somebody whom the client has to fetch."""

CARDS = 500
"""So many actions are dealt at a time."""


class Deck:
    """The actions that are offered, each as often as its frequency says: runs differ by chance as little as can be."""

    def __init__(self, actions: Sequence[Action]) -> None:
        """ValueError when there are none."""
        if not actions:
            raise ValueError("no action is left to offer")
        self.names = [action.name for action in actions]
        self._upto = list(itertools.accumulate(action.frequency for action in actions))
        self._cards: list[str] = []

    def draw(self, rng: random.Random) -> str:
        """The name of the next action."""
        if not self._cards:
            step, last = self._upto[-1] / CARDS, len(self.names) - 1
            first = rng.random()  # where the first card is taken from gives rare actions their chance
            self._cards = [self.names[bisect(self._upto, (first + card) * step, hi=last)] for card in range(CARDS)]
            rng.shuffle(self._cards)
        return self._cards.pop()


def offered(features: Collection[str], least: float, only: Collection[str] = ()) -> tuple[list[Action], dict[str, str]]:
    """The actions to offer to a server with these features, and why each other one is left out.

    `only` names the actions to offer whatever their frequency; ValueError when it names one that is not there.
    """
    if unknown := set(only) - {action.name for action in ACTIONS}:
        raise ValueError(f"no such action: {', '.join(sorted(unknown))}")
    chosen, left_out = [], {}
    for action in ACTIONS:
        if only and action.name not in only:
            continue
        if action.needs and action.needs not in features:
            left_out[action.name] = f"without {action.needs}"
        elif not only and action.frequency < least:
            left_out[action.name] = f"rarer than {least}"
        else:
            chosen.append(action)
    return chosen, left_out


def rate_of(number: int) -> int:
    """How many times slower the user of this number is; the shares hold for any row of numbers."""
    at = (number + 1) * PHI % 1.0
    upto = 0.0
    for rate, share in RATES:
        upto += share
        if at < upto:
            return rate
    return RATES[-1][0]


def mean_rate() -> float:
    """Actions of an average user, of those of a user at rate 1."""
    return sum(share / rate for rate, share in RATES)


def idle(rng: random.Random, average: float, rate: float) -> float:
    """Seconds until the next action: at least one, evenly spread around the average, times the user's rate."""
    least = min(MIN_IDLE, average)
    return (least + rng.random() * 2 * (average - least)) * rate
