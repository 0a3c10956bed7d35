"""Teams, channels and categories, as the driver asks for them."""

from tests.clients.daily.day import Day, Json, ids, refused
from tests.features.files.uploading import picture


def keep_a_team(day: Day) -> None:
    """A team is read, changed, invited to, archived and restored."""
    teams, team = day.ada.driver.teams, day.team["id"]
    assert teams.get_team(team)["name"] == "kitchen"
    assert teams.get_team_by_name("kitchen")["id"] == team
    assert teams.team_exists("kitchen") == {"exists": True}
    assert ids(day.admin.driver.teams.get_all_teams()) == [team]
    assert ids(day.admin.driver.teams.search_teams("kitch")) == [team]
    assert ids(teams.get_teams_for_user(day.ada.id)) == [team]
    assert [member["team_id"] for member in teams.get_team_members_for_user(day.ada.id)] == [team]
    assert {member["user_id"] for member in teams.get_team_members(team)} == {day.ada.id, day.bob.id}
    assert teams.get_team_member(team, day.bob.id)["user_id"] == day.bob.id
    assert [member["user_id"] for member in teams.get_team_members_by_ids(team, [day.bob.id])] == [day.bob.id]
    assert teams.get_team_stats(team)["total_member_count"] == 2
    assert [unread["team_id"] for unread in day.bob.driver.teams.get_teams_unread_for_user(day.bob.id, "")] == [team]
    assert day.bob.driver.teams.get_team_unread(day.bob.id, team)["team_id"] == team
    assert teams.get_team_invite_info(day.team["invite_id"])["id"] == team

    assert teams.patch_team(team, description="We cook")["description"] == "We cook"
    whole = {**teams.get_team(team), "display_name": "The Kitchen"}
    assert day.ada.ask("PUT", f"/api/v4/teams/{team}", json=whole).json()["display_name"] == "The Kitchen"
    teams.update_team_privacy(team, "I")
    teams.update_team_privacy(team, "O")
    teams.set_team_icon(team, ("icon.png", picture((32, 32))))
    assert day.bob.driver.teams.get_team_icon(team).content[:4] == b"\x89PNG"
    teams.remove_team_icon(team)
    with refused():
        day.bob.driver.teams.patch_team(team, description="mine")


def invite_to_a_team(day: Day) -> None:
    """People come into a team in every way there is."""
    teams, team = day.ada.driver.teams, day.team["id"]
    teams.remove_team_member(team, day.admin.id)
    invited = teams.regenerate_team_invite_id(team)
    assert invited["invite_id"] != day.team["invite_id"]
    joined = day.admin.ask("POST", "/api/v4/teams/members/invite", params={"invite_id": invited["invite_id"]})
    assert joined.json()["user_id"] == day.admin.id
    teams.remove_team_member(team, day.admin.id)
    batch = teams.add_team_members(team, [{"team_id": team, "user_id": day.admin.id}])
    assert [member["user_id"] for member in batch] == [day.admin.id]
    teams.update_team_member_scheme_roles(team, day.admin.id, True, True)
    assert teams.get_team_member(team, day.admin.id)["scheme_admin"] is True
    teams.invite_users_to_team(team, ["dora@example.org"])
    assert "/signup" in day.next_mail("dora@example.org")
    other = teams.create_team("cellar", "Cellar", "I")
    with refused():
        day.bob.driver.teams.soft_delete_team(other["id"])
    teams.soft_delete_team(other["id"])
    assert day.admin.driver.teams.restore_team(other["id"])["delete_at"] == 0
    teams.soft_delete_team(other["id"])


def keep_channels(day: Day) -> None:
    """A channel is made, changed, archived and restored."""
    channels, team = day.ada.driver.channels, day.team["id"]
    pub = channels.create_channel(team, "garden", "Garden", "O", purpose="plants")
    assert channels.get_channel(pub["id"])["purpose"] == "plants"
    assert channels.get_channel_by_name(team, "garden")["id"] == pub["id"]
    assert channels.get_channel_by_name_for_team_name("kitchen", "garden")["id"] == pub["id"]
    assert pub["id"] in ids(channels.get_public_channels_for_team(team))
    assert ids(channels.get_public_channels_by_ids_for_team(team, [pub["id"]])) == [pub["id"]]
    assert pub["id"] in ids(channels.autocomplete_channels_for_team(team, "gar"))
    assert pub["id"] in ids(channels.autocomplete_channels_for_team_for_search(team, "gar"))
    assert ids(channels.search_channels(team, "gard")) == [pub["id"]]
    assert pub["id"] in ids(day.admin.driver.channels.search_all_channels("gard"))
    assert isinstance(channels.get_recommended_channels_for_team(team), list)
    assert pub["id"] in ids(channels.get_channels_for_user(day.ada.id))
    assert pub["id"] in ids(channels.get_channels_for_team_for_user(day.ada.id, team))

    assert channels.patch_channel(pub["id"], header="green")["header"] == "green"
    assert channels.update_channel(pub["id"], pub["id"], display_name="Gardens")["display_name"] == "Gardens"
    assert channels.update_channel_privacy(pub["id"], "P")["type"] == "P"
    assert channels.update_channel_privacy(pub["id"], "O")["type"] == "O"
    with refused():
        day.bob.driver.channels.update_channel_privacy(pub["id"], "P")
    channels.delete_channel(pub["id"])
    assert ids(channels.get_deleted_channels_for_team(team)) == [pub["id"]]
    found = day.ada.ask("POST", f"/api/v4/teams/{team}/channels/search_archived", json={"term": "gard"})
    assert ids(found.json()) == [pub["id"]]
    assert channels.restore_channel(pub["id"])["delete_at"] == 0
    assert day.ada.ask("POST", f"/api/v4/channels/{pub['id']}/convert").json()["type"] == "P"


def keep_members(day: Day) -> None:
    """Members come, are counted and go."""
    channels, team = day.ada.driver.channels, day.team["id"]
    room = channels.create_channel(team, "room", "Room", "P")["id"]
    with refused():
        day.bob.driver.channels.get_channel_members(room)
    channels.add_channel_member(room, day.bob.id)
    assert {member["user_id"] for member in channels.get_channel_members(room)} == {day.ada.id, day.bob.id}
    assert channels.get_channel_member(room, day.bob.id)["user_id"] == day.bob.id
    assert [member["user_id"] for member in channels.get_channel_members_by_ids(room, [day.bob.id])] == [day.bob.id]
    assert {m["channel_id"] for m in channels.get_channel_members_for_user(day.ada.id, team)} >= {room}
    assert channels.get_channel_stats(room)["member_count"] == 2
    assert channels.get_channels_member_count([room]) == {room: 2}
    assert isinstance(channels.get_channel_members_timezones(room), list)
    channels.update_channel_member_scheme_roles(room, day.bob.id, True, True)
    assert channels.get_channel_member(room, day.bob.id)["scheme_admin"] is True
    day.bob.driver.channels.update_channel_notify_props(
        room, day.bob.id, {"user_id": day.bob.id, "channel_id": room, "mark_unread": "mention"}
    )
    assert day.bob.driver.channels.get_channel_member(room, day.bob.id)["notify_props"]["mark_unread"] == "mention"
    channels.remove_user_from_channel(room, day.bob.id)
    assert channels.get_channel_stats(room)["member_count"] == 1
    day.admin.ask("PUT", f"/api/v4/channels/{room}/members", json={"members": [day.ada.id, day.bob.id]})
    assert channels.get_channel_stats(room)["member_count"] == 2


def talk_in_private(day: Day) -> None:
    """Direct and group channels."""
    channels = day.ada.driver.channels
    day.ada.driver.teams.add_team_member(day.team["id"], day.admin.id)
    direct = channels.create_direct_channel([day.ada.id, day.bob.id])
    assert channels.create_direct_channel([day.bob.id, day.ada.id])["id"] == direct["id"]
    group = channels.create_group_channel([day.ada.id, day.bob.id, day.admin.id])
    assert group["id"] in ids(channels.search_group_channels("bob"))
    common = day.ada.driver.group_message.get_group_message_members_common_teams(group["id"])
    assert ids(common) == [day.team["id"]]
    converted = day.ada.ask(
        "POST",
        f"/api/v4/channels/{group['id']}/convert_to_channel",
        json={"channel_id": group["id"], "team_id": day.team["id"], "name": "trio", "display_name": "Trio"},
    ).json()
    assert (converted["id"], converted["type"], converted["name"]) == (group["id"], "P", "trio")


def read_channels(day: Day) -> None:
    """What Ada posts makes channels unread for Bob until he looks."""
    mine, bobs, team = day.ada.driver, day.bob.driver, day.team["id"]
    direct = mine.channels.create_direct_channel([day.ada.id, day.bob.id])["id"]

    def unread(channel_id: str) -> int:
        count: int = bobs.channels.get_channel_unread(day.bob.id, channel_id)["msg_count"]
        return count

    def post() -> None:
        for channel_id in (day.town["id"], direct):
            mine.posts.create_post(channel_id, "news")
            assert unread(channel_id) > 0

    post()
    viewed = bobs.channels.view_channel("me", day.town["id"])
    assert (viewed["status"], unread(day.town["id"])) == ("OK", 0)
    bobs.channels.mark_channels_read_for_user(day.bob.id, [direct])
    assert unread(direct) == 0
    post()
    bobs.channels.mark_all_team_channels_read(day.bob.id, team)
    assert unread(day.town["id"]) == 0
    bobs.channels.mark_all_direct_messages_read(day.bob.id)
    assert unread(direct) == 0


def sort_the_sidebar(day: Day) -> None:
    """Categories hold channels in an order."""
    channels, team, me = day.ada.driver.channels, day.team["id"], day.ada.id
    found = channels.get_sidebar_categories_for_team_for_user(team, me)
    assert [category["type"] for category in found["categories"]] == ["favorites", "channels", "direct_messages"]
    made: Json = channels.create_sidebar_category_for_team_for_user(
        team, me, {"user_id": me, "team_id": team, "display_name": "Mine", "channel_ids": [day.town["id"]]}
    )
    path = (team, me, made["id"])
    assert channels.get_sidebar_category_for_team_for_user(*path)["channel_ids"] == [day.town["id"]]
    renamed = channels.update_sidebar_category_for_team_for_user(*path, {**made, "display_name": "Ours"})
    assert renamed["display_name"] == "Ours"
    channels.update_sidebar_categories_for_team_for_user(team, me, [{**renamed, "channel_ids": []}])
    assert channels.get_sidebar_category_for_team_for_user(*path)["channel_ids"] == []
    order = channels.get_sidebar_category_order_for_team_for_user(team, me)
    turned = list(reversed(order))
    assert channels.update_sidebar_category_order_for_team_for_user(team, me, turned) == turned
    channels.remove_sidebar_category_for_team_for_user(*path)
    assert made["id"] not in channels.get_sidebar_category_order_for_team_for_user(team, me)
    with refused():
        day.bob.driver.channels.get_sidebar_categories_for_team_for_user(team, me)
