"""What a server has of what some servers lack, found by trying it as a user."""

from collections.abc import Collection

import msgspec

from loadtest import world
from loadtest.client import CallFailed, Refused, Rest
from loadtest.filling import Hopeless, Made
from loadtest.options import Options
from loadtest.run import Account

URGENT, BOTS = "urgent_posts", "bots"
PROBES: dict[str, tuple[str, str, object]] = {
    "threads": ("GET", "/users/me/teams/{team}/threads?per_page=1&pageSize=1", None),
    "categories": ("GET", "/users/me/teams/{team}/channels/categories", None),
    "drafts": ("GET", "/users/me/teams/{team}/drafts", None),
    "bookmarks": ("GET", "/channels/{channel}/bookmarks", None),
    "scheduled_posts": ("GET", "/posts/scheduled/team/{team}", None),
    "search_in_all_teams": ("POST", "/posts/search", {"terms": "probe", "is_or_search": False}),
    "channel_search_in_all_teams": ("POST", "/channels/search?system_console=false", {"term": "load-p"}),
    "group_search": ("POST", "/channels/group/search", {"term": "load-user"}),
    "custom_status": ("PUT", "/users/me/status/custom", {"emoji": "calendar", "text": "probe"}),
    "plugins": ("GET", "/plugins/webapp", None),
}
"""Feature: method, path and body of a request that succeeds where the server has it."""


def check(features: Collection[str]) -> None:
    """ValueError when one of these is no feature that a server may lack."""
    if unknown := set(features) - {*PROBES, URGENT, BOTS}:
        raise ValueError(f"no such feature: {', '.join(sorted(unknown))}")


def features_of(url: str, admin: Rest, options: Options) -> tuple[set[str], dict[str, str]]:
    """(features to use, why the server seems to lack each other one). Hopeless when the data is not there."""
    rest = Rest(url, None, options.call_timeout)
    try:
        rest.login(world.username(0), options.user_password)
        team = msgspec.json.decode(rest.get("/teams/name/{}", world.team_name(0)), type=Made).id
        name = next(world.plan(world.DEPARTMENT, 0)).name
        channel = msgspec.json.decode(rest.get("/teams/{}/channels/name/{}", team, name), type=Made).id
    except CallFailed as error:
        raise Hopeless(f"the first user can't use the data: {type(error).__name__}: {error}") from None
    have: set[str] = set()
    lacks: dict[str, str] = {}
    for feature, (method, path, body) in PROBES.items():
        path = path.replace("{team}", team).replace("{channel}", channel)
        try:
            rest.call(method, path, body=body)
            have.add(feature)
        except CallFailed as error:
            lacks[feature] = str(error)
    if "custom_status" in have:
        rest.delete("/users/me/status/custom")
    _probe_urgent(rest, have, lacks)
    _probe_bots(admin, have)
    rest.close()
    return have.difference(options.unwanted_features), lacks


def _probe_urgent(rest: Rest, have: set[str], lacks: dict[str, str]) -> None:
    """Post something urgent to oneself."""
    me = msgspec.json.decode(rest.get("/users/me"), type=Account).id
    try:
        own = msgspec.json.decode(rest.post("/channels/direct", body=[me, me]), type=Made).id
        urgent = {"priority": {"priority": "urgent", "requested_ack": False}}
        rest.post("/posts", body={"channel_id": own, "message": "probe", "metadata": urgent})
        have.add(URGENT)
    except CallFailed as error:
        lacks[URGENT] = str(error)


def _probe_bots(admin: Rest, have: set[str]) -> None:
    """Are there bots, made by the filling, and do they get tokens?"""
    try:
        bot = msgspec.json.decode(admin.get("/users/username/{}", world.bot_name(0)), type=Account)
        token = admin.post("/users/{}/tokens", bot.id, body={"description": "load test: probe"})
        admin.post("/users/tokens/revoke", body={"token_id": msgspec.json.decode(token)["id"]})
        have.add(BOTS)
    except Refused:
        return
