"""The requests that are measured as data grows: what clients ask for by channel, by thread, by user."""

import random
from collections.abc import Callable
from typing import Any

from benchmarks.growth_world import Reader
from server.cli.seed_words import Texts

Call = tuple[str, str, Any]
"""Method, path, body."""
Maker = Callable[[random.Random, Reader], Call]

PAGE = "per_page=60&collapsedThreads=true"
WORDS = Texts(random.Random(1)).vocabulary  # noqa: S311
TEXT = "What the ferryman told us about the tide, in a few words more than most of us write. "


def get(path: Callable[[random.Random, Reader], str]) -> Maker:
    """A GET of a path."""
    return lambda chance, reader: ("GET", path(chance, reader), None)


def search(first: int, last: int) -> Maker:
    """A search for a word of such a rank among the frequent ones."""
    return lambda chance, reader: (
        "POST",
        f"/teams/{reader.team_id}/posts/search",
        {"terms": chance.choice(WORDS[first:last]), "is_or_search": False},
    )


def view(chance: random.Random, reader: Reader) -> Call:
    """A look into another channel."""
    channels = chance.choices(reader.channels, k=2)
    body = {"channel_id": channels[0], "prev_channel_id": channels[1], "collapsed_threads_supported": True}
    return "POST", "/channels/members/me/view", body


def post(chance: random.Random, reader: Reader) -> Call:
    """A post into any of the user's channels."""
    return "POST", "/posts", {"channel_id": chance.choice(reader.channels), "message": TEXT}


def reply(chance: random.Random, reader: Reader) -> Call:
    """A reply in a long thread of the town."""
    return "POST", "/posts", {"channel_id": reader.town, "message": TEXT, "root_id": chance.choice(reader.threads)}


BY_POSTS: dict[str, Maker] = {
    "newest page of a channel": get(lambda chance, reader: f"/channels/{reader.town}/posts?{PAGE}"),
    "the same with all replies": get(lambda chance, reader: f"/channels/{reader.town}/posts?per_page=60"),
    "page far back (before=)": get(
        lambda chance, reader: f"/channels/{reader.town}/posts?{PAGE}&before={chance.choice(reader.anchors)}"
    ),
    "page far back (page=)": get(lambda chance, reader: f"/channels/{reader.town}/posts?{PAGE}&page={reader.pages}"),
    "thirty posts since": get(
        lambda chance, reader: f"/channels/{reader.town}/posts?since={reader.since}&collapsedThreads=true"
    ),
    "around the first unread": get(
        lambda chance, reader: (
            f"/users/me/channels/{chance.choice(reader.unread)}/posts/unread"
            "?limit_before=30&limit_after=30&collapsedThreads=true"
        )
    ),
    "threads: totals": get(lambda chance, reader: f"/users/me/teams/{reader.team_id}/threads?totalsOnly=true"),
    "threads: a page": get(
        lambda chance, reader: f"/users/me/teams/{reader.team_id}/threads?threadsOnly=true&per_page=25"
    ),
    "threads: unread ones": get(
        lambda chance, reader: f"/users/me/teams/{reader.team_id}/threads?threadsOnly=true&per_page=25&unread=true"
    ),
    "page of a thread": get(
        lambda chance, reader: (
            f"/posts/{chance.choice(reader.threads)}/thread?perPage=25&direction=down&collapsedThreads=true"
        )
    ),
    "search, a usual word": search(60, 160),
    "search, a rare word": search(8_000, 20_000),
    "view of a channel": view,
    "unread of teams": get(lambda chance, reader: "/users/me/teams/unread"),
    "unread of teams and threads": get(lambda chance, reader: "/users/me/teams/unread?include_collapsed_threads=true"),
    "channels of the user": get(lambda chance, reader: "/users/me/channels"),
    "statistics of a channel": get(lambda chance, reader: f"/channels/{chance.choice(reader.channels)}/stats"),
    "post": post,
    "reply": reply,
}

BY_CHANNELS: dict[str, Maker] = {
    "channels of the user": get(lambda chance, reader: f"/users/me/teams/{reader.team_id}/channels"),
    "memberships of the user": get(lambda chance, reader: f"/users/me/teams/{reader.team_id}/channels/members"),
    "unread of teams": get(lambda chance, reader: "/users/me/teams/unread"),
    "categories of the sidebar": get(lambda chance, reader: f"/users/me/teams/{reader.team_id}/channels/categories"),
    "threads: totals": get(lambda chance, reader: f"/users/me/teams/{reader.team_id}/threads?totalsOnly=true"),
    "view of a channel": lambda chance, reader: (
        "POST",
        "/channels/members/me/view",
        {"channel_id": reader.town, "prev_channel_id": "", "collapsed_threads_supported": True},
    ),
}
