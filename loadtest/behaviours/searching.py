"""Looking for people, posts and channels."""

from loadtest.person import Person
from loadtest.words import search_word

LETTERS = 8
"""So many of a name are typed."""

CHANNELS = "load-p"


def search_users(person: Person) -> None:
    """Look for somebody of the team."""
    person.rest.post("/users/search", body={"term": person.other().username[:LETTERS], "team_id": person.team_id})


def search_posts(person: Person) -> None:
    """Look for a word in the team."""
    complete(person)
    person.rest.post("/teams/{}/posts/search", person.team_id, body=terms(person))


def search_posts_in_all_teams(person: Person) -> None:
    """Look for a word everywhere."""
    complete(person)
    person.rest.post("/posts/search", body=terms(person))


def complete(person: Person) -> None:
    """Begin to type a person and a channel to search in."""
    name = person.other().username[:LETTERS]
    person.rest.get("/users/autocomplete?in_team={}&name={}&limit=25", person.team_id, name)
    person.rest.get("/teams/{}/channels/search_autocomplete?name={}", person.team_id, CHANNELS)


def terms(person: Person) -> dict[str, object]:
    """Body of a search."""
    word = search_word(person.rng)
    return {"terms": word, "is_or_search": False, "time_zone_offset": 0, "page": 0, "per_page": 20}


def search_channels(person: Person) -> None:
    """Look for a channel: in all teams, where the server can."""
    if "channel_search_in_all_teams" in person.run.features:
        person.rest.post("/channels/search?system_console=false", body={"term": CHANNELS})
    else:
        person.rest.post("/teams/{}/channels/search", person.team_id, body={"term": CHANNELS})


def search_group_channels(person: Person) -> None:
    """Look for a group with somebody in it."""
    person.rest.post("/channels/group/search", body={"term": person.other().username[:LETTERS]})
