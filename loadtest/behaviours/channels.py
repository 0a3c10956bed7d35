"""Opening channels, reading and scrolling in them, making and joining them."""

import msgspec

from loadtest import mix, world
from loadtest.person import Channel, NoTarget, Person, PostPage
from loadtest.run import now_ms

PAGE = 30
UNSEEN_POSTERS = 3
"""A client that opens a channel for the first time has to fetch about so many people."""


def switch_channel(person: Person) -> None:
    """Go to another public or private channel."""
    visit(person, person.elsewhere())


def open_direct_or_group_channel(person: Person) -> None:
    """Go to another direct or group channel, and keep it in the sidebar."""
    channel = person.talk()
    visit(person, channel)
    shown = ("group_channel_show", channel.id)
    if channel.type == "D":
        one, _, other = channel.name.partition("__")
        shown = ("direct_channel_show", other if one == person.id else one)
    preferences = [(*shown, "true"), ("channel_open_time", channel.id, str(now_ms()))]
    person.rest.put(
        "/users/me/preferences",
        body=[{"user_id": person.id, "category": k, "name": n, "value": v} for k, n, v in preferences],
    )


def visit(person: Person, channel: Channel) -> None:
    """Leave the current channel and open another."""
    rest, old = person.rest, person.channel
    rest.post("/channels/members/me/view", body=viewed(old.id, ""))
    person.channel = channel
    person.unread.pop(channel.id, None)
    person.top.pop(channel.id, None)
    read_channel(person)
    rest.get("/channels/{}/stats", channel.id)
    rest.post("/channels/members/me/view", body=viewed(channel.id, old.id))
    if "bookmarks" in person.run.features:
        rest.get("/channels/{}/bookmarks", channel.id)


def read_channel(person: Person) -> None:
    """Fetch the posts of the current channel: around the first unread one, or those since the last visit."""
    channel_id = person.channel.id
    since, fetched = person.fetched.get(channel_id), now_ms()
    if since is None or person.rng.random() < mix.FIRST_VISITS:
        data = person.rest.get(
            "/users/me/channels/{}/posts/unread?limit_before=30&limit_after=30&collapsedThreads=true", channel_id
        )
        meet_posters(person, person.show(data))
    else:
        person.show(person.rest.get("/channels/{}/posts?since={}&collapsedThreads=true", channel_id, since))
    person.fetched[channel_id] = fetched


def meet_posters(person: Person, page: PostPage) -> None:
    """Fetch posters whom the client shows for the first time, with their pictures."""
    names = person.run.names
    unseen = list({post.user_id: None for post in page.posts.values() if post.user_id != person.id})[:UNSEEN_POSTERS]
    if not unseen:
        return
    person.rest.post("/users/status/ids", body=unseen)
    person.rest.post("/users/ids", body=unseen)
    for each in unseen:
        person.rest.get("/users/{}/image", each)
    person.rest.post("/users/usernames", body=[names[each] for each in unseen if each in names])


def viewed(channel_id: str, previous: str) -> dict[str, object]:
    """Body that says which channel is looked at."""
    return {"channel_id": channel_id, "prev_channel_id": previous, "collapsed_threads_supported": True}


def scroll_channel(person: Person) -> None:
    """Two to four pages up; at the end of the history back to the newest post."""
    channel_id = person.channel.id
    screen = person.screen()
    for _ in range(person.rng.randint(2, 4)):
        top = person.top.get(channel_id) or next(iter(screen), "")
        if not top:
            break
        data = person.rest.get(
            "/channels/{}/posts?before={}&page=0&per_page={}&collapsedThreads=true", channel_id, top, PAGE
        )
        order = msgspec.json.decode(data, type=PostPage).order or []
        if len(order) < PAGE:
            person.top.pop(channel_id, None)
            break
        person.top[channel_id] = order[-1]


def unread_check(person: Person) -> None:
    """Look into a channel that has something new."""
    channel_id = person.rng.choice(list(person.unread) or [person.elsewhere().id])
    person.unread.pop(channel_id, None)
    person.rest.get("/channels/{}/posts?page=0&per_page=60&collapsedThreads=true", channel_id)
    person.rest.post("/channels/members/me/view", body=viewed(channel_id, ""))


def create_direct_channel(person: Person) -> None:
    """Begin to talk with somebody."""
    take(person, person.rest.post("/channels/direct", body=[person.id, person.other().id]))


def create_group_channel(person: Person) -> None:
    """Begin to talk with three to six others."""
    others = {person.other().id: None for _ in range(person.rng.randint(3, 6))}
    if len(others) < 2:
        raise NoTarget
    take(person, person.rest.post("/channels/group", body=[person.id, *others]))


def take(person: Person, data: bytes) -> None:
    """A channel that was made is in the sidebar now."""
    channel = msgspec.json.decode(data, type=Channel)
    if channel.id not in person.joined:
        person.talks.insert(0, channel)
        person.join(channel.id)


def join_channel(person: Person) -> None:
    """Look through the channels of the team and join one."""
    data = person.rest.get("/teams/{}/channels?page=0&per_page=60", person.team_id)
    prefix = world.open_channel(0, 0).partition("0")[0]
    channels = msgspec.json.decode(data, type=list[Channel])
    found = [channel for channel in channels if channel.name.startswith(prefix)]
    if not found:
        raise NoTarget
    channel = person.rng.choice(found)
    person.rest.post("/channels/{}/members", channel.id, body={"user_id": person.id})
    person.join(channel.id)
