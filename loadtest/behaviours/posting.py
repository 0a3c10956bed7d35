"""Writing, changing and deleting posts, reacting to them, following links to them."""

import contextlib

import msgspec

from loadtest import mix
from loadtest.person import NoTarget, Person
from loadtest.words import picture, sentence

EMOJIS = ("+1", "heart", "smile", "tada", "eyes")


def create_post(person: Person) -> None:
    """Type and post a message: some are replies, a few carry a picture or are urgent."""
    rng, channel_id = person.rng, person.channel.id
    root_id = ""
    if rng.random() < mix.REPLIES:
        with contextlib.suppress(NoTarget):
            post = person.seen()
            root_id = post.root_id or post.id
    more: dict[str, object] = {}
    if rng.random() < mix.WITH_FILE:
        data = person.rest.post("/files?channel_id={}&filename=picture.png", channel_id, body=picture())
        more["file_ids"] = [msgspec.json.decode(data)["file_infos"][0]["id"]]
    if not root_id and rng.random() < mix.URGENT and "urgent_posts" in person.run.features:
        more["metadata"] = {"priority": {"priority": "urgent", "requested_ack": False}}
    person.type(channel_id, root_id)
    person.write(channel_id, root_id, **more)


def edit_post(person: Person) -> None:
    """Write one of one's posts anew."""
    _, post_id = own_post(person)
    person.rest.put("/posts/{}/patch", post_id, body={"message": sentence(person.rng)})


def delete_post(person: Person) -> None:
    """Delete one of one's posts."""
    channel_id, post_id = own_post(person)
    person.own.remove((channel_id, post_id))
    person.run.forget(channel_id, post_id)
    person.rest.delete("/posts/{}", post_id)


def own_post(person: Person) -> tuple[str, str]:
    """(channel, post) of something that the person wrote and that was not deleted with its thread."""
    own = [(channel_id, post_id) for channel_id, post_id in person.own if not person.run.is_gone(post_id)]
    if not own:
        raise NoTarget
    return person.rng.choice(own)


def add_reaction(person: Person) -> None:
    """React to a post on the screen."""
    reaction = {"user_id": person.id, "post_id": person.seen().id, "emoji_name": person.rng.choice(EMOJIS)}
    person.rest.post("/reactions", body=reaction)


def click_permalink(person: Person) -> None:
    """Follow a link to a post."""
    person.rest.get("/posts/{}/thread", person.seen().id)
    person.rest.get("/channels/{}", person.channel.id)
