"""`python -m tests.chaos.killing_node`: a node that kills itself at a chosen step of the n-th post that it writes.

KILL_AT names the step and n: "publishing 20". The steps are those of a post on its way from the request to the answer.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from server.bus.event import Event
from server.bus.publisher import Publisher
from server.bus.redis import RedisConnection
from server.bus.signals import Joined, Signal
from server.cli.node_process import main
from server.context import Context
from server.features.posts.events import Posted
from server.features.posts.insert import Draft, Written
from server.features.posts.writer import PostWriter
from server.http.api import Api
from server.http.exchange import Exchange
from server.http.reply import Reply

VARIABLE = "KILL_AT"


def die() -> None:
    """End as a crash does: nothing is cleaned up, nothing that is written by hand is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


def _put(owner: type, name: str, function: Callable[..., object]) -> None:
    setattr(owner, name, function)


class Steps:
    """What to patch for each step, `due` says each time whether it is this call that must not go on."""

    def __init__(self, due: Callable[[int], bool]) -> None:
        self.due = due

    def before_the_statement(self) -> None:
        """Nothing is stored."""
        execute = PostWriter._execute

        async def stopped(writer: PostWriter, drafts: Sequence[Draft]) -> dict[str, Written]:
            if self.due(len(drafts)):
                die()
            return await execute(writer, drafts)

        _put(PostWriter, "_execute", stopped)

    def during_the_statement(self) -> None:
        """PostgreSQL has it, and commits or not."""
        execute = PostWriter._execute

        async def stopped(writer: PostWriter, drafts: Sequence[Draft]) -> dict[str, Written]:
            due = self.due(len(drafts))
            if not due:
                return await execute(writer, drafts)
            asyncio.get_running_loop().call_later(0.0005, die)
            return await execute(writer, drafts)

        _put(PostWriter, "_execute", stopped)

    def before_publishing(self) -> None:
        """Stored, and nobody was told."""
        publish = Publisher.publish

        async def stopped(publisher: Publisher, messages: Sequence[Event | Signal], *then: Any) -> bool:
            if self.due(sum(isinstance(message, Posted) for message in messages)):
                die()
            return await publish(publisher, messages, *then)

        _put(Publisher, "publish", stopped)

    def while_publishing(self) -> None:
        """Sent to Redis, and no answer waited for."""
        command = RedisConnection.command

        def stopped(connection: RedisConnection, *words: Any) -> "asyncio.Future[Any]":
            future = command(connection, *words)
            if words[0] == "EVALSHA" and any(b"posted" in word for word in words[4:] if isinstance(word, bytes)):
                connection._flush()
                if self.due(1):
                    die()
            return future

        _put(RedisConnection, "command", stopped)

    def before_the_answer(self) -> None:
        """Stored and told, and its author never hears of it."""
        send = Api._send

        async def stopped(api: Api, ctx: Context, exchange: Exchange, reply: Reply) -> None:
            if exchange.method == "POST" and exchange.path.endswith(b"/posts") and self.due(1):
                die()
            await send(api, ctx, exchange, reply)

        _put(Api, "_send", stopped)

    def before_other_news(self) -> None:
        """A change other than a post is committed, and nobody was told."""
        tell = Context.tell

        async def stopped(ctx: Context, tags: Sequence[str] = (), messages: Sequence[Event | Signal] = ()) -> None:
            if self.due(any(isinstance(message, Joined) for message in messages)):
                die()
            await tell(ctx, tags, messages)

        _put(Context, "tell", stopped)


STEPS = [name for name in vars(Steps) if not name.startswith("_") and name != "before_other_news"]
"""Those of a post."""


def arm(step: str, number: int) -> None:
    """Let this process die at a step of the post that is the `number`th to come there."""
    seen = count(1)

    def due(posts: int) -> bool:
        return any(next(seen) == number for _ in range(posts))

    getattr(Steps(due), step)()


if __name__ == "__main__":
    step, number = os.environ[VARIABLE].split()
    arm(step, int(number))
    main()
