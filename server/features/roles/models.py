"""Roles on the wire."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

PermissionName = Annotated[str, Meta(min_length=1, max_length=64)]


class Role(Struct, frozen=True):
    """A role; the fields are in the order of the table's columns."""

    id: str
    name: str
    display_name: str
    description: str
    create_at: int
    update_at: int
    delete_at: int
    permissions: list[str]
    scheme_managed: bool
    built_in: bool


class RolePatch(Struct, frozen=True):
    """Body of PUT /roles/{role_id}/patch."""

    permissions: Annotated[list[PermissionName], Meta(max_length=1000)] | UnsetType = UNSET


class Seed(Struct, frozen=True):
    """A built-in role as it is written at the first start."""

    id: str
    name: str
    display_name: str
    description: str
    permissions: list[str]
    scheme_managed: bool
    built_in: bool
