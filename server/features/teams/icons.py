"""Icons of teams: square PNGs in the store of files."""

from server.context import Context
from server.errors import BadRequest, NotFound
from server.features.teams.models import Team
from server.features.teams.service import get_team, set_icon_time
from server.http.reply import Reply, revalidate
from server.storage.blobs import Blobs
from server.storage.pictures import Unreadable
from server.storage.previews import Previews

SIDE = 128
"""Pixels."""


def place(team_id: str) -> str:
    """Where the icon of a team lies in the store of files."""
    return f"teams/{team_id}/icon.png"


def _no_icon() -> NotFound:
    return NotFound("api.team.get_team_icon.read_file.app_error", "The team has no icon.")


def _blobs(ctx: Context) -> Blobs:
    blobs: Blobs = ctx.part(Blobs)
    return blobs


async def icon_of(ctx: Context, team: Team, if_none_match: str) -> Reply:
    """The icon of a team; clients may keep it for a day."""
    if not team.last_team_icon_update:
        raise _no_icon()
    ctx.reply_headers.append(("Cache-Control", "max-age=86400, private"))
    revalidate(ctx, if_none_match, str(team.last_team_icon_update))
    content = await _blobs(ctx).read(place(team.id))
    if content is None:
        raise _no_icon()
    return Reply(content=content, media_type="image/png")


async def set_icon(ctx: Context, team_id: str, content: bytes) -> None:
    """Make an uploaded picture the icon of a team; raises BadRequest for what is none."""
    await get_team(ctx, team_id)
    previews: Previews = ctx.part(Previews)
    try:
        small = await previews.square(content, SIDE, ctx.config.FileSettings.MaxImageResolution)
    except Unreadable as error:
        raise BadRequest("api.team.set_team_icon.decode.app_error", error.message) from error
    await _blobs(ctx).write(place(team_id), small)
    await set_icon_time(ctx, team_id, ctx.now())


async def remove_icon(ctx: Context, team_id: str) -> None:
    """Take the icon of a team away."""
    await set_icon_time(ctx, team_id, 0)
    await _blobs(ctx).delete(place(team_id))
