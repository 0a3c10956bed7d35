"""One person with the JavaScript client, and how Node and the client get there: by npm and the lock file."""

import base64
import contextlib
import fcntl
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients.programs import Ears, Line, Program
from tests.clients.voices import PASSWORD, Json

FOLDER = Path(__file__).with_name("js")
LOCK = FOLDER / "package-lock.json"
INSTALLED = FOLDER / "node_modules" / ".package-lock.json"
OLDEST = 20
PATIENCE = 100

# What the client logs when all is well.
CONTENTED = ("websocket connecting to ", "got connection id ")


def person_program() -> list[str]:
    """The command of a person who uses the JavaScript client. Skips the test where Node is missing or too old."""
    return _program("person.mjs")


def store_program() -> list[str]:
    """The same for a person whose client is the data layer of the web app."""
    return _program("store.mjs")


def frames_program() -> list[str]:
    """The command of a client that repeats all that the package `ws` hears."""
    return _program("frames.mjs")


def _program(name: str) -> list[str]:
    node = shutil.which("node")
    npm = shutil.which("npm")
    if node is None or npm is None:
        pytest.skip(f"the JavaScript client needs Node {OLDEST} or newer and npm, which are not on the PATH")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST:
        pytest.skip(f"the JavaScript client needs Node {OLDEST} or newer, this is {version}")
    _install(npm)
    return [node, str(FOLDER / name)]


def _install(npm: str) -> None:
    """`npm ci`, once for all processes of a parallel run, and again when the lock file changes."""
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if INSTALLED.exists() and INSTALLED.stat().st_mtime >= LOCK.stat().st_mtime:
            return
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"],
            cwd=FOLDER,
            env=os.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"npm ci: {done.stdout}"
        INSTALLED.touch()


class Refusal(Exception):
    """A ClientError of the JavaScript client."""

    def __init__(self, refused: Json) -> None:
        super().__init__(refused["message"])
        self.status: int = refused["status"]
        self.error_id: str = refused["id"]


class Download(NamedTuple):
    """What lay at an address."""

    status: int
    type: str
    content: bytes


def as_file(name: str, content: bytes) -> Json:
    """A file as an argument of a method of the client."""
    return {"$file": {"name": name, "content": base64.b64encode(content).decode()}}


class JavaScriptVoice:
    """@mattermost/client, which runs in a program of its own and takes orders."""

    def __init__(self, port: int, username: str, program: Program) -> None:
        self.username = username
        self.id = ""
        self.token = ""
        self.program = program
        self.calls = 0
        self.refusals = 0
        self._numbers = itertools.count(1)
        self.order("set", name="setUrl", args=[f"http://127.0.0.1:{port}"])

    def order(self, order: str, **details: Any) -> Any:
        """Have the program do something, and give its answer."""
        number = next(self._numbers)

        def answer(lines: list[Line]) -> Line | None:
            return next((line for line in reversed(lines) if line.get("id") == number), None)

        self.program.say({"id": number, "order": order, **details})
        found = self.program.wait_for(answer)
        assert found is not None, f"no answer to {order} {details}: {self.program.log}"
        if "refused" in found:
            self.refusals += 1
            raise Refusal(found["refused"])
        return found["result"]

    def call(self, name: str, *args: Any) -> Any:
        """Call a method of the client."""
        self.calls += 1
        return self.order("call", name=name, args=args)

    def upload(self, channel_id: str, name: str, content: bytes) -> Any:
        """Upload a file."""
        form = {"channel_id": channel_id, "client_ids": "one", "files": as_file(name, content)}
        return self.call("uploadFile", {"$form": list(form.items())})

    def download(self, name: str, *args: Any) -> Download:
        """Load what is at the address that a method of the client tells."""
        answer = self.order("download", name=name, args=args)
        return Download(answer["status"], answer["type"], base64.b64decode(answer["content"]))

    def act(self, name: str, *args: Any) -> Any:
        """Call a method of the client's WebSocket and wait for the reply."""
        return self.order("act", name=name, args=args)

    @contextlib.contextmanager
    def refused(self, status: int) -> Iterator[None]:
        try:
            yield
        except Refusal as refusal:
            assert refusal.status == status, refusal
            assert refusal.error_id, refusal
            assert str(refusal), refusal
        else:
            raise AssertionError(f"was not refused with {status}")

    @contextlib.contextmanager
    def ears(self) -> Iterator[Ears]:
        self.order("listen")
        yield Ears(self.program)
        complaints = [line for line in self.program.log.splitlines() if not line.startswith(CONTENTED)]
        assert not complaints, complaints

    def sign_up(self, invite_id: str = "") -> Json:
        body = {"username": self.username, "email": f"{self.username}@example.org", "password": PASSWORD}
        user: Json = self.call("createUser", body, "", invite_id)
        self.id = user["id"]
        return user

    def log_in(self) -> Json:
        user: Json = self.call("login", self.username, PASSWORD)
        self.token = self.order("token")
        return user

    def log_out(self) -> Any:
        assert self.call("logout") == {"status": 200}
        self.order("set", name="setToken", args=[self.token])
        return {"status": "OK"}

    def me(self) -> Any:
        return self.call("getMe")

    def create_team(self, name: str) -> Any:
        return self.call("createTeam", {"name": name, "display_name": name.title(), "type": "O"})

    def add_to_team(self, team_id: str, user_id: str) -> Any:
        return self.call("addToTeam", team_id, user_id)

    def join_team(self, invite_id: str) -> Any:
        return self.call("addToTeamFromInvite", "", invite_id)

    def create_channel(self, team_id: str, name: str, type: str) -> Any:
        channel = {"team_id": team_id, "name": name, "display_name": name.title(), "type": type}
        return self.call("createChannel", channel)

    def add_to_channel(self, channel_id: str, user_id: str) -> Any:
        return self.call("addToChannel", user_id, channel_id)

    def remove_from_channel(self, channel_id: str, user_id: str) -> Any:
        return self.call("removeFromChannel", user_id, channel_id)

    def direct(self, user_ids: list[str]) -> Any:
        return self.call("createDirectChannel", user_ids)

    def group(self, user_ids: list[str]) -> Any:
        return self.call("createGroupChannel", user_ids)

    def post(self, channel_id: str, message: str, root_id: str = "") -> Any:
        return self.call("createPost", {"channel_id": channel_id, "message": message, "root_id": root_id})

    def edit(self, post_id: str, message: str) -> Any:
        return self.call("patchPost", {"id": post_id, "message": message})

    def delete(self, post_id: str) -> Any:
        return self.call("deletePost", post_id)

    def pin(self, post_id: str) -> Any:
        return self.call("pinPost", post_id)

    def unpin(self, post_id: str) -> Any:
        return self.call("unpinPost", post_id)

    def react(self, post_id: str, emoji_name: str) -> Any:
        return self.call("addReaction", self.id, post_id, emoji_name)

    def unreact(self, post_id: str, emoji_name: str) -> Any:
        return self.call("removeReaction", self.id, post_id, emoji_name)

    def reactions(self, post_id: str) -> Any:
        return self.call("getReactionsForPost", post_id)

    def posts(self, channel_id: str) -> Any:
        return self.call("getPosts", channel_id, 0, 100)

    def pinned(self, channel_id: str) -> Any:
        return self.call("getPinnedPosts", channel_id)

    def thread(self, post_id: str) -> Any:
        return self.call("getPostThread", post_id)

    def set_status(self, status: str) -> Any:
        return self.call("updateStatus", {"user_id": self.id, "status": status})

    def statuses(self, user_ids: list[str]) -> Any:
        return self.call("getStatusesByIds", user_ids)

    def save_preferences(self, preferences: list[Json]) -> Any:
        return self.call("savePreferences", self.id, preferences)

    def preferences(self) -> Any:
        return self.call("getMyPreferences")

    def view(self, channel_id: str) -> Any:
        return self.call("viewMyChannel", channel_id)

    def channel_members(self, team_id: str) -> Any:
        return self.call("getMyChannelMembers", team_id)
