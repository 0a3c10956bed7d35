"""How much clients may send: allowances that are used up by frames and come back with time."""

from weakref import WeakValueDictionary

BURST = 100
PER_SECOND = 20
"""Frames that a client may send at once, and for how long on average; whoever sends more is read more slowly."""
UNKNOWN_BURST = 20
"""The same at once for whoever hasn't signed in yet: what came before is charged to the user, too, when it is known."""
USER_BURST = 400
USER_PER_SECOND = 80
"""Frames for all sockets of a user on one node together."""
REPLY_BYTES = 4096
"""A reply costs as much again as a frame for each so many bytes of it."""


class Pace:
    """One allowance. It may be overdrawn; then it takes so much longer until there is one again."""

    __slots__ = ("__weakref__", "_at", "_burst", "_left", "_per_second")

    def __init__(self, burst: int, per_second: int) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._at = 0.0

    def left(self, now: float) -> int:
        """How many frames may be taken now, 0 for none."""
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        return max(0, int(self._left))

    def spend(self, frames: float) -> None:
        """Use so much of it up."""
        self._left -= frames

    def widen(self, burst: int) -> float:
        """Allow so many frames at once from now on. How much was used up before is returned."""
        used = self._burst - self._left
        self._left += burst - self._burst
        self._burst = burst
        return used


class Paces:
    """The allowances that the sockets of each user share, as long as there are any."""

    def __init__(self) -> None:
        self._paces: WeakValueDictionary[str, Pace] = WeakValueDictionary()

    def of(self, user_id: str) -> Pace:
        """The allowance of a user."""
        pace = self._paces.get(user_id)
        if pace is None:
            pace = self._paces[user_id] = Pace(USER_BURST, USER_PER_SECOND)
        return pace
