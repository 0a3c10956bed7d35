"""SQL constants, and the list of columns of a Struct."""

from typing import Final

import msgspec
from msgspec import Struct

ALL_SQL: Final[list["SQL"]] = []
"""Every statement of the program, for the test that prepares each on the real schema."""

HASTY: Final = "set_config('synchronous_commit', 'off', true) = 'off'"
"""A condition of a write that commits by itself, always true: nobody waits until the disk has it. All see it at once,
and it stays unless PostgreSQL or its machine crashes within the next seconds. For what may be lost then."""


class SQL(Struct, frozen=True):
    """A statement made of constants only; all input goes in as $1, $2, …"""

    text: str

    def __post_init__(self) -> None:
        ALL_SQL.append(self)

    @property
    def reads(self) -> bool:
        """Whether it surely writes nothing."""
        return self.text.lstrip()[:6].upper() == "SELECT"


def columns(struct: type[Struct], alias: str = "", *, leave: tuple[str, ...] = ()) -> str:
    """The fields of a Struct as columns, in its order: "p.id, p.create_at, …"; `leave` names fields left out."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f"{prefix}{field.name}" for field in msgspec.structs.fields(struct) if field.name not in leave)
