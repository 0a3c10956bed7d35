"""Threads that a person follows: listing, reading, marking as read."""

import msgspec

from loadtest.person import NoTarget, Person, PostPage
from loadtest.run import now_ms

PAGE = 25
LIST = f"/users/me/teams/{{}}/threads?extended=false&threadsOnly=true&per_page={PAGE}&pageSize={PAGE}"
"""Older servers call the size of a page pageSize."""

THREAD_PAGES = 3


class Thread(msgspec.Struct):
    """A thread in a list."""

    id: str


class ThreadPage(msgspec.Struct):
    """A list of threads."""

    threads: list[Thread] | None = None


def listed(person: Person, more: str = "", *values: object) -> list[str]:
    """The ids of a page of threads."""
    data = person.rest.get(LIST + more, person.team_id, *values)
    return [thread.id for thread in msgspec.json.decode(data, type=ThreadPage).threads or ()]


def pick(person: Person) -> str:
    """One of the newest threads."""
    person.threads = listed(person)
    if not person.threads:
        raise NoTarget
    return person.rng.choice(person.threads)


def view_global_threads(person: Person) -> None:
    """Open the list of all threads: how many, the newest, the next page, the unread."""
    person.rest.get("/users/me/teams/{}/threads?totalsOnly=true", person.team_id)
    person.threads = listed(person)
    if len(person.threads) == PAGE:
        person.threads += listed(person, "&before={}", person.threads[-1])
    listed(person, "&unread=true")


def update_thread_read(person: Person) -> None:
    """Mark a thread as read."""
    mark_read(person, pick(person))


def mark_read(person: Person, thread_id: str) -> None:
    """Say that a thread was read until now."""
    person.rest.put("/users/me/teams/{}/threads/{}/read/{}", person.team_id, thread_id, now_ms())


def view_thread(person: Person) -> None:
    """Open a thread and read its first pages."""
    thread_id = pick(person)
    more: tuple[object, ...] = ()
    path = f"/posts/{{}}/thread?perPage={PAGE}&direction=down&collapsedThreads=true"
    for _ in range(THREAD_PAGES):
        template = path + ("&fromPost={}&fromCreateAt={}" if more else "")
        page = msgspec.json.decode(person.rest.get(template, thread_id, *more), type=PostPage)
        if not page.has_next or not page.posts:
            break
        last = max(page.posts.values(), key=lambda post: post.create_at)
        more = last.id, last.create_at
    mark_read(person, thread_id)


def unfollow_thread(person: Person) -> None:
    """Want to hear no more of a thread."""
    thread_id = person.threads.pop() if person.threads else pick(person)
    person.rest.delete("/users/me/teams/{}/threads/{}/following", person.team_id, thread_id)
