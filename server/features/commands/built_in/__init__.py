"""The server's own commands, one file per family; importing this package puts them all into the registry.

`naming.py` reads the names of people and channels that follow a trigger, and leads clients to channels.
"""

from server.features.commands.built_in import (
    absent,
    channels,
    client,
    conversations,
    invitations,
    membership,
    presence,
    testing,
    texts,
)
from server.features.commands.registry import BUILT_IN

__all__ = [
    "BUILT_IN",
    "absent",
    "channels",
    "client",
    "conversations",
    "invitations",
    "membership",
    "presence",
    "testing",
    "texts",
]
