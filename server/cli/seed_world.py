"""Who is there in a seeded database: users, teams, channels of all four kinds, and who is in which."""

import random
from collections.abc import Sequence
from itertools import product

from msgspec import Struct

from server.features.channels.rules import direct_name, group_display_name, group_name
from server.ids import id_at

PUBLIC, PRIVATE, DIRECT, GROUP = "O", "P", "D", "G"

SHARES = {PUBLIC: 0.2, PRIVATE: 0.1, DIRECT: 0.6, GROUP: 0.1}
"""Of all channels."""
BUSY = {PUBLIC: 4.0, PRIVATE: 3.0, GROUP: 1.5, DIRECT: 1.0}
"""How much more is written in channels of a kind."""
ALIKE = 4
"""Users for each number of channels that is asked for."""
USUAL = 40
"""Channels of one user. Who is in more of them has as much to read in all: nobody talks in a thousand."""


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
    for kind, share in SHARES.items():
        for number in range(round(channels * share)):
            place = _place(chance, kind, chance.choice(made), user_ids, usernames, f"{first + number}", at)
            if place.name not in taken:
                taken.add(place.name)
                places.append(place)
    return World(user_ids, usernames, made, places)


def add_people(
    chance: random.Random, world: World, *, counts: Sequence[int], default_names: Sequence[str], at: int, first: int
) -> None:
    """Put users of the first team into a world who are in exactly so many channels, each number ALIKE times.

    They are called with-100-channels-1 and so on. Of their channels most are direct ones, as with everybody: without
    enough others to talk to there are more public channels.
    """
    others, team = range(len(world.user_ids)), world.teams[0]
    own = [place for place in world.places if place.team is team]
    defaults = [place for name in default_names for place in own if place.name == name]
    public = [place for place in own if place.kind == PUBLIC and place not in defaults]
    private = [place for place in own if place.kind == PRIVATE]
    for count, number in product(counts, range(first, first + ALIKE)):
        user, rest = len(world.user_ids), max(0, count - len(defaults))
        world.user_ids.append(id_at(at))
        world.usernames.append(f"with-{count}-channels-{number}")
        team.members.append(user)
        share = min(1.0, USUAL / count)
        personal = _personal(chance, world, user, others, rest, share, at)
        joined = chance.sample(private, min(len(private), round(rest * SHARES[PRIVATE])))
        missing = rest - len(personal) - len(joined)
        joined += chance.sample(public, min(len(public), missing))
        for place in (*defaults[:count], *joined):
            place.members.append(user)
        world.places += personal
        for extra in range(1, rest - len(personal) - len(joined) + 1):
            name = f"with-{count}-{number}-{extra}"
            weight = share * BUSY[PUBLIC] * chance.lognormvariate(0, 1)
            world.places.append(Place(id_at(at), PUBLIC, team, name, name.title(), [user], weight))


def _personal(
    chance: random.Random, world: World, user: int, others: Sequence[int], rest: int, share: float, at: int
) -> list[Place]:
    """Direct and group channels of a user with others, as many as belong to so many channels.

    `share`: how much is written in them, of what is usual.
    """
    people = [[user, other] for other in chance.sample(others, min(len(others), round(rest * SHARES[DIRECT])))]
    people += [
        [user, *chance.sample(others, min(len(others), chance.randint(2, 6)))]
        for _ in range(round(rest * SHARES[GROUP]))
    ]
    places: dict[str, Place] = {}
    for members in people:
        user_ids, kind = [world.user_ids[each] for each in members], DIRECT if len(members) == 2 else GROUP
        name = direct_name(*user_ids) if kind == DIRECT else group_name(user_ids)
        shown = "" if kind == DIRECT else group_display_name([world.usernames[each] for each in members])
        weight = share * BUSY[kind] * chance.lognormvariate(0, 1)
        places[name] = Place(id_at(at), kind, None, name, shown, members, weight)
    return list(places.values())


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
