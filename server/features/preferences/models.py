"""Preferences on the wire."""

from typing import Annotated

from msgspec import Meta, Struct

MAX_BATCH = 100


class Preference(Struct, frozen=True):
    """One value of a user; the fields are in the order of the table's columns."""

    user_id: str = ""
    category: str = ""
    name: str = ""
    value: str = ""


Preferences = Annotated[list[Preference], Meta(min_length=1, max_length=MAX_BATCH)]
"""Body of the writes."""
