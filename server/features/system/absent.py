"""What clients ask of parts that this service does not have, answered truthfully: there is none, or it is off.

Web clients ask at their start or when a window opens, whatever the settings say, and show an error when nothing
answers. Each route is guarded as the part itself would be.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from server.access.guards import in_service, on_channel, on_team, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.features.users.lookup import visible_user
from server.http.router import Router
from server.ids import Id

Ids = Annotated[list[str], Meta(max_length=1000)]

router = Router("system")


class Enabled(Struct, frozen=True):
    """Whether something is on."""

    enabled: bool = False


class Available(Struct, frozen=True):
    """Whether something is there, and why not."""

    available: bool = False
    reason: str = ""


@router.get("/teams/{team_id}/channels/managed_categories", guard=on_team(Permission.VIEW_TEAM))
async def get_managed_categories(ctx: Context, team_id: Id) -> dict[str, str]:
    """Which channels of a team are in which of the categories that are the same for everyone: none."""
    return {}


@router.get("/content_flagging/team/{team_id}/status", guard=on_team(Permission.VIEW_TEAM))
async def get_content_flagging_status(ctx: Context, team_id: Id) -> Enabled:
    """Whether posts of a team can be flagged for review: no."""
    return Enabled()


@router.get("/channels/{channel_id}/access_control/attributes", guard=on_channel(Permission.READ_CHANNEL))
async def get_channel_access_control_attributes(ctx: Context, channel_id: Id) -> dict[str, list[str]]:
    """What people must have to be in a channel: nothing."""
    return {}


@router.get("/teams/{team_id}/access_control/attributes", guard=on_team(Permission.VIEW_TEAM))
async def get_team_access_control_attributes(ctx: Context, team_id: Id) -> dict[str, list[str]]:
    """What people must have to be in a team: nothing."""
    return {}


@router.get("/custom_profile_attributes/fields", guard=signed_in)
async def list_custom_profile_attribute_fields(ctx: Context) -> list[Any]:
    """What profiles tell beyond the usual: nothing."""
    return []


@router.get("/users/{user_id}/custom_profile_attributes", guard=in_service("view_members"))
async def list_custom_profile_attribute_values(ctx: Context, user_id: Id) -> dict[str, Any]:
    """What a user's profile tells beyond the usual: nothing."""
    await visible_user(ctx, user_id)
    return {}


@router.get("/agents", guard=signed_in)
async def get_agents(ctx: Context) -> dict[str, list[Any]]:
    """The agents that write with users: none."""
    return {"agents": []}


@router.get("/agents/status", guard=signed_in)
async def get_agents_status(ctx: Context) -> Available:
    """Whether there are agents: no."""
    return Available(reason="app.agents.bridge.not_available.plugin_not_active")


@router.get("/llmservices", guard=signed_in)
async def get_llm_services(ctx: Context) -> dict[str, list[Any]]:
    """The language models that agents use: none."""
    return {"services": []}


@router.put("/system/notices/view", guard=signed_in)
async def mark_notices_viewed(ctx: Context, body: Ids) -> None:
    """Note which news of the product the caller has seen. There are none, so there is nothing to be noted."""


@router.get("/trial-license/prev", guard=signed_in)
async def get_previous_trial_license(ctx: Context) -> dict[str, str]:
    """The licence that was tried before: none, since none is needed."""
    return {"IsLicensed": "false"}
