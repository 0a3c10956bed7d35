"""Sockets that are open and not signed in yet: how long they may be, and how many."""

from msgspec import Struct

from server.gateway.protocol import Socket

SIGN_IN_SECONDS = 5.0
HURRIED_SECONDS = 2.0
"""For how long one may be silent while too many others wait, too."""
PER_NODE = 10_000
PER_ADDRESS = 2_000
"""So many may wait for longer than that. Of one address there may be a whole company behind a proxy, so nobody is
refused for it; who signs in is not counted any more, and who doesn't makes room first."""


class _Arrival(Struct, eq=False, gc=False):
    since: float
    address: str


class Arrivals:
    """Sockets that are not signed in, by the time of their coming and by where they come from."""

    def __init__(self) -> None:
        self._waiting: dict[Socket, _Arrival] = {}
        self._from: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, socket: Socket, address: str, now: float) -> None:
        """A socket has been opened."""
        self._waiting[socket] = _Arrival(now, address)
        self._from[address] = self._from.get(address, 0) + 1

    def discard(self, socket: Socket) -> None:
        """It has signed in, or is gone."""
        arrival = self._waiting.pop(socket, None)
        if arrival is None:
            return
        left = self._from[arrival.address] - 1
        if left:
            self._from[arrival.address] = left
        else:
            del self._from[arrival.address]

    def close_overdue(self, now: float) -> None:
        """Close those that have waited for too long, and of too many the oldest."""
        for socket, arrival in self._older_than(now - HURRIED_SECONDS):
            if now - arrival.since >= SIGN_IN_SECONDS:
                self.discard(socket)
                if socket.signs_in:
                    socket.close(1013, "signing in takes too long; reconnect")
                else:
                    socket.close(1008, "not signed in")
            elif not socket.signs_in and self._is_crowded(arrival.address):
                self.discard(socket)
                socket.close(1013, "too many wait to sign in; reconnect")
                socket.transport.close()  # there is no time to wait for the client's answer

    def _older_than(self, moment: float) -> list[tuple[Socket, _Arrival]]:
        older = []
        for socket, arrival in self._waiting.items():
            if arrival.since > moment:
                break
            older.append((socket, arrival))
        return older

    def _is_crowded(self, address: str) -> bool:
        return len(self._waiting) > PER_NODE or self._from[address] > PER_ADDRESS
