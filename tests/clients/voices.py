"""One person with one of the Python clients, used as its documentation says, in the words of the story."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import mattermostautodriver
import mattermostautodriver.exceptions
import mattermostdriver
import mattermostdriver.exceptions

from tests.clients.programs import Ears, Program

PASSWORD = "Correct-horse-7"
LISTEN = Path(__file__).with_name("listen.py")
STATUSES = {
    "InvalidOrMissingParameters": 400,
    "NoAccessTokenProvided": 401,
    "NotEnoughPermissions": 403,
    "ResourceNotFound": 404,
    "FeatureDisabled": 501,
}

Json = dict[str, Any]


class Voice(Protocol):
    """What the story does with a client. All raise the client's own exception when the server refuses."""

    id: str
    username: str
    token: str

    def sign_up(self, invite_id: str = "") -> Json: ...
    def log_in(self) -> Json: ...
    def log_out(self) -> Json: ...
    def me(self) -> Json: ...
    def create_team(self, name: str) -> Json: ...
    def add_to_team(self, team_id: str, user_id: str) -> Json: ...
    def join_team(self, invite_id: str) -> Json: ...
    def create_channel(self, team_id: str, name: str, type: str) -> Json: ...
    def add_to_channel(self, channel_id: str, user_id: str) -> Json: ...
    def remove_from_channel(self, channel_id: str, user_id: str) -> Json: ...
    def direct(self, user_ids: list[str]) -> Json: ...
    def group(self, user_ids: list[str]) -> Json: ...
    def post(self, channel_id: str, message: str, root_id: str = "") -> Json: ...
    def edit(self, post_id: str, message: str) -> Json: ...
    def delete(self, post_id: str) -> Json: ...
    def pin(self, post_id: str) -> Json: ...
    def unpin(self, post_id: str) -> Json: ...
    def react(self, post_id: str, emoji_name: str) -> Json: ...
    def unreact(self, post_id: str, emoji_name: str) -> Json: ...
    def reactions(self, post_id: str) -> list[Json]: ...
    def posts(self, channel_id: str) -> Json: ...
    def pinned(self, channel_id: str) -> Json: ...
    def thread(self, post_id: str) -> Json: ...
    def set_status(self, status: str) -> Json: ...
    def statuses(self, user_ids: list[str]) -> list[Json]: ...
    def save_preferences(self, preferences: list[Json]) -> Json: ...
    def preferences(self) -> list[Json]: ...
    def view(self, channel_id: str) -> Json: ...
    def channel_members(self, team_id: str) -> list[Json]: ...

    def refused(self, status: int) -> contextlib.AbstractContextManager[None]:
        """The block must fail with the client's exception for this status."""

    def ears(self) -> contextlib.AbstractContextManager[Ears]:
        """Listen with the same client."""


class PythonVoice:
    """What the two Python clients have in common: the exceptions' names, and a listening bot."""

    library = ""

    def __init__(self, port: int, username: str, folder: Path) -> None:
        self.port = port
        self.username = username
        self.id = ""
        self.token = ""
        self._folder = folder
        self._options = {
            "scheme": "http",
            "url": "127.0.0.1",
            "port": port,
            "login_id": username,
            "password": PASSWORD,
            "request_timeout": 30,
        }

    @contextlib.contextmanager
    def refused(self, status: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if STATUSES.get(type(error).__name__) != status:
                raise
            assert str(error.args[0]), error
        else:
            raise AssertionError(f"was not refused with {status}")

    @contextlib.contextmanager
    def ears(self) -> Iterator[Ears]:
        command = [sys.executable, str(LISTEN), self.library, str(self.port), self.token]
        with Program(command, self._folder / f"{self.library}-{self.username}.log") as program:
            yield Ears(program)
            assert program.log == "", program.log

    def close(self) -> None:
        """Let go of what the client holds."""

    def _new_user(self) -> Json:
        return {"username": self.username, "email": f"{self.username}@example.org", "password": PASSWORD}


class DriverVoice(PythonVoice):
    """mattermostdriver."""

    library = "mattermostdriver"

    def __init__(self, port: int, username: str, folder: Path) -> None:
        super().__init__(port, username, folder)
        self.driver = mattermostdriver.Driver(self._options)

    def sign_up(self, invite_id: str = "") -> Json:
        user: Json = self.driver.users.create_user(self._new_user(), params={"iid": invite_id} if invite_id else None)
        self.id = user["id"]
        return user

    def log_in(self) -> Json:
        user: Json = self.driver.login()
        self.token = self.driver.client.token
        return user

    def log_out(self) -> Json:
        done: Json = self.driver.logout()
        self.driver.client.token = self.token
        return done

    def me(self) -> Any:
        return self.driver.users.get_user("me")

    def create_team(self, name: str) -> Any:
        return self.driver.teams.create_team({"name": name, "display_name": name.title(), "type": "O"})

    def add_to_team(self, team_id: str, user_id: str) -> Any:
        return self.driver.teams.add_user_to_team(team_id, {"team_id": team_id, "user_id": user_id})

    def join_team(self, invite_id: str) -> Any:
        return self.driver.teams.add_user_to_team_from_invite({"invite_id": invite_id})

    def create_channel(self, team_id: str, name: str, type: str) -> Any:
        channel = {"team_id": team_id, "name": name, "display_name": name.title(), "type": type}
        return self.driver.channels.create_channel(channel)

    def add_to_channel(self, channel_id: str, user_id: str) -> Any:
        return self.driver.channels.add_user(channel_id, {"user_id": user_id})

    def remove_from_channel(self, channel_id: str, user_id: str) -> Any:
        return self.driver.channels.remove_channel_member(channel_id, user_id)

    def direct(self, user_ids: list[str]) -> Any:
        return self.driver.channels.create_direct_message_channel(user_ids)

    def group(self, user_ids: list[str]) -> Any:
        return self.driver.channels.create_group_message_channel(user_ids)

    def post(self, channel_id: str, message: str, root_id: str = "") -> Any:
        return self.driver.posts.create_post({"channel_id": channel_id, "message": message, "root_id": root_id})

    def edit(self, post_id: str, message: str) -> Any:
        return self.driver.posts.patch_post(post_id, {"message": message})

    def delete(self, post_id: str) -> Any:
        return self.driver.posts.delete_post(post_id)

    def pin(self, post_id: str) -> Any:
        return self.driver.posts.pin_post_to_channel(post_id)

    def unpin(self, post_id: str) -> Any:
        return self.driver.posts.unpin_post_to_channel(post_id)

    def react(self, post_id: str, emoji_name: str) -> Any:
        reaction = {"user_id": self.id, "post_id": post_id, "emoji_name": emoji_name}
        return self.driver.reactions.create_reaction(reaction)

    def unreact(self, post_id: str, emoji_name: str) -> Any:
        return self.driver.reactions.delete_reaction(self.id, post_id, emoji_name)

    def reactions(self, post_id: str) -> Any:
        return self.driver.reactions.get_reactions_of_post(post_id)

    def posts(self, channel_id: str) -> Any:
        return self.driver.posts.get_posts_for_channel(channel_id, {"per_page": 100})

    def pinned(self, channel_id: str) -> Any:
        return self.driver.channels.get_channel_pinned_posts(channel_id)

    def thread(self, post_id: str) -> Any:
        return self.driver.posts.get_thread(post_id)

    def set_status(self, status: str) -> Any:
        return self.driver.status.update_user_status(self.id, {"user_id": self.id, "status": status})

    def statuses(self, user_ids: list[str]) -> Any:
        return self.driver.status.get_user_statuses_by_id(user_ids)

    def save_preferences(self, preferences: list[Json]) -> Any:
        return self.driver.preferences.save_user_preferences(self.id, preferences)

    def preferences(self) -> Any:
        return self.driver.preferences.get_user_preferences(self.id)

    def view(self, channel_id: str) -> Any:
        return self.driver.channels.view_channel(self.id, {"channel_id": channel_id})

    def channel_members(self, team_id: str) -> Any:
        return self.driver.channels.get_channel_members_for_user(self.id, team_id)


class AutodriverVoice(PythonVoice):
    """mattermostautodriver."""

    library = "mattermostautodriver"

    def __init__(self, port: int, username: str, folder: Path) -> None:
        super().__init__(port, username, folder)
        self.driver = mattermostautodriver.TypedDriver(self._options)

    def close(self) -> None:
        self.driver.close()

    def sign_up(self, invite_id: str = "") -> Json:
        user: Json = self.driver.users.create_user(**self._new_user(), iid=invite_id or None)
        self.id = user["id"]
        return user

    def log_in(self) -> Json:
        user: Json = self.driver.login()
        self.token = self.driver.client.token
        return user

    def log_out(self) -> Json:
        done: Json = self.driver.logout()
        self.driver.client.token = self.token
        return done

    def me(self) -> Any:
        return self.driver.users.get_user("me")

    def create_team(self, name: str) -> Any:
        return self.driver.teams.create_team(name, name.title(), "O")

    def add_to_team(self, team_id: str, user_id: str) -> Any:
        return self.driver.teams.add_team_member(team_id, user_id)

    def join_team(self, invite_id: str) -> Any:
        # Its method for this knows tokens from e-mails only.
        return self.driver.client.post("/api/v4/teams/members/invite", params={"invite_id": invite_id})

    def create_channel(self, team_id: str, name: str, type: str) -> Any:
        return self.driver.channels.create_channel(team_id, name, name.title(), type)

    def add_to_channel(self, channel_id: str, user_id: str) -> Any:
        return self.driver.channels.add_channel_member(channel_id, user_id)

    def remove_from_channel(self, channel_id: str, user_id: str) -> Any:
        return self.driver.channels.remove_user_from_channel(channel_id, user_id)

    def direct(self, user_ids: list[str]) -> Any:
        return self.driver.channels.create_direct_channel(user_ids)

    def group(self, user_ids: list[str]) -> Any:
        return self.driver.channels.create_group_channel(user_ids)

    def post(self, channel_id: str, message: str, root_id: str = "") -> Any:
        return self.driver.posts.create_post(channel_id, message, root_id or None)

    def edit(self, post_id: str, message: str) -> Any:
        return self.driver.posts.update_post(post_id, post_id, message=message)

    def delete(self, post_id: str) -> Any:
        return self.driver.posts.delete_post(post_id)

    def pin(self, post_id: str) -> Any:
        return self.driver.posts.pin_post(post_id)

    def unpin(self, post_id: str) -> Any:
        return self.driver.posts.unpin_post(post_id)

    def react(self, post_id: str, emoji_name: str) -> Any:
        reaction = {"user_id": self.id, "post_id": post_id, "emoji_name": emoji_name}
        return self.driver.reactions.save_reaction(reaction)

    def unreact(self, post_id: str, emoji_name: str) -> Any:
        return self.driver.reactions.delete_reaction(self.id, post_id, emoji_name)

    def reactions(self, post_id: str) -> Any:
        return self.driver.reactions.get_reactions(post_id)

    def posts(self, channel_id: str) -> Any:
        return self.driver.posts.get_posts_for_channel(channel_id, per_page=100)

    def pinned(self, channel_id: str) -> Any:
        return self.driver.channels.get_pinned_posts(channel_id)

    def thread(self, post_id: str) -> Any:
        return self.driver.posts.get_post_thread(post_id)

    def set_status(self, status: str) -> Any:
        return self.driver.status.update_user_status(self.id, status)

    def statuses(self, user_ids: list[str]) -> Any:
        return self.driver.status.get_users_statuses_by_ids(user_ids)

    def save_preferences(self, preferences: list[Json]) -> Any:
        return self.driver.preferences.update_preferences(self.id, preferences)

    def preferences(self) -> Any:
        return self.driver.preferences.get_preferences(self.id)

    def view(self, channel_id: str) -> Any:
        return self.driver.channels.view_channel(self.id, channel_id)

    def channel_members(self, team_id: str) -> Any:
        return self.driver.channels.get_channel_members_for_user(self.id, team_id)
