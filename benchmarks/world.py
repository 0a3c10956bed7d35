"""The world that the table is measured in: 200 users in one team, a channel of all of them, and 50 channels of 20."""

import random
from collections.abc import Sequence

from msgspec import Struct

from benchmarks.people import People, Person
from benchmarks.service import Service

USERS = 200
SMALL, SMALL_MEMBERS = 50, 20
POSTS = 60
"""A page of posts is in the big channel from the start."""


class Channel(Struct, frozen=True):
    """A channel and its members, as indices of the world's users."""

    id: str
    members: Sequence[int]


class World(Struct, frozen=True):
    """Who and what there is."""

    users: Sequence[Person]
    team_id: str
    big: Channel
    small: Sequence[Channel]

    def tokens(self, sockets: int) -> list[str]:
        """Tokens for so many sockets, spread over the users."""
        return [self.users[number % len(self.users)].token for number in range(sockets)]


def dealt(channels: int, members: int, users: int) -> list[list[int]]:
    """Members for each channel from shuffled decks of users: all are in as many, and every run has the same."""
    chance, deck, hands = random.Random(7), [], []  # type: ignore[var-annotated]  # noqa: S311
    for _ in range(channels):
        if len(deck) < members:
            deck = chance.sample(range(users), users)
        hands.append(sorted(deck[:members]))
        deck = deck[members:]
    return hands


async def make_world(service: Service) -> World:
    """Make it over REST in a new service; some 15 s."""
    people = await People.of(service.url)
    users = await people.users(USERS)
    team_id = await people.team(users)
    big = await people.channel(team_id, users)
    hands = dealt(SMALL, SMALL_MEMBERS, USERS)
    small = await people.channels(team_id, [[users[index] for index in hand] for hand in hands])
    for number in range(POSTS):
        await people.ask("POST", "/posts", {"channel_id": big, "message": f"The beginning, part {number}. " * 5})
    people.close()
    rooms = [Channel(channel, hand) for channel, hand in zip(small, hands, strict=True)]
    return World(users, team_id, Channel(big, range(USERS)), rooms)
