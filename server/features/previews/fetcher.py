"""Gets what stands at an address: a page, a picture, or nothing that is of use."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from server.errors import Busy
from server.features.posts.models import PostImage
from server.features.previews.html import open_graph, text_of
from server.features.previews.models import Found
from server.features.previews.pictures import picture_in
from server.notify.outbound import Answer, Outbound, OutboundError

SECONDS = 5.0
MAX_BYTES = 2_000_000
"""Of a page or picture; what we look for comes early, so the rest is cut off."""
REDIRECTS = 5
AT_ONCE = 12
"""Addresses that a node asks at the same time for requests, and as many for jobs."""
WAITING = 128
"""Requests that may wait for their turn."""
POSTS_AT_ONCE = 3
"""Posts whose links are followed at the same time, so that slow targets leave room for other jobs."""

NOTHING = Found()

_PAGES = ("text/html", "application/xhtml+xml")


class Fetcher:
    """Asks other people's servers, a few at a time."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._requests = asyncio.Semaphore(AT_ONCE)
        self._jobs = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._posts = 0

    @property
    def crowded(self) -> bool:
        """Whether as many posts are under way as may be."""
        return self._posts >= POSTS_AT_ONCE

    @contextlib.contextmanager
    def post(self) -> Iterator[None]:
        """A post is under way as long as the block."""
        self._posts += 1
        try:
            yield
        finally:
            self._posts -= 1

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[Outbound]:
        """A turn of a request to ask something; raises Busy when too many wait for theirs."""
        if self._waiting >= WAITING:
            raise Busy("api.context.server_busy.app_error")
        self._waiting += 1
        try:
            await self._requests.acquire()
        finally:
            self._waiting -= 1
        try:
            yield self._outbound
        finally:
            self._requests.release()

    @contextlib.asynccontextmanager
    async def _turn_of_job(self) -> AsyncIterator[Outbound]:
        async with self._jobs:
            yield self._outbound

    async def find(self, url: str, language: str, *, asked: bool) -> tuple[Found, str]:
        """What an address gives, and where it came from in the end; nothing and "" when nobody answers.

        `asked`: somebody waits for it, so it takes the turn of a request.
        """
        headers = {
            "accept": "text/html,application/xhtml+xml,image/*;q=0.9,*/*;q=0.1",
            "accept-language": f"{language},en;q=0.8,*;q=0.5",
        }
        async with self.turn() if asked else self._turn_of_job() as outbound:
            try:
                answer = await outbound.send(
                    "GET", url, headers=headers, timeout=SECONDS, max_bytes=MAX_BYTES, redirects=REDIRECTS, cut=True
                )
            except OutboundError:
                return NOTHING, ""
        if not 200 <= answer.status < 300:
            return NOTHING, answer.url
        return await asyncio.to_thread(_read, answer, url), answer.url


def _read(answer: Answer, url: str) -> Found:
    content_type = answer.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _PAGES:
        page = open_graph(text_of(answer.body, content_type), answer.url, url)
        return Found(kind="page", page=page) if page is not None else NOTHING
    if kind == "image/svg+xml":
        return Found(kind="image", image=PostImage(0, 0, "svg"))
    if kind.startswith("image/"):
        image = picture_in(answer.body)
        return Found(kind="image", image=image) if image is not None else NOTHING
    return NOTHING
