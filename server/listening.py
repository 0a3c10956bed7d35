"""The sockets that a node listens on: one, or one for each of several processes on one port."""

import contextlib
import socket
import sys
from typing import Any

from server.config import Config

BACKLOG = 4096
"""Connections that wait to be accepted: when a node dies, all of its clients come to the others at once."""

SPREADS = sys.platform == "linux"
"""Whether the system deals connections evenly to sockets on one port. Of processes that accept from one socket, those
that are woken first take most: of 200 connections to four workers they had 131, 61, 5 and 3."""


def listen(config: Config) -> socket.socket:
    """The listening socket of ListenAddress (":8065", "127.0.0.1:8065"). Raises OSError when the address is taken."""
    sock = _bound(*_address(config))
    sock.listen(BACKLOG)
    return sock


def reserve(config: Config) -> socket.socket:
    """A socket that holds ListenAddress for several processes, which accept from sockets of their own: see `share`.

    Raises OSError when the address is taken.
    """
    if not SPREADS:
        return listen(config)
    with _bound(*_address(config)) as alone:  # a socket that shares would not mind others of the same account
        family, name = alone.family, alone.getsockname()
    return _bound(family, name, shares=True)


def share(reserved: socket.socket) -> socket.socket:
    """A socket for one more process. It listens when the process does, and no longer: nobody waits for a dead one."""
    return _bound(reserved.family, reserved.getsockname(), shares=True) if SPREADS else reserved.dup()


def let_in(listening: socket.socket) -> list[socket.socket]:
    """Those who are connected and wait to be accepted. Their connections would be reset when the socket is closed,
    though they may have asked for something already.
    """
    waiting = []
    with contextlib.suppress(OSError):  # that nobody is left, or that no more files may be open
        while True:
            waiting.append(listening.accept()[0])
    return waiting


def _address(config: Config) -> tuple[socket.AddressFamily, tuple[str, int]]:
    host, _, port = config.ServiceSettings.ListenAddress.rpartition(":")
    host = host.strip("[]")
    return socket.AF_INET6 if ":" in host else socket.AF_INET, (host or "0.0.0.0", int(port))


def _bound(family: socket.AddressFamily | int, address: tuple[Any, ...], *, shares: bool = False) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
