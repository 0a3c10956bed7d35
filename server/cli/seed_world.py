"""Who is there in a seeded database: users, teams, channels of all four kinds, and who is in which."""

import random
from collections.abc import Sequence

from msgspec import Struct

from server.features.channels.rules import direct_name, group_display_name, group_name
from server.ids import id_at

PUBLIC, PRIVATE, DIRECT, GROUP = "O", "P", "D", "G"

SHARES = ((PUBLIC, 0.2), (PRIVATE, 0.1), (DIRECT, 0.6), (GROUP, 0.1))
"""Of all channels."""
BUSY = {PUBLIC: 4.0, PRIVATE: 3.0, GROUP: 1.5, DIRECT: 1.0}
"""How much more is written in channels of a kind."""


class Team(Struct):
    """A team; users are numbers."""

    id: str
    name: str
    members: list[int]


class Place(Struct):
    """A channel; users are numbers, the first are those who write most."""

    id: str
    kind: str
    team: Team | None
    name: str
    display_name: str
    members: list[int]
    weight: float

    @property
    def personal(self) -> bool:
        """Whether every post in it calls all others."""
        return self.kind in (DIRECT, GROUP)


class World(Struct):
    """Everything but posts."""

    user_ids: list[str]
    usernames: list[str]
    teams: list[Team]
    places: list[Place]


def make_world(
    chance: random.Random, *, users: int, teams: int, channels: int, default_names: Sequence[str], at: int, first: int
) -> World:
    """A world as old as `at` (milliseconds); names are numbered from `first` on."""
    user_ids = [id_at(at) for _ in range(users)]
    usernames = [f"user{first + number}" for number in range(users)]
    made = [
        Team(
            id=id_at(at),
            name=f"team{first + number}",
            members=[user for user in range(users) if user % teams == number or user % 4 == 0],
        )
        for number in range(teams)
    ]
    places = []
    for team in made:
        for name in default_names:
            members = chance.sample(team.members, len(team.members))
            shown = name.replace("-", " ").title()
            places.append(Place(id_at(at), PUBLIC, team, name, shown, members, 8 * BUSY[PUBLIC]))
    taken: set[str] = set()
    for kind, share in SHARES:
        for number in range(round(channels * share)):
            place = _place(chance, kind, chance.choice(made), user_ids, usernames, f"{first + number}", at)
            if place.name not in taken:
                taken.add(place.name)
                places.append(place)
    return World(user_ids, usernames, made, places)


def _place(
    chance: random.Random, kind: str, team: Team, user_ids: list[str], usernames: list[str], number: str, at: int
) -> Place:
    users = len(user_ids)
    if kind == DIRECT:
        members = chance.sample(range(users), min(2, users))
        name, display_name = direct_name(user_ids[members[0]], user_ids[members[-1]]), ""
    elif kind == GROUP:
        members = chance.sample(range(users), min(users, chance.randint(3, 7)))
        name = group_name([user_ids[user] for user in members])
        display_name = group_display_name([usernames[user] for user in members])
    else:
        most = len(team.members)
        size = int(10 * chance.paretovariate(0.8)) if kind == PUBLIC else int(chance.triangular(3, 40, 8))
        members = chance.sample(team.members, min(most, size))
        word = "public" if kind == PUBLIC else "private"
        name, display_name = f"{word}-{number}", f"{word.title()} {number}"
    weight = BUSY[kind] * chance.lognormvariate(0, 1)
    belongs = team if kind in (PUBLIC, PRIVATE) else None
    return Place(id_at(at), kind, belongs, name, display_name, members, weight)
