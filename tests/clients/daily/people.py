"""Accounts, sessions, tokens, status, preferences, roles and settings, as the driver asks for them."""

import re

from tests.clients.daily.day import Day, ids, refused
from tests.features.files.uploading import picture
from tests.make import PASSWORD

NEW_PASSWORD = PASSWORD + "2"


def read_people(day: Day) -> None:
    """People are found by all that they are known by."""
    users, bob = day.ada.driver.users, day.bob
    assert users.get_user("me")["id"] == day.ada.id
    assert users.get_user_by_username("bob")["id"] == bob.id
    assert users.get_user_by_email(bob.email)["id"] == bob.id
    assert {day.ada.id, bob.id} <= set(ids(users.get_users(per_page=100)))
    assert set(ids(users.get_users(in_channel=day.town["id"]))) == {day.ada.id, bob.id}
    assert ids(users.get_users_by_ids([bob.id])) == [bob.id]
    assert ids(users.get_users_by_usernames(["bob"])) == [bob.id]
    assert ids(users.search_users("bo", team_id=day.team["id"])) == [bob.id]
    assert ids(users.autocomplete_users("bo", team_id=day.team["id"])["users"]) == [bob.id]
    assert users.get_total_users_stats()["total_users_count"] == 3
    direct = day.ada.driver.channels.create_direct_channel([day.ada.id, bob.id])
    assert users.get_known_users() == [bob.id]
    group = day.ada.driver.channels.create_group_channel([day.ada.id, bob.id, day.admin.id])
    assert set(ids(users.get_users_by_group_channel_ids([group["id"]])[group["id"]])) == {bob.id, day.admin.id}
    members = users.get_channel_members_with_team_data_for_user(day.ada.id)
    assert {day.town["id"], direct["id"]} <= {member["channel_id"] for member in members}
    users.publish_user_typing(day.ada.id, day.town["id"])


def change_people(day: Day) -> None:
    """Ada changes what she says of herself; nobody changes others."""
    users = day.ada.driver.users
    me = users.get_user("me")
    assert users.patch_user(day.ada.id, nickname="Countess")["nickname"] == "Countess"
    updated = users.update_user(day.ada.id, day.ada.id, me["email"], "ada", first_name="Ada", locale="en")
    assert updated["first_name"] == "Ada"
    with refused():
        users.patch_user(day.bob.id, nickname="Baron")
    default = users.get_default_profile_image(day.ada.id)
    assert default.content[:4] == b"\x89PNG"
    users.set_profile_image(day.ada.id, ("ada.png", picture((64, 64))))
    assert day.bob.driver.users.get_profile_image(day.ada.id).content != default.content
    users.set_default_profile_image(day.ada.id)
    users.update_user_password(day.ada.id, NEW_PASSWORD, PASSWORD)
    users.update_user_password(day.ada.id, PASSWORD, NEW_PASSWORD)
    carol = day.admin.driver.users.create_user("carol@example.org", "carol", password=PASSWORD)
    day.admin.driver.users.update_user_active(carol["id"], False)
    day.admin.driver.users.update_user_active(carol["id"], True)
    day.admin.driver.users.delete_user(carol["id"])
    assert day.bob.driver.users.get_user(carol["id"])["delete_at"] > 0


def prove_addresses(day: Day) -> None:
    """An address is proven, and a password forgotten, by mail."""
    users = day.bob.driver.users
    users.send_verification_email(day.bob.email)
    users.verify_user_email(_token(day))
    assert users.get_user("me")["email_verified"] is True
    users.send_password_reset_email(day.bob.email)
    users.reset_password(_token(day), NEW_PASSWORD)
    day.bob.driver.options["password"] = NEW_PASSWORD
    day.bob.log_in()
    users.update_user_password(day.bob.id, PASSWORD, NEW_PASSWORD)
    day.bob.driver.options["password"] = PASSWORD


def _token(day: Day) -> str:
    """The token of the next mail that has one."""
    while (found := re.search(r"token=([A-Za-z0-9]+)", day.next_mail(day.bob.email))) is None:
        pass
    return found[1]


def hold_sessions(day: Day) -> None:
    """Sessions and tokens come and go."""
    users = day.ada.driver.users
    users.attach_device_extra_props(device_id="android_rn-v2:device")
    (session,) = [each for each in users.get_sessions(day.ada.id) if each["device_id"] == "android_rn-v2:device"]
    assert session["user_id"] == day.ada.id
    users.revoke_session(day.ada.id, session["id"])
    day.ada.log_in()
    users.revoke_all_sessions(day.ada.id)
    day.ada.log_in()

    admins = day.admin.driver.users
    token = admins.create_user_access_token(day.admin.id, "for a script")
    assert admins.get_user_access_token(token["id"])["description"] == "for a script"
    assert ids(admins.get_user_access_tokens_for_user(day.admin.id)) == [token["id"]]
    admins.disable_user_access_token(token["id"])
    admins.enable_user_access_token(token["id"])
    assert admins.rotate_user_access_token(token["id"])["token"] != token["token"]
    admins.revoke_user_access_token(token["id"])
    assert admins.get_user_access_tokens_for_user(day.admin.id) == []
    with refused():
        day.ada.driver.users.create_user_access_token(day.bob.id, "not mine")


def show_status(day: Day) -> None:
    """Everybody sees how somebody is; only oneself says so."""
    status = day.ada.driver.status
    assert status.update_user_status(day.ada.id, "dnd")["status"] == "dnd"
    assert day.bob.driver.status.get_user_status(day.ada.id)["status"] == "dnd"
    assert day.bob.driver.status.get_users_statuses_by_ids([day.ada.id])[0]["status"] == "dnd"
    custom = {"emoji": "calendar", "text": "meeting", "duration": "", "expires_at": "0001-01-01T00:00:00Z"}
    status.update_user_custom_status(day.ada.id, **custom)
    assert "meeting" in day.bob.driver.users.get_user(day.ada.id)["props"]["customStatus"]
    status.post_user_recent_custom_status_delete(day.ada.id, **custom)
    day.ada.ask("PUT", f"/api/v4/users/{day.ada.id}/status/custom", json=custom)
    day.ada.ask("DELETE", f"/api/v4/users/{day.ada.id}/status/custom/recent", json=custom)
    status.unset_user_custom_status(day.ada.id)
    with refused():
        day.bob.driver.status.update_user_status(day.ada.id, "online")


def keep_preferences(day: Day) -> None:
    """Preferences are one's own."""
    preferences = day.ada.driver.preferences
    mine = {"user_id": day.ada.id, "category": "display_settings", "name": "use_military_time", "value": "true"}
    preferences.update_preferences(day.ada.id, [mine])
    assert mine in preferences.get_preferences(day.ada.id)
    assert mine in preferences.get_preferences_by_category(day.ada.id, "display_settings")
    one = preferences.get_preferences_by_category_by_name(day.ada.id, "display_settings", "use_military_time")
    assert one == mine
    preferences.delete_preferences(day.ada.id, [mine])
    assert mine not in preferences.get_preferences(day.ada.id)
    with refused():
        day.bob.driver.preferences.get_preferences(day.ada.id)


def know_the_server(day: Day) -> None:
    """What a client reads before anything else."""
    system = day.ada.driver.system
    assert system.get_ping()["status"] == "OK"
    assert system.get_client_config()["SiteName"]
    assert system.get_client_license("old")["IsLicensed"] == "true"
    assert "Europe/Berlin" in system.get_supported_timezone()
    assert day.ada.driver.plugins.get_webapp_plugins() == []
    roles = day.ada.driver.roles
    role = roles.get_role_by_name("channel_user")
    assert "create_post" in role["permissions"]
    assert roles.get_role(role["id"]) == role
    assert [each["name"] for each in roles.get_roles_by_names(["team_user"])] == ["team_user"]
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    with day.ada.driver.client.client.stream(
        "GET", f"http://127.0.0.1:{day.ada.port}/api/v4/websocket", headers=upgrade
    ) as response:
        assert response.status_code == 101


def leave(day: Day) -> None:
    """The day ends."""
    assert day.ada.driver.logout() is not None
