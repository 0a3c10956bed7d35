"""Makes the data of a test over the API, as an administrator and as the users; what is there already stays.

A team's description says for how many accounts it is complete, so that later runs begin at once.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import gevent
import gevent.pool
import msgspec

from loadtest import world
from loadtest.client import CallFailed, Refused, Rest
from loadtest.options import Options
from loadtest.progress import Progress
from loadtest.run import Account
from loadtest.words import sentence
from loadtest.world import Planned

AT_ONCE = 8
TEAM_BATCH = 20
CHANNEL_BATCH = 100
CONFIG_WAIT = 2.0
"""Seconds that a service of several nodes gets to take new settings."""

_COMPLETE = re.compile(r"complete for (\d+) accounts(, with a hotspot)?")


class Hopeless(Exception):
    """No test is possible here; the text says why."""


class Made(msgspec.Struct):
    """What is read of teams and channels."""

    id: str
    description: str = ""
    total_msg_count: int = 0


def sign_in_admin(url: str, options: Options) -> Rest:
    """An administrator's client; makes the account on a server that has none yet. Hopeless when it can't."""
    rest = Rest(url, None, max(options.call_timeout, 60.0))
    name_one = "name one by --admin and --admin-password"
    try:
        if msgspec.json.decode(rest.get("/config/client?format=old")).get("NoAccounts") == "true":
            account = {"email": f"{options.admin}@example.org", "username": options.admin}
            rest.post("/users", body=account | {"password": options.admin_password})
        _, user = rest.login(options.admin, options.admin_password)
        if "system_admin" in msgspec.json.decode(user)["roles"].split():
            return rest
        reason = f"{options.admin} is no administrator: {name_one}"
    except Refused as error:
        reason = f"{url} refuses the administrator ({error}): {name_one}"
    except CallFailed as error:
        reason = f"{url} does not answer: {type(error).__name__}: {error}"
    except (msgspec.MsgspecError, KeyError):
        reason = f"what answers at {url} does not speak API v4"
    rest.close()
    raise Hopeless(reason)


class Filling:
    """Makes what is missing."""

    def __init__(self, url: str, admin: Rest, options: Options, say: Callable[[str], None]) -> None:
        self._url = url
        self._admin = admin
        self._options = options
        self._say = say
        self._users: dict[int, Account] = {}
        self._sessions: dict[int, Rest] = {}
        self._teams: list[Made] = []

    def fill(self, accounts: int, *, hotspot: bool, bots: bool) -> None:
        """Data for so many accounts; with the one big channel; with bot accounts, where the server has them."""
        accounts = world.whole_departments(accounts)
        channels = list(world.plan(accounts, self._options.posts_each))
        self._raise_limits(accounts, sum(channel.type in "OP" for channel in channels), bots=bots)
        self._teams = [self._team(number) for number in range(world.TEAMS)]
        if bots:
            self._make_bots()
        there, big = self._complete()
        if there >= accounts and big >= hotspot:
            self._say(f"data for {there} accounts is there")
            return
        if there > accounts or big > hotspot:  # what was made before stays complete
            self.fill(max(accounts, there), hotspot=hotspot or big, bots=False)
            return
        self._say(f"making data for {accounts} accounts in {world.TEAMS} teams")
        self._make_users(accounts)
        self._join_teams(accounts)
        made = self._make_channels(channels)
        if hotspot:
            self._make_hotspot(accounts)
        self._write_posts(made)
        for rest in self._sessions.values():
            rest.close()
        text = f"Load test; complete for {accounts} accounts{', with a hotspot' if hotspot else ''}"
        self._admin.put("/teams/{}/patch", self._teams[0].id, body={"description": text})

    def _complete(self) -> tuple[int, bool]:
        found = _COMPLETE.search(self._teams[0].description)
        return (int(found[1]), bool(found[2])) if found else (0, False)

    def _raise_limits(self, accounts: int, channels: int, *, bots: bool) -> None:
        """Servers allow few members of a team by default; limits are raised where they are too low, never lowered."""
        need: dict[str, dict[str, int]] = {
            "TeamSettings": {"MaxUsersPerTeam": accounts * 2 + 100, "MaxChannelsPerTeam": channels * 2 + 200},
            "ServiceSettings": {"EnableBotAccountCreation": True, "EnableUserAccessTokens": True} if bots else {},
        }
        try:
            config = msgspec.json.decode(self._admin.get("/config"))
            low = {
                section: {key: value for key, value in keys.items() if config.get(section, {}).get(key, 0) < value}
                for section, keys in need.items()
            }
            low = {section: keys for section, keys in low.items() if keys}
            if low:
                self._admin.put("/config/patch", body=low)
                self._say(f"settings changed: {low}")
                gevent.sleep(CONFIG_WAIT)
        except Refused as error:
            self._say(f"settings can't be changed ({error}); limits of teams may stop what follows")

    def _found_or_made(self, path: str, create: str, body: object) -> Made:
        try:
            data = self._admin.get(path)
        except Refused:
            data = self._admin.post(create, body=body)
        return msgspec.json.decode(data, type=Made)

    def _team(self, number: int) -> Made:
        name = world.team_name(number)
        body = {"name": name, "display_name": f"Load team {number}", "type": "O"}
        return self._found_or_made(f"/teams/name/{name}", "/teams", body)

    def _channel(self, team: int, name: str, kind: str) -> Made:
        team_id = self._teams[team].id
        body = {"team_id": team_id, "name": name, "display_name": name, "type": kind}
        return self._found_or_made(f"/teams/{team_id}/channels/name/{name}", "/channels", body)

    def _side_by_side(self, bar: Progress, work: Callable[[Any], None], items: Iterable[Any]) -> None:
        """Several at a time, each of which moves the bar; the first failure ends it."""
        failed: list[Exception] = []

        def one(item: Any) -> None:
            try:
                if not failed:
                    work(item)
            except (CallFailed, msgspec.MsgspecError, KeyError) as error:
                failed.append(error)

        with bar:
            pool = gevent.pool.Pool(AT_ONCE)
            for item in items:
                pool.spawn(one, item)
            pool.join()
        if failed:
            raise Hopeless(f"making {bar.what} failed: {type(failed[0]).__name__}: {failed[0]}")

    def _make_users(self, accounts: int) -> None:
        password = self._options.user_password

        def make(number: int) -> None:
            name = world.username(number)
            account = {"email": f"{name}@example.org", "username": name, "password": password}
            try:
                data = self._admin.get("/users/username/{}", name)
            except Refused:
                data = self._admin.post("/users", body=account)
            self._users[number] = msgspec.json.decode(data, type=Account)
            bar.step()

        bar = Progress("accounts", accounts)
        self._side_by_side(bar, make, range(accounts))

    def _join_teams(self, accounts: int) -> None:
        def join(batch: tuple[str, Sequence[str]]) -> None:
            team_id, user_ids = batch
            members = [{"team_id": team_id, "user_id": user_id} for user_id in user_ids]
            self._admin.post("/teams/{}/members/batch", team_id, body=members)
            bar.step(len(members))

        user_ids = [self._users[number].id for number in range(accounts)]
        batches = [(team.id, part) for team in self._teams for part in _parts(user_ids, TEAM_BATCH)]
        bar = Progress("members", sum(len(batch[1]) for batch in batches))
        self._side_by_side(bar, join, batches)

    def _make_channels(self, channels: list[Planned]) -> list[tuple[Planned, Made]]:
        made: list[tuple[Planned, Made]] = []

        def make(channel: Planned) -> None:
            user_ids = [self._users[number].id for number in channel.members]
            if channel.type in "OP":
                found = self._channel(channel.team, channel.name, channel.type)
                self._join_channel(found.id, user_ids)
            else:
                kind = "direct" if channel.type == "D" else "group"
                data = self._session(channel.members[0]).post(f"/channels/{kind}", body=user_ids)
                found = msgspec.json.decode(data, type=Made)
            made.append((channel, found))
            bar.step()

        bar = Progress("channels", len(channels))
        self._side_by_side(bar, make, channels)
        for team in range(world.TEAMS):
            for number in range(world.OPEN):
                self._channel(team, world.open_channel(team, number), "O")
        return made

    def _join_channel(self, channel_id: str, user_ids: Sequence[str]) -> None:
        for part in _parts(user_ids, CHANNEL_BATCH):
            self._admin.post("/channels/{}/members", channel_id, body={"user_ids": part, "user_id": part[0]})
            if len(part) > 1 and not self._is_member(channel_id, part[-1]):  # the server takes one at a time
                for user_id in part[1:]:
                    self._admin.post("/channels/{}/members", channel_id, body={"user_id": user_id})

    def _is_member(self, channel_id: str, user_id: str) -> bool:
        try:
            self._admin.get("/channels/{}/members/{}", channel_id, user_id)
        except Refused:
            return False
        return True

    def _make_hotspot(self, accounts: int) -> None:
        channel = self._channel(0, world.HOTSPOT, "O")
        bar = Progress("hotspot", accounts)

        def join(part: Sequence[str]) -> None:
            self._join_channel(channel.id, part)
            bar.step(len(part))

        self._side_by_side(bar, join, _parts([self._users[number].id for number in range(accounts)], CHANNEL_BATCH))

    def _make_bots(self) -> None:
        user_ids = []
        try:
            for number in range(self._options.bots):
                name = world.bot_name(number)
                try:
                    data = self._admin.get("/users/username/{}", name)
                except Refused:
                    bot = self._admin.post("/bots", body={"username": name, "display_name": f"Load bot {number}"})
                    data = self._admin.get("/users/{}", msgspec.json.decode(bot)["user_id"])
                user_ids.append(msgspec.json.decode(data, type=Account).id)
        except Refused as error:
            self._say(f"the server makes no bots ({error}): Bots are users")
            return
        for team in self._teams:
            for part in _parts(user_ids, TEAM_BATCH):
                members = [{"team_id": team.id, "user_id": user_id} for user_id in part]
                self._admin.post("/teams/{}/members/batch", team.id, body=members)

    def _session(self, number: int) -> Rest:
        if number not in self._sessions:
            rest = Rest(self._url, None, 60.0)
            rest.login(world.username(number), self._options.user_password)
            self._sessions[number] = rest
        return self._sessions[number]

    def _write_posts(self, made: list[tuple[Planned, Made]]) -> None:
        """Half of the posts are replies; some of those go to one long thread of each public channel."""
        jobs = [(channel, found, channel.posts - found.total_msg_count) for channel, found in made]
        jobs = [job for job in jobs if job[2] > 0]
        long_share = world.LONG_THREADS / world.SHARE_OF_POSTS["O"]

        bar = Progress("posts", sum(count for _, _, count in jobs))

        def write(job: tuple[Planned, Made, int]) -> None:
            channel, found, count = job
            rng = random.Random(found.id)
            roots: list[str] = []
            for _ in range(count):
                root = ""
                if roots and rng.random() < world.REPLIES:
                    long = channel.type == "O" and rng.random() < long_share
                    root = roots[0] if long else rng.choice(roots[-20:])
                body = {"channel_id": found.id, "message": sentence(rng), "root_id": root}
                data = self._session(rng.choice(channel.members)).post("/posts", body=body)
                if not root:
                    roots.append(msgspec.json.decode(data, type=Made).id)
                bar.step()

        self._side_by_side(bar, write, sorted(jobs, key=lambda job: -job[2]))


def _parts(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
