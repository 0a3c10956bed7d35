"""How often users may say that they type: each word of it goes to everybody in a channel."""

import time

BURST = 20
PER_SECOND = 5
"""Of one user on one node, on all connections together. Clients tell it every five seconds."""
MAX_USERS = 10_000


class TypingPace:
    """Remembers who has been typing just now; the others have their whole burst."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}

    def admits(self, user_id: str) -> bool:
        """Whether one more is not too much; it counts then."""
        now = time.monotonic()
        left, at = self._left.pop(user_id, (float(BURST), now))
        left = min(BURST, left + (now - at) * PER_SECOND)
        if len(self._left) >= MAX_USERS:
            del self._left[next(iter(self._left))]
        self._left[user_id] = (left - 1 if left >= 1 else left, now)
        return left >= 1
