"""Posts to be sent another day."""

import msgspec

from loadtest.person import Person
from loadtest.run import now_ms
from loadtest.words import sentence

DAY_MS = 86_400_000


def create_scheduled_post(person: Person) -> None:
    """Write something for tomorrow."""
    post = {
        "user_id": person.id,
        "channel_id": person.channel.id,
        "root_id": "",
        "message": sentence(person.rng),
        "scheduled_at": now_ms() + DAY_MS,
    }
    person.scheduled.append(msgspec.json.decode(person.rest.post("/posts/schedule", body=post)))


def update_scheduled_post(person: Person) -> None:
    """Write it anew."""
    if not person.scheduled:
        create_scheduled_post(person)
    post = {**person.scheduled[-1], "message": sentence(person.rng)}
    person.rest.put("/posts/schedule/{}", post["id"], body=post)


def delete_scheduled_post(person: Person) -> None:
    """Think better of it."""
    if not person.scheduled:
        create_scheduled_post(person)
    person.rest.delete("/posts/schedule/{}", person.scheduled.pop()["id"])
