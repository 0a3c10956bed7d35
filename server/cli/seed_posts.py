"""Who wrote where and when in a seeded database, and the counters that follow from it. Texts come later."""

import random
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate

from msgspec import Struct, field

from server.cli.seed_world import Place, World
from server.features.posts.insert import MAX_PARTICIPANTS
from server.ids import id_at

REPLIES = 0.5
"""Of all posts."""
LONG_THREADS = 0.05
"""Of all replies: they go to one of the first threads of their channel."""
MENTIONS = 0.04
"""Of the posts of public and private channels."""
REACTIONS = 0.03
"""Of the posts."""
EMOJIS = ("+1", "heart", "tada", "eyes", "white_check_mark", "joy", "rocket")
LATEST = 6
"""How many of the newest threads go on."""
NOBODY = -1


class Thread(Struct):
    """The posts of a thread after its root, as numbers of posts."""

    replies: list[int] = field(default_factory=list)


class Story(Struct):
    """All posts in the order of their times; posts, channels and users are numbers."""

    ids: list[str]
    at: "array[int]"
    place: "array[int]"
    author: "array[int]"
    root: "array[int]"
    """NOBODY for a root post."""
    called: "array[int]"
    """Whom a post names, NOBODY for no one."""
    threads: dict[int, Thread]
    posts_of: list["array[int]"]
    """The posts of each channel."""


class Member(Struct):
    """A row of channel_members: what has been read."""

    last_viewed_at: int = 0
    msg_count: int = 0
    msg_count_root: int = 0
    mention_count: int = 0
    mention_count_root: int = 0


class Follower(Struct):
    """A row of thread_memberships."""

    user: int
    last_viewed: int
    last_updated: int
    unread_mentions: int


def make_story(chance: random.Random, world: World, posts: int, since: int, until: int) -> Story:
    """So many posts between two times (milliseconds), spread over the channels by their weight."""
    places = world.places
    story = Story(
        ids=[],
        at=array("q"),
        place=array("i"),
        author=array("i"),
        root=array("i"),
        called=array("i"),
        threads={},
        posts_of=[array("i") for _ in places],
    )
    weights = list(accumulate(place.weight for place in places))
    roots: list[list[int]] = [[] for _ in places]
    step = max((until - since) / max(posts, 1), 1.0)
    for number, where in enumerate(chance.choices(range(len(places)), cum_weights=weights, k=posts)):
        place = places[where]
        at = since + int(number * step)
        author = _author(chance, place)
        root = _root(chance, roots[where]) if roots[where] and chance.random() < REPLIES else NOBODY
        story.ids.append(id_at(at))
        story.at.append(at)
        story.place.append(where)
        story.author.append(author)
        story.root.append(root)
        story.called.append(_called(chance, place, author))
        story.posts_of[where].append(number)
        if root == NOBODY:
            roots[where].append(number)
        else:
            story.threads.setdefault(root, Thread()).replies.append(number)
    return story


def _author(chance: random.Random, place: Place) -> int:
    """Some write much more than others."""
    return place.members[int(len(place.members) * chance.random() ** 2)]


def _called(chance: random.Random, place: Place, author: int) -> int:
    if place.personal or chance.random() >= MENTIONS:
        return NOBODY
    called = chance.choice(place.members)
    return NOBODY if called == author else called


def _root(chance: random.Random, roots: Sequence[int]) -> int:
    if chance.random() < LONG_THREADS:
        return roots[int(len(roots) / 20 * chance.random())]
    return roots[-1 - int(min(len(roots), LATEST) * chance.random())]


def mentions_of(story: Story, world: World, post: int) -> list[int]:
    """The users whom a post calls: in direct and group channels all others."""
    place, author = world.places[story.place[post]], story.author[post]
    if place.personal:
        return [user for user in place.members if user != author]
    return [] if story.called[post] == NOBODY else [story.called[post]]


def reactions_to(chance: random.Random, story: Story, world: World, post: int) -> list[tuple[int, str, int]]:
    """Who reacted to a post, with which emoji and when, the last one last; nobody to most of them."""
    if chance.random() >= REACTIONS:
        return []
    members = world.places[story.place[post]].members
    users = chance.sample(members, min(len(members), chance.randint(1, 3)))
    times = sorted(min(story.at[post] + chance.randrange(1000, 600_000), story.at[-1]) for _ in users)
    return [(user, chance.choice(EMOJIS), at) for user, at in zip(users, times, strict=True)]


def members_of(chance: random.Random, story: Story, world: World, where: int) -> Iterator[tuple[int, Member]]:
    """The members of a channel, each with what it has read: most have read all, some a part, no one less than it wrote.

    In the counters of mentions stand the posts after that, as if each post had been written over the API.
    """
    place, posts = world.places[where], story.posts_of[where]
    roots = array("i", accumulate((story.root[post] == NOBODY for post in posts), initial=0))
    own_last: dict[int, int] = {}
    calls: dict[int, list[int]] = {}
    for index, post in enumerate(posts):
        own_last[story.author[post]] = index
        if story.called[post] != NOBODY:
            calls.setdefault(story.called[post], []).append(index)
    for user in place.members:
        read = max(_read(chance, len(posts)), own_last.get(user, -1) + 1)
        unread = range(read, len(posts)) if place.personal else [each for each in calls.get(user, ()) if each >= read]
        yield (
            user,
            Member(
                last_viewed_at=story.at[posts[read - 1]] if read else 0,
                msg_count=read,
                msg_count_root=roots[read],
                mention_count=len(unread),
                mention_count_root=sum(1 for index in unread if story.root[posts[index]] == NOBODY),
            ),
        )


def _read(chance: random.Random, posts: int) -> int:
    kind = chance.random()
    if kind < 0.6:
        return posts
    if kind < 0.9:
        return max(0, posts - int(chance.expovariate(1 / 20)))
    return int(posts * chance.random())


def participants_of(story: Story, root: int) -> list[int]:
    """Who wrote in a thread; who wrote last comes last, and before them the author of the root."""
    writers = dict.fromkeys([story.author[root]])
    for reply in story.threads[root].replies:
        writers.pop(story.author[reply], None)
        writers[story.author[reply]] = None
    return list(writers)[-MAX_PARTICIPANTS:]


def followers_of(chance: random.Random, story: Story, world: World, root: int) -> list[Follower]:
    """Who follows a thread: its writers and those whom it names. Half of them have read it to its end."""
    replies = story.threads[root].replies
    written: dict[int, int] = {}
    noted: dict[int, int] = {}
    calls: dict[int, list[int]] = {}
    for reply in replies:
        at = story.at[reply]
        written[story.author[reply]] = noted[story.author[reply]] = at
        for user in mentions_of(story, world, reply):
            noted[user] = at
            calls.setdefault(user, []).append(at)
    last = story.at[replies[-1]]
    users = dict.fromkeys([story.author[root], *mentions_of(story, world, root), *noted])
    followers = []
    for user in users:
        viewed = last if chance.random() < 0.5 else written.get(user, 0)
        unread = sum(1 for at in calls.get(user, ()) if at > viewed)
        followers.append(Follower(user, viewed, noted.get(user, 0), unread))
    return followers
