"""Looking at people, and telling others what one is doing."""

from loadtest.person import Person


def click_user_profile(person: Person) -> None:
    """Look at somebody who wrote in the channel."""
    user_id = person.rng.choice(person.posters())
    person.rest.get("/channels/{}/members/{}", person.channel.id, user_id)
    person.rest.get("/teams/{}/members/{}", person.team_id, user_id)


def update_custom_status(person: Person) -> None:
    """Say that one is busy."""
    person.rest.put("/users/me/status/custom", body={"emoji": "calendar", "text": "In a meeting"})


def remove_custom_status(person: Person) -> None:
    """Say it no more."""
    person.rest.delete("/users/me/status/custom")
