"""Deleting a team for good, with its channels and messages.

The one place that deletes rows of other features: what belongs to a team goes in the transaction that deletes it,
except its posts, of which there may be millions: a job deletes them piece by piece.
"""

from typing import ClassVar

from server.context import Context
from server.db import SQL
from server.features.teams import member_queries, queries
from server.features.teams.events import TeamDeleted, for_members
from server.features.teams.service import no_such_team
from server.jobs.handlers import Jobs
from server.jobs.job import Job

PIECE = 5000

CHANNEL_IDS = SQL("SELECT id FROM channels WHERE team_id = $1")

DELETE_CHANNELS = SQL("DELETE FROM channels WHERE team_id = $1")

DELETE_CATEGORIES = SQL("DELETE FROM sidebar_categories WHERE team_id = $1")

DELETE_POSTS = SQL("""
    DELETE FROM posts
     WHERE id IN (SELECT id FROM posts WHERE channel_id = ANY($1::text[]) LIMIT $2)
""")

ERASE_FILES = SQL("""
    UPDATE files
       SET delete_at = $2, erase_at = $2
     WHERE id IN (SELECT id FROM files WHERE channel_id = ANY($1::text[]) AND erase_at = 0 LIMIT $3)
""")

jobs = Jobs()


class ErasePosts(Job, frozen=True, kw_only=True):
    """Delete all posts and files of channels that are gone."""

    name: ClassVar[str] = "erase_posts"
    channel_ids: list[str]


async def delete_team(ctx: Context, team_id: str) -> None:
    """Delete a team and everything in it; its posts follow soon after."""
    async with ctx.begin() as tx:
        team = await queries.lock_team(tx, team_id)
        if team is None:
            raise no_such_team()
        user_ids = await member_queries.member_ids(tx, team_id)
        channel_ids: list[str] = await tx.values(CHANNEL_IDS, team_id)
        await tx.run(DELETE_CATEGORIES, team_id)
        await tx.run(DELETE_CHANNELS, team_id)
        await queries.delete_team(tx, team_id)
        tx.enqueue(ErasePosts(channel_ids=channel_ids))
        tx.invalidate(f"team:{team_id}", *(f"channel:{channel_id}" for channel_id in channel_ids))
        tx.invalidate(*(tag for user_id in user_ids for tag in (f"teams_of:{user_id}", f"member_of:{user_id}")))
        tx.publish(TeamDeleted(team=for_members(team)))


@jobs.on(ErasePosts)
async def erase_posts(ctx: Context, job: ErasePosts) -> None:
    """Delete the posts in pieces that other work can get between, and let their files be removed."""
    while await ctx.db.run(DELETE_POSTS, job.channel_ids, PIECE):
        pass
    while await ctx.db.run(ERASE_FILES, job.channel_ids, ctx.now(), PIECE):
        pass
