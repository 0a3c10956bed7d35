"""Drafts, which clients save while somebody writes."""

from loadtest.person import Person
from loadtest.run import now_ms
from loadtest.words import sentence


def upsert_draft(person: Person) -> None:
    """Save what was written so far."""
    now = now_ms()
    draft = {
        "user_id": person.id,
        "channel_id": person.channel.id,
        "root_id": "",
        "create_at": now,
        "update_at": now,
        "message": sentence(person.rng),
        "props": {},
        "file_ids": [],
    }
    person.rest.post("/drafts", body=draft)


def delete_draft(person: Person) -> None:
    """Forget it; clients do so after each post, whether there was one or not."""
    person.rest.delete("/users/me/channels/{}/drafts", person.channel.id)


def get_drafts(person: Person) -> None:
    """List the drafts of the team."""
    person.rest.get("/users/me/teams/{}/drafts", person.team_id)
