"""What programs do: they tell of things in public channels, look around and keep their posts up to date."""

import random
from collections.abc import Callable

import msgspec

from loadtest.client import Rest
from loadtest.filling import Hopeless, Made
from loadtest.person import Channel, NoTarget, Person
from loadtest.words import sentence

PAGE = 30
CHANNELS = 4


class NewToken(msgspec.Struct):
    """A personal access token, as it is shown once."""

    id: str
    token: str


def new_token(admin: Rest, user_id: str) -> tuple[str, str]:
    """(token, its id) for a bot."""
    data = admin.post("/users/{}/tokens", user_id, body={"description": "load test"})
    made = msgspec.json.decode(data, type=NewToken)
    return made.token, made.id


def settle_in(person: Person) -> None:
    """Join the public channels that it is to post into."""
    teams = msgspec.json.decode(person.rest.get("/users/me/teams"), type=list[Made])
    person.pick_team([team.id for team in teams])
    channels = msgspec.json.decode(
        person.rest.get("/teams/{}/channels?page=0&per_page=200", person.team_id), type=list[Channel]
    )
    person.places = [channel for channel in channels if channel.name.startswith("load-public-")][:CHANNELS]
    for channel in person.places:
        person.rest.post("/channels/{}/members", channel.id, body={"user_id": person.id})
    if not person.places:
        raise Hopeless("there are no public channels for bots")
    person.channel = person.rng.choice(person.places)


def draw(rng: random.Random) -> str:
    """What to do next."""
    return rng.choices(list(WORK), weights=WEIGHTS)[0]


def tell(person: Person) -> None:
    """Post into one of its channels."""
    person.channel = person.rng.choice(person.places)
    person.write(person.channel.id)


def read(person: Person) -> None:
    """Look at the newest posts of a channel."""
    person.channel = person.rng.choice(person.places)
    person.show(person.rest.get("/channels/{}/posts?page=0&per_page={}", person.channel.id, PAGE))


def update(person: Person) -> None:
    """Change one of its posts: whatever it told of went on."""
    if not person.own:
        raise NoTarget
    _, post_id = person.rng.choice(person.own)
    person.rest.put("/posts/{}/patch", post_id, body={"message": sentence(person.rng)})


def react(person: Person) -> None:
    """Say that it has seen a post."""
    body = {"user_id": person.id, "post_id": person.seen().id, "emoji_name": "white_check_mark"}
    person.rest.post("/reactions", body=body)


WORK: dict[str, Callable[[Person], None]] = {"BotTell": tell, "BotRead": read, "BotUpdate": update, "BotReact": react}
WEIGHTS = (5, 3, 1, 1)
