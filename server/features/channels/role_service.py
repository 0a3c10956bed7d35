"""What members of a channel are there, and how each wants to be notified."""

from server.access.grants import check_gives
from server.access.roles import CHANNEL_ADMIN, CHANNEL_GUEST, CHANNEL_USER
from server.context import Change, Context
from server.errors import BadRequest, NotFound
from server.features.channels import member_queries, rules
from server.features.channels.events import ChannelMemberUpdated
from server.features.channels.member_models import ChannelMember, NotifyProps, SchemeRoles

_LEVELS = frozenset({"default", "all", "mention", "none"})
_SWITCH = frozenset({"default", "on", "off"})
NOTIFY_VALUES: dict[str, frozenset[str] | None] = {
    "desktop": _LEVELS,
    "desktop_sound": _SWITCH,
    "desktop_notification_sound": None,
    "desktop_threads": _LEVELS,
    "push": _LEVELS,
    "push_threads": _LEVELS,
    "email": _LEVELS | {"true", "false"},
    "mark_unread": frozenset({"all", "mention"}),
    "ignore_channel_mentions": _SWITCH,
    "channel_auto_follow_threads": frozenset({"on", "off"}),
}
"""What each notify prop may be; None: any short text."""

_REFUSALS = {
    "mark_unread": "model.channel_member.is_valid.unread_level.app_error",
    "push": "model.channel_member.is_valid.push_level.app_error",
    "email": "model.channel_member.is_valid.email_value.app_error",
    "ignore_channel_mentions": "model.channel_member.is_valid.ignore_channel_mentions_value.app_error",
    "channel_auto_follow_threads": "model.channel_member.is_valid.channel_auto_follow_threads_value.app_error",
}
_REFUSAL = "model.channel_member.is_valid.notify_level.app_error"


async def update_notify_props(ctx: Context, channel_id: str, user_id: str, props: NotifyProps) -> None:
    """Set some notify props of a member; keys that nobody knows are passed over."""
    known = {key: value for key, value in props.items() if key in NOTIFY_VALUES}
    for key, value in known.items():
        allowed = NOTIFY_VALUES[key]
        if value not in allowed if allowed is not None else len(value) > 64:
            raise BadRequest(_REFUSALS.get(key, _REFUSAL), f"{key} can't be that.")
    async with ctx.begin() as tx:
        member = await member_queries.set_notify_props(tx, channel_id, user_id, known, ctx.now())
        if member is None:
            raise rules.no_such_member()
        tx.invalidate(f"mentions:{channel_id}")
        tx.publish(ChannelMemberUpdated(channel_member=member))


async def update_roles(ctx: Context, channel_id: str, user_id: str, roles: str) -> None:
    """Give a member these roles and no others; those of the scheme become flags. Guests stay guests, others others."""
    names = list(dict.fromkeys(roles.split()))
    known = await member_queries.scheme_managed_roles(ctx.db, names)
    explicit: list[str] = []
    flags = {CHANNEL_GUEST: False, CHANNEL_USER: False, CHANNEL_ADMIN: False}
    for name in names:
        if name not in known:
            raise NotFound("app.role.get_by_name.app_error", f"There is no role {name}.")
        if name in flags:
            flags[name] = True
        elif known[name]:
            raise BadRequest(
                "api.channel.update_channel_member_roles.scheme_role.app_error", f"{name} is no role in channels."
            )
        else:
            explicit.append(name)
    async with ctx.begin() as tx:
        member = await _lock(tx, channel_id, user_id)
        if member.scheme_guest != flags[CHANNEL_GUEST]:
            raise BadRequest(
                "api.channel.update_channel_member_roles.changing_guest_role.app_error", "Guests stay guests."
            )
        _check_flags(flags[CHANNEL_GUEST], flags[CHANNEL_USER], flags[CHANNEL_ADMIN])
        await check_gives(ctx, set(explicit).difference(member.explicit_roles.split()), channel_id=channel_id)
        await _set(ctx, tx, member, " ".join(explicit), tuple(flags.values()))


async def update_scheme_roles(ctx: Context, channel_id: str, user_id: str, body: SchemeRoles) -> None:
    """Set the flags of a member; explicit roles stay."""
    async with ctx.begin() as tx:
        member = await _lock(tx, channel_id, user_id)
        guest = body.scheme_guest or (member.scheme_guest and not body.scheme_user)
        if member.scheme_guest != guest:
            raise BadRequest(
                "api.channel.update_channel_member_roles.changing_guest_role.app_error", "Guests stay guests."
            )
        _check_flags(guest, body.scheme_user, body.scheme_admin)
        await _set(ctx, tx, member, member.explicit_roles, (guest, body.scheme_user, body.scheme_admin))


def _check_flags(guest: bool, user: bool, admin: bool) -> None:
    if guest and (user or admin):
        raise BadRequest(
            "api.channel.update_channel_member_roles.guest_and_user.app_error", "A guest has no other role."
        )
    if not guest and not user:
        raise BadRequest(
            "api.channel.update_channel_member_roles.unset_user_scheme.app_error", "Every member is a user or a guest."
        )


async def _lock(tx: Change, channel_id: str, user_id: str) -> ChannelMember:
    member = await member_queries.lock_member(tx, channel_id, user_id)
    if member is None:
        raise rules.no_such_member()
    return member


async def _set(ctx: Context, tx: Change, member: ChannelMember, explicit: str, flags: tuple[bool, ...]) -> None:
    if (member.explicit_roles, member.scheme_guest, member.scheme_user, member.scheme_admin) == (explicit, *flags):
        return
    guest, user, admin = flags
    changed = await member_queries.set_roles(
        tx, member.channel_id, member.user_id, explicit, (guest, user, admin), ctx.now()
    )
    tx.invalidate(f"member:{member.channel_id}:{member.user_id}")
    if changed is not None:
        tx.publish(ChannelMemberUpdated(channel_member=changed))


async def set_muted(ctx: Context, tx: Change, user_id: str, channel_ids: list[str], muted: bool) -> None:
    """Mute channels for a user or let them be heard again."""
    changed = await member_queries.set_mark_unread(tx, channel_ids, user_id, "mention" if muted else "all", ctx.now())
    for member in changed:
        tx.invalidate(f"mentions:{member.channel_id}")
        tx.publish(ChannelMemberUpdated(channel_member=member))
