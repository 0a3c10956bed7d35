"""Roles and notify props of members."""

import pytest

from tests.features.channels.hearing import Clients, Sockets
from tests.make import Make


async def test_a_channel_administrator_makes_another(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, [bob], owner=ada)
    path = f"/channels/{channel.id}/members/{bob.id}/schemeRoles"

    refused = await client(bob).put(path, {"scheme_user": True, "scheme_admin": True})
    async with socket(bob) as events, socket(ada) as others:
        (await client(ada).put(path, {"scheme_user": True, "scheme_admin": True})).ok()
        updated = await events.next("channel_member_updated")
        assert await others.names() == []
    admitted = await client(bob, node=1).put(path, {"scheme_user": True, "scheme_admin": False})

    member = updated.data["channelMember"]
    assert (refused.status, admitted.status) == (403, 200)
    assert (member["user_id"], member["roles"]) == (bob.id, "channel_user channel_admin")
    assert isinstance(updated.raw["channelMember"], str)


async def test_roles_by_name_set_flags_and_explicit_roles(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, [bob], owner=ada)
    path = f"/channels/{channel.id}/members/{bob.id}"

    (await client(ada).put(f"{path}/roles", {"roles": "channel_user channel_admin system_post_all"})).ok()
    member = (await client(ada).get(path)).ok()
    unknown = await client(ada).put(f"{path}/roles", {"roles": "channel_user no_such_role"})
    foreign = await client(ada).put(f"{path}/roles", {"roles": "channel_user team_admin"})
    guest = await client(ada).put(f"{path}/roles", {"roles": "channel_guest"})
    nothing = await client(ada).put(f"{path}/roles", {"roles": ""})
    absent = await client(ada).put(f"/channels/{channel.id}/members/{'a' * 26}/roles", {"roles": "channel_user"})

    assert member["roles"] == "channel_user channel_admin system_post_all"
    assert member["explicit_roles"] == "system_post_all"
    assert member["scheme_admin"] is True
    assert (unknown.status, unknown.error_id) == (404, "app.role.get_by_name.app_error")
    assert foreign.error_id == "api.channel.update_channel_member_roles.scheme_role.app_error"
    assert guest.error_id == "api.channel.update_channel_member_roles.changing_guest_role.app_error"
    assert nothing.error_id == "api.channel.update_channel_member_roles.unset_user_scheme.app_error"
    assert (absent.status, absent.error_id) == (404, "app.channel.get_member.missing.app_error")


async def test_a_user_does_not_become_a_guest_of_the_channel(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, [bob], owner=ada)
    path = f"/channels/{channel.id}/members/{bob.id}/schemeRoles"

    guest = await client(ada).put(path, {"scheme_guest": True})
    neither = await client(ada).put(path, {"scheme_user": False})

    assert guest.error_id == "api.channel.update_channel_member_roles.changing_guest_role.app_error"
    assert neither.error_id == "api.channel.update_channel_member_roles.unset_user_scheme.app_error"


async def test_notify_props_change_one_by_one(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, [bob], owner=ada)
    path = f"/channels/{channel.id}/members/{bob.id}/notify_props"

    async with socket(bob) as events, socket(ada) as others:
        (await client(bob).put(path, {"mark_unread": "mention", "unknown": "x", "push": None})).ok()
        updated = await events.next("channel_member_updated")
        assert await others.names() == []
    (await client(bob).put(path, {"desktop": "all"})).ok()

    props = (await client(bob).get(f"/channels/{channel.id}/members/me")).ok()["notify_props"]
    assert updated.data["channelMember"]["notify_props"]["mark_unread"] == "mention"
    assert (props["mark_unread"], props["desktop"], props["push"]) == ("mention", "all", "default")
    assert "unknown" not in props


@pytest.mark.parametrize(
    ("props", "error"),
    [
        ({"mark_unread": "never"}, "model.channel_member.is_valid.unread_level.app_error"),
        ({"desktop": "loud"}, "model.channel_member.is_valid.notify_level.app_error"),
        ({"push": ""}, "model.channel_member.is_valid.push_level.app_error"),
        ({"email": "yes"}, "model.channel_member.is_valid.email_value.app_error"),
        (
            {"ignore_channel_mentions": "no"},
            "model.channel_member.is_valid.ignore_channel_mentions_value.app_error",
        ),
        ({"desktop": 1}, "api.context.invalid_body_param.app_error"),
        ([], "api.context.invalid_body_param.app_error"),
    ],
)
async def test_notify_props_have_their_values(make: Make, client: Clients, props: object, error: str) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, owner=ada)

    reply = await client(ada).put(f"/channels/{channel.id}/members/me/notify_props", props)

    assert (reply.status, reply.error_id) == (400, error)


async def test_notify_props_are_ones_own(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, [bob], owner=ada)
    other = await make.channel(team, owner=ada)

    foreign = await client(ada).put(f"/channels/{channel.id}/members/{bob.id}/notify_props", {"desktop": "all"})
    absent = await client(bob).put(f"/channels/{other.id}/members/me/notify_props", {"desktop": "all"})

    assert (foreign.status, foreign.error_id) == (403, "api.context.permissions.app_error")
    assert (absent.status, absent.error_id) == (404, "app.channel.get_member.missing.app_error")
