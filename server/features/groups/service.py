"""Making groups and saying who is in them."""

import re
from collections.abc import Sequence

import asyncpg

from server.access.grants import has_system
from server.access.permissions import Permission
from server.context import Context
from server.errors import BadRequest, NotAvailable, NotFound, forbidden, invalid_body
from server.features.groups import queries
from server.features.groups.events import GroupMemberAdded, GroupMemberDeleted, GroupReceived
from server.features.groups.models import (
    Group,
    GroupMember,
    GroupPatch,
    GroupRow,
    GroupUsers,
    NewGroup,
    WantedGroups,
)
from server.features.users.visible import restricted_ids, sanitized_many
from server.ids import is_id

CUSTOM = "custom"
NAME_MAX, DISPLAY_NAME_MAX, DESCRIPTION_MAX = 64, 128, 1024
TAG = "groups"
MAX_MEMBER_IDS = 100_000
"""Members of all groups of an answer that tells who they are: 3 MB."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._\-]*")
_EVERYBODY = frozenset({"all", "channel", "here"})


def no_such_group() -> NotFound:
    """404 for a group that is not there."""
    return NotFound("app.group.no_rows", "There is no such group.")


async def known_group(ctx: Context, group_id: str) -> GroupRow:
    """A group, archived ones too; raises NotFound."""
    group = await queries.group_by_id(ctx.db, group_id)
    if group is None:
        raise no_such_group()
    return group


def check_enabled(ctx: Context) -> None:
    """Refuse to change groups when they are switched off."""
    if not ctx.config.ServiceSettings.EnableCustomGroups:
        raise NotAvailable("api.custom_groups.feature_disabled", "Groups are switched off.")


async def list_groups(
    ctx: Context, wanted: WantedGroups, page: int, per_page: int, *, counts: bool = False, ids: bool = False
) -> list[Group]:
    """A page of groups, with how many members they have and who these are, as far as the caller may know."""
    if wanted.has_member and not is_id(wanted.has_member):
        raise invalid_body("filter_has_member")
    rows = await queries.groups(ctx.db, wanted, page, per_page)
    return await shown(ctx, rows, counts=counts, ids=ids)


async def shown(ctx: Context, rows: Sequence[GroupRow], *, counts: bool = False, ids: bool = False) -> list[Group]:
    """Groups as they travel, with counts and members if that is asked for."""
    found = [Group.of(row) for row in rows]
    numbers = await queries.member_counts(ctx.db, [group.id for group in found]) if counts or ids else {}
    if counts:
        for group in found:
            group.member_count = numbers.get(group.id, 0)
    if ids:
        if sum(numbers.values()) > MAX_MEMBER_IDS:
            raise BadRequest(
                "app.group.get_groups.too_many_members.app_error",
                f"These groups have more than {MAX_MEMBER_IDS} members; ask for fewer of them at a time.",
            )
        members = await queries.member_ids(ctx.db, [group.id for group in found], await restricted_ids(ctx))
        for group in found:
            group.member_ids = members.get(group.id, [])
    return found


async def create_group(ctx: Context, new: NewGroup) -> Group:
    """Make a group with its first members."""
    check_enabled(ctx)
    if new.source != CUSTOM:
        raise invalid_body("source")
    await _check_name(ctx, new.name)
    if not 1 <= len(new.display_name.strip()) <= DISPLAY_NAME_MAX:
        raise invalid_body("display_name")
    if len(new.description) > DESCRIPTION_MAX:
        raise invalid_body("description")
    user_ids = list(dict.fromkeys(new.user_ids))
    await _check_people(ctx, user_ids)
    async with ctx.begin() as tx:
        row = await queries.insert_group(tx, new, ctx.now())
        if row is None:
            raise _name_taken()
        members = await queries.add_members(tx, row.id, user_ids, ctx.now())
        group = Group.of(row)
        group.member_count = len(members)
        tx.invalidate(TAG)
        tx.publish(GroupReceived(group=group), *(GroupMemberAdded(group_member=member) for member in members))
    return group


async def patch_group(ctx: Context, group_id: str, patch: GroupPatch) -> Group:
    """Change parts of a group."""
    check_enabled(ctx)
    await known_group(ctx, group_id)
    if patch.name is not None:
        await _check_name(ctx, patch.name, group_id)
    if patch.display_name is not None and not 1 <= len(patch.display_name.strip()) <= DISPLAY_NAME_MAX:
        raise invalid_body("display_name")
    if patch.description is not None and len(patch.description) > DESCRIPTION_MAX:
        raise invalid_body("description")
    try:
        async with ctx.begin() as tx:
            row = await queries.patch_group(tx, group_id, patch, ctx.now())
            if row is None:
                raise no_such_group()
            group = (await _counted(ctx, row))[0]
            tx.invalidate(TAG)
            tx.publish(GroupReceived(group=group))
    except asyncpg.UniqueViolationError:
        raise _name_taken() from None
    return group


async def set_archived(ctx: Context, group_id: str, archived: bool) -> None:
    """Archive a group, whose name calls nobody then, or restore it."""
    check_enabled(ctx)
    await known_group(ctx, group_id)
    async with ctx.begin() as tx:
        row = await queries.set_delete_at(tx, group_id, ctx.now() if archived else 0, ctx.now())
        if row is None:
            raise no_such_group()
        tx.invalidate(TAG)
        tx.publish(GroupReceived(group=(await _counted(ctx, row))[0]))


async def add_members(ctx: Context, group_id: str, user_ids: Sequence[str]) -> list[GroupMember]:
    """Put people into a group; the memberships that are new."""
    check_enabled(ctx)
    await _live_group(ctx, group_id)
    wanted = list(dict.fromkeys(user_ids))
    await _check_people(ctx, wanted)
    async with ctx.begin() as tx:
        members = await queries.add_members(tx, group_id, wanted, ctx.now())
        tx.invalidate(TAG)
        tx.publish(*(GroupMemberAdded(group_member=member) for member in members))
    return members


async def remove_members(ctx: Context, group_id: str, user_ids: Sequence[str]) -> list[GroupMember]:
    """Take people out of a group; the memberships that ended."""
    check_enabled(ctx)
    await _live_group(ctx, group_id)
    async with ctx.begin() as tx:
        members = await queries.remove_members(tx, group_id, user_ids, ctx.now())
        tx.invalidate(TAG)
        tx.publish(*(GroupMemberDeleted(group_member=member) for member in members))
    return members


async def members_of(ctx: Context, group_id: str, page: int, per_page: int) -> GroupUsers:
    """A page of a group's members, as far as the caller may know them."""
    await known_group(ctx, group_id)
    restricted = await restricted_ids(ctx)
    users = await queries.members(ctx.db, group_id, restricted, page, per_page)
    counts = await queries.member_counts(ctx.db, [group_id], restricted)
    return GroupUsers(await sanitized_many(ctx, users), counts.get(group_id, 0))


async def check_reads(ctx: Context, group_id: str) -> GroupRow:
    """A group that the caller may read: those that users made are for everyone."""
    group = await known_group(ctx, group_id)
    if group.source != CUSTOM and not await has_system(ctx, Permission.SYSCONSOLE_READ_USER_MANAGEMENT_GROUPS):
        raise forbidden()
    return group


async def _counted(ctx: Context, row: GroupRow) -> list[Group]:
    return await shown(ctx, [row], counts=True)


async def _live_group(ctx: Context, group_id: str) -> GroupRow:
    group = await known_group(ctx, group_id)
    if group.delete_at:
        raise BadRequest("app.group.archived.app_error", "The group is archived.")
    return group


async def _check_people(ctx: Context, user_ids: Sequence[str]) -> None:
    if user_ids and await queries.count_existing(ctx.db, user_ids) != len(user_ids):
        raise invalid_body("user_ids")


async def _check_name(ctx: Context, name: str, group_id: str = "") -> None:
    if len(name) > NAME_MAX or not _NAME.fullmatch(name):
        raise invalid_body("name")
    if name in _EVERYBODY:
        raise BadRequest("api.custom_groups.reserved_name.app_error", "This name calls everybody.")
    if await queries.name_taken(ctx.db, name, group_id):
        raise _name_taken()


def _name_taken() -> BadRequest:
    return BadRequest("app.custom_group.unique_name", "A group or a user has this name.")
