"""Asking the programs behind actions and dialogs."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from server.context import Context
from server.errors import BadRequest, TooManyRequests
from server.notify.outbound import Answer, Outbound, OutboundError, OutboundRefused, checked_url

ANSWER_MAX = 1_000_000
REDIRECTS = 3

FAILED = "api.post.do_action.action_integration.app_error"
"""What clients know a program by that can't be asked."""

_WHY = {
    429: "has too many requests",
    500: "failed",
    502: "failed",
    503: "is not available",
    504: "failed",
}
"""What the status of a program says. It is no status of ours: nothing is wrong with this server."""

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


AT_ONCE = 10
"""Calls that one user has under way on a node at most: each may take as long as the program likes."""


class CallsUnderWay:
    """How many calls each user waits for on this node."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    @contextmanager
    def one_of(self, user_id: str) -> Iterator[None]:
        """Count a call of a user; raises TooManyRequests when there are too many."""
        if self._counts[user_id] >= AT_ONCE:
            raise TooManyRequests(FAILED, f"At most {AT_ONCE} calls of integrations can be waited for at once.")
        self._counts[user_id] += 1
        try:
            yield
        finally:
            self._counts[user_id] -= 1
            if not self._counts[user_id]:
                del self._counts[user_id]


def may_be_called(url: str) -> bool:
    """Whether it is an address at all; where it leads is seen when it is called."""
    try:
        checked_url(url)
    except OutboundRefused:
        return False
    return True


async def ask(ctx: Context, url: str, question: object) -> Answer:
    """The answer of a program with status 200; raises BadRequest in constant words without one.

    Also raises TooManyRequests when the caller waits for too many.
    """
    outbound: Outbound = ctx.part(Outbound)
    under_way: CallsUnderWay = ctx.part(CallsUnderWay)
    try:
        with under_way.one_of(ctx.user_id):
            answer = await outbound.send(
                "POST",
                url,
                headers=_HEADERS,
                content=msgspec.json.encode(question),
                timeout=ctx.config.ServiceSettings.OutgoingIntegrationRequestsTimeout,
                max_bytes=ANSWER_MAX,
                redirects=REDIRECTS,
            )
    except OutboundError as error:
        raise BadRequest(FAILED, error.reason) from None
    if answer.status == 200:
        return answer
    raise BadRequest(FAILED, f"The integration {_WHY.get(answer.status, 'refused the request')}.")


def unreadable() -> BadRequest:
    """400 for an answer that makes no sense."""
    return BadRequest(FAILED, "The answer of the integration can't be read.")
