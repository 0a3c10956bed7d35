"""What clients ask for over the socket: statuses, whether they are active, typing."""

from server.access.grants import check_channel
from server.access.permissions import Permission
from server.context import Context
from server.features.status import queries, service
from server.features.status.models import AWAY, MAX_IDS, ONLINE, ActiveStatus, StatusIds, TypingIn
from server.features.users.visible import only_seen
from server.gateway.actions import Actions

actions = Actions()


@actions.on("user_update_active_status")
async def user_update_active_status(ctx: Context, data: ActiveStatus) -> None:
    """The client says whether its user is active; `manual` makes that the user's choice."""
    if data.manual:
        await service.choose(ctx, ctx.user_id, ONLINE if data.user_is_active else AWAY)
    elif data.user_is_active:
        await service.set_online(ctx, ctx.user_id)
    else:
        await service.set_away_if_idle(ctx, ctx.user_id)


@actions.on("get_statuses")
async def get_statuses(ctx: Context) -> dict[str, str]:
    """The users who are not offline, with their status."""
    if not ctx.config.ServiceSettings.EnableUserStatuses:
        return {}
    found = await queries.not_offline(ctx.db, MAX_IDS)
    return {user_id: found[user_id] for user_id in await only_seen(ctx, found)}


@actions.on("get_statuses_by_ids")
async def get_statuses_by_ids(ctx: Context, data: StatusIds) -> dict[str, str]:
    """The statuses of these users."""
    found = await service.statuses_of(ctx, await only_seen(ctx, data.user_ids))
    return {user_id: status.status for user_id, status in found.items()}


@actions.on("user_typing")
async def user_typing(ctx: Context, data: TypingIn) -> None:
    """The user types in a channel, or in the thread of parent_id."""
    await check_channel(ctx, data.channel_id, Permission.CREATE_POST)
    await service.set_typing(ctx, ctx.user_id, data.channel_id, data.parent_id)
