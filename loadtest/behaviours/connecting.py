"""Coming back after the connection was lost."""

from loadtest.person import Person


def reconnect_websocket(person: Person) -> None:
    """Lose the connection, come back where it was, and look whether anything is new."""
    person.drop()
    person.run.tally["reconnects"] += 1
    person.reconnect()
    people, since = person.posters(), person.fetched.get(person.channel.id, person.run.began_ms)
    person.show(person.rest.get("/channels/{}/posts?since={}&collapsedThreads=true", person.channel.id, since))
    person.rest.post("/users/status/ids", body=people)
    person.rest.get("/users/me/teams/unread?include_collapsed_threads=true")
    person.rest.post("/users/ids?since={}", since, body=people)
