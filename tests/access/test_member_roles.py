"""What a node remembers of the roles that users have in channels."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from server.access.grants import MANY_CHANNELS, member_roles, team_roles_of
from server.context import Context, request_context
from server.db import SQL
from tests.clients_of import Client
from tests.make import Make, Person
from tests.nodes import TestNode

Counted = Callable[..., AbstractContextManager[None]]

COPY_CHANNELS = SQL("""
    WITH copies AS (
        INSERT INTO channels (id, create_at, update_at, team_id, type, name, display_name)
        SELECT lpad($2 || lpad(number::text, 6, '0'), 26, '0'), create_at, update_at, team_id, type,
               $2 || number, $2 || number
          FROM channels, generate_series(1, $3::integer) AS number
         WHERE id = $1
     RETURNING id
    )
    INSERT INTO channel_members (channel_id, user_id, scheme_user, last_update_at)
    SELECT id, $4, true, 0 FROM copies
 RETURNING channel_id
""")


async def _asked(ctx: Context, channel_ids: list[str], person: Person) -> list[bool]:
    return [await member_roles(ctx, channel_id, person.id) is not None for channel_id in channel_ids]


async def test_the_channels_of_a_user_are_asked_about_at_once(
    two_nodes: list[TestNode], make: Make, counted: Counted
) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    own = [(await make.channel(team, owner=ada)).id for _ in range(3)]
    foreign = (await make.channel(team, owner=bob)).id
    ctx = request_context(two_nodes[0].services)
    two_nodes[0].services.cache.clear()

    with counted(sql=1):
        assert await _asked(ctx, own, ada) == [True] * 3
    with counted(sql=1):
        assert await _asked(ctx, [foreign, foreign, own[0]], ada) == [False, False, True]


async def test_roles_in_teams_come_along_and_change_at_once(
    two_nodes: list[TestNode], make: Make, client: Callable[..., Client], counted: Counted
) -> None:
    ada = await make.user()
    team, other = await make.team(members=[ada]), await make.team(members=[ada])
    channel = await make.channel(team, owner=ada)
    ctx = request_context(two_nodes[0].services)
    two_nodes[0].services.cache.clear()

    with counted(sql=1):
        assert await _asked(ctx, [channel.id], ada) == [True]
        assert (await team_roles_of(ctx, ada.id)).keys() == {team.id, other.id}
    await client(ada).delete(f"/teams/{other.id}/members/{ada.id}")
    assert (await team_roles_of(ctx, ada.id)).keys() == {team.id}
    two_nodes[0].services.cache.clear()
    assert await _asked(ctx, [channel.id], ada) == [True]
    assert (await team_roles_of(ctx, ada.id)).keys() == {team.id}


async def test_who_is_in_very_many_channels_is_asked_about_in_one_after_another(
    two_nodes: list[TestNode], make: Make, counted: Counted
) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, owner=ada)
    ctx = request_context(two_nodes[0].services)
    many = await ctx.db.values(COPY_CHANNELS, channel.id, ada.id[-8:], MANY_CHANNELS + 20, ada.id)
    two_nodes[0].services.cache.clear()

    assert await _asked(ctx, many, ada) == [True] * len(many)
    assert await _asked(ctx, ["z" * 26], ada) == [False]
    with counted(sql=0):
        assert await _asked(ctx, many, ada) == [True] * len(many)
