"""One sensible request for each operation, about somebody else's things, and how to undo what it did."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from server.http.router import Route
from server.ids import now_ms
from tests.make import PASSWORD
from tests.security.world import World

Undo = tuple[str, str, Any]
"""Method, path and body of a request that the administrator makes afterwards."""


class Asked(Struct, kw_only=True):
    """What differs from the plain request: the body, the query, parts of the path, what comes before and after."""

    body: Callable[[World, str], Any] | None = None
    query: Callable[[World, str], str] | None = None
    path: dict[str, Callable[[World, str], str]] = {}
    before: Callable[[World, str], Sequence[Undo]] | None = None
    undo: Callable[[World, str], Sequence[Undo]] | None = None
    fresh_post: bool = False
    """The post is a new one of the victim's, since the request uses it up."""
    fresh_bookmark: bool = False
    """The same for a bookmark of the channel."""
    spare_session: bool = False
    """The caller signs in anew, since the request ends the session."""
    ends_all: bool = False
    """Everybody signs in anew afterwards, since the request ends all sessions."""


def _body(**fields: Any) -> Callable[[World, str], Any]:
    return lambda w, role: fields


def _victim(w: World, role: str) -> str:
    return w.victim.id


def _back_in_channels(w: World, role: str) -> Sequence[Undo]:
    return [("POST", f"/channels/{channel.id}/members", {"user_id": w.victim.id}) for channel in (w.private, w.public)]


def _back_in_team(w: World, role: str) -> Sequence[Undo]:
    return [
        ("POST", f"/teams/{w.team.id}/members", {"team_id": w.team.id, "user_id": w.victim.id}),
        *_back_in_channels(w, role),
    ]


def _everyone_in(w: World, *roles: str) -> list[str]:
    return [w.victim.id, *(w.people[role].id for role in roles)]


INSIDE = "http://10.0.0.1/"
"""An address that is never called, so that a 400 says that the caller may."""

SETTINGS: dict[str, dict[str, Any]] = {
    "ServiceSettings": {
        "EnableEmailInvitations": True,
        "EnableMultifactorAuthentication": True,
        "DisableLegacyMFA": False,
        "EnableBotAccountCreation": True,
        "EnableUserAccessTokens": True,
        "EnableOAuthServiceProvider": True,
        "EnableDynamicClientRegistration": True,
    },
    "GuestAccountsSettings": {"Enable": True},
    "FileSettings": {"EnablePublicLink": True},
    "EmailSettings": {"SendPushNotifications": True},
}
"""Under which the matrix is asked."""

APP = {"name": "App", "callback_urls": ["https://app.example/"], "homepage": "https://app.example"}

ASKED: dict[str, Asked] = {
    "DELETE /channels/{channel_id}": Asked(undo=lambda w, r: [("POST", f"/channels/{w.private.id}/restore", None)]),
    "DELETE /channels/{channel_id}/bookmarks/{bookmark_id}": Asked(fresh_bookmark=True),
    "DELETE /channels/{channel_id}/members/{user_id}": Asked(undo=_back_in_channels),
    "DELETE /commands/{command_id}": Asked(path={"command_id": lambda w, r: w.spare_commands.get(r, w.command)}),
    "DELETE /emoji/{emoji_id}": Asked(path={"emoji_id": lambda w, r: w.spare_emoji}),
    "DELETE /hooks/incoming/{hook_id}": Asked(path={"hook_id": lambda w, r: w.spare_hook}),
    "DELETE /hooks/outgoing/{hook_id}": Asked(path={"hook_id": lambda w, r: w.spare_outgoing}),
    "DELETE /posts/{post_id}": Asked(fresh_post=True),
    "DELETE /teams/{team_id}": Asked(undo=lambda w, r: [("POST", f"/teams/{w.team.id}/restore", None)]),
    "DELETE /teams/{team_id}/members/{user_id}": Asked(undo=_back_in_team),
    "DELETE /users/{user_id}": Asked(undo=lambda w, r: [("PUT", f"/users/{w.victim.id}/active", {"active": True})]),
    "DELETE /users/{user_id}/status/custom/recent": Asked(query=lambda w, r: "emoji=cat&text=x"),
    "DELETE /users/{user_id}/teams/{team_id}/channels/categories/{category_id}": Asked(
        path={"category_id": lambda w, r: f"channels_{w.victim.id}_{w.team.id}"}
    ),
    "GET /commands": Asked(query=lambda w, r: f"team_id={w.team.id}"),
    "GET /emoji/autocomplete": Asked(query=lambda w, r: "name=x"),
    "GET /image": Asked(query=lambda w, r: "url=/static/a.png"),
    "GET /redirect_location": Asked(query=lambda w, r: "url=http://10.0.0.1/"),
    "GET /hooks/outgoing": Asked(query=lambda w, r: f"team_id={w.team.id}"),
    "GET /hooks/outgoing/{hook_id}": Asked(path={"hook_id": lambda w, r: w.outgoing}),
    "GET /system/notices/{team_id}": Asked(query=lambda w, r: "clientVersion=1&client=web"),
    "GET /teams/{team_id}/commands/autocomplete_suggestions": Asked(query=lambda w, r: "user_input=x"),
    "GET /terms_of_service": Asked(before=lambda w, r: [("POST", "/terms_of_service", {"text": "Be kind."})]),
    "POST /files/search": Asked(body=_body(terms="x")),
    "POST /posts/search": Asked(body=_body(terms="x")),
    "POST /teams/{team_id}/files/search": Asked(body=_body(terms="x")),
    "POST /teams/{team_id}/posts/search": Asked(body=_body(terms="x")),
    "POST /terms_of_service": Asked(body=_body(text="Be kind.")),
    "GET /users": Asked(query=lambda w, r: f"in_channel={w.private.id}"),
    "GET /users/autocomplete": Asked(query=lambda w, r: f"in_team={w.team.id}&in_channel={w.private.id}&name=v"),
    "POST /actions/dialogs/execute": Asked(body=lambda w, r: {"url": INSIDE, "channel_id": w.private.id}),
    "POST /actions/dialogs/lookup": Asked(body=lambda w, r: {"url": INSIDE, "channel_id": w.private.id}),
    "POST /actions/dialogs/open": Asked(body=_body(trigger_id="junk", url=INSIDE, dialog={"title": "x"})),
    "POST /actions/dialogs/submit": Asked(body=lambda w, r: {"url": INSIDE, "channel_id": w.private.id}),
    "POST /bots": Asked(body=lambda w, r: {"username": w.make.name("bot")}),
    # Without a password, so that a 400 says that the caller may.
    "POST /bots/{bot_user_id}/convert_to_user": Asked(body=_body(username="x")),
    "POST /bots/{bot_user_id}/assign/{user_id}": Asked(
        undo=lambda w, r: [("POST", f"/bots/{w.bot}/assign/{w.id_of('sysadmin')}", None)]
    ),
    "POST /bots/{bot_user_id}/disable": Asked(undo=lambda w, r: [("POST", f"/bots/{w.bot}/enable", None)]),
    "POST /channels": Asked(
        body=lambda w, r: {"team_id": w.team.id, "name": w.make.name("m"), "display_name": "M", "type": "P"}
    ),
    "POST /channels/direct": Asked(body=lambda w, r: [w.id_of(r), w.victim.id]),
    "POST /channels/group": Asked(body=lambda w, r: [w.victim.id, w.friend.id, w.people["chan_admin"].id]),
    "POST /channels/group/search": Asked(body=_body(term="victim")),
    "POST /channels/members/{user_id}/mark_read": Asked(body=lambda w, r: [w.private.id]),
    "POST /channels/members/{user_id}/view": Asked(body=lambda w, r: {"channel_id": w.private.id}),
    "POST /channels/search": Asked(body=_body(term="channel")),
    "POST /channels/stats/member_count": Asked(body=lambda w, r: [w.private.id]),
    "POST /channels/{channel_id}/convert": Asked(
        path={"channel_id": lambda w, r: w.public.id},
        undo=lambda w, r: [("PUT", f"/channels/{w.public.id}/privacy", {"privacy": "O"})],
    ),
    # The name is refused last, so that a 400 says that the caller may.
    "POST /channels/{channel_id}/convert_to_channel": Asked(
        path={"channel_id": lambda w, r: w.group.id},
        body=lambda w, r: {"channel_id": w.group.id, "team_id": w.team.id, "name": "Not a name", "display_name": "x"},
    ),
    "POST /channels/{channel_id}/members": Asked(
        body=lambda w, r: {"user_id": w.friend.id},
        undo=lambda w, r: [("DELETE", f"/channels/{w.private.id}/members/{w.friend.id}", None)],
    ),
    "POST /channels/{channel_id}/members/ids": Asked(body=lambda w, r: [w.victim.id]),
    "POST /channels/{channel_id}/move": Asked(body=lambda w, r: {"team_id": w.team.id, "force": False}),
    "POST /channels/{channel_id}/restore": Asked(
        before=lambda w, r: [("DELETE", f"/channels/{w.private.id}", None)],
        undo=lambda w, r: [("POST", f"/channels/{w.private.id}/restore", None)],
    ),
    "POST /client_perf": Asked(body=_body(version="0.1.0", start=1, end=2)),
    "POST /commands": Asked(
        body=lambda w, r: {"team_id": w.team.id, "trigger": w.make.name("c"), "method": "P", "url": "http://x.example"}
    ),
    "POST /commands/execute": Asked(body=lambda w, r: {"channel_id": w.private.id, "command": "/shrug"}),
    "PATCH /channels/{channel_id}/bookmarks/{bookmark_id}": Asked(
        fresh_bookmark=True, body=_body(display_name="Another name")
    ),
    "POST /channels/{channel_id}/bookmarks": Asked(
        body=_body(type="link", display_name="Theirs", link_url="https://example.org/")
    ),
    "POST /channels/{channel_id}/bookmarks/{bookmark_id}/sort_order": Asked(fresh_bookmark=True, body=lambda w, r: 0),
    "POST /drafts": Asked(body=lambda w, r: {"channel_id": w.private.id, "message": "begun"}),
    "POST /emoji/names": Asked(body=lambda w, r: ["x"]),
    "POST /emoji/search": Asked(body=_body(term="x")),
    "POST /files": Asked(query=lambda w, r: f"channel_id={w.private.id}&filename=a.txt", body=lambda w, r: b"text"),
    "POST /hooks/commands/{response_id}": Asked(body=_body(text="from a program")),
    "POST /hooks/incoming": Asked(body=lambda w, r: {"channel_id": w.private.id}),
    "POST /hooks/outgoing": Asked(
        body=lambda w, r: {
            "team_id": w.team.id,
            "trigger_words": [w.make.name("word")],
            "callback_urls": ["https://robot.example.org/"],
        }
    ),
    "POST /hooks/outgoing/{hook_id}/regen_token": Asked(path={"hook_id": lambda w, r: w.outgoing}),
    "POST /hooks/{hook_id}": Asked(body=_body(text="from a program")),
    "POST /logs": Asked(body=_body(level="INFO", message="x")),
    "POST /groups": Asked(body=lambda w, r: {"name": w.make.name("crew"), "display_name": "Crew"}),
    "POST /groups/names": Asked(body=lambda w, r: ["crew"]),
    "DELETE /groups/{group_id}": Asked(undo=lambda w, r: [("POST", f"/groups/{w.custom_group}/restore", None)]),
    "POST /groups/{group_id}/restore": Asked(
        before=lambda w, r: [("DELETE", f"/groups/{w.custom_group}", None)],
        undo=lambda w, r: [("POST", f"/groups/{w.custom_group}/restore", None)],
    ),
    "PUT /groups/{group_id}/patch": Asked(body=_body(description="x")),
    "POST /groups/{group_id}/members": Asked(body=lambda w, r: {"user_ids": [w.friend.id]}),
    "DELETE /groups/{group_id}/members": Asked(body=lambda w, r: {"user_ids": [w.friend.id]}),
    "POST /notifications/ack": Asked(
        body=lambda w, r: {"id": "x", "type": "message", "post_id": w.root, "is_id_loaded": True}
    ),
    "POST /oauth/apps": Asked(body=lambda w, r: APP),
    "POST /oauth/apps/register": Asked(body=_body(redirect_uris=["https://app.example/"])),
    "POST /opengraph": Asked(body=_body(url="http://10.0.0.1/")),
    "PUT /oauth/apps/{app_id}": Asked(body=lambda w, r: APP),
    "DELETE /oauth/apps/{app_id}": Asked(path={"app_id": lambda w, r: w.spare_app}),
    "GET /oauth/authorize": Asked(query=lambda w, r: f"client_id={w.app}&response_type=code"),
    "POST /oauth/authorize": Asked(body=lambda w, r: {"client_id": w.app, "response_type": "code"}),
    "POST /oauth/deauthorize": Asked(body=lambda w, r: {"client_id": w.spare_app}),
    "POST /posts": Asked(body=lambda w, r: {"channel_id": w.private.id, "message": "hello"}),
    "POST /posts/schedule": Asked(
        body=lambda w, r: {"channel_id": w.private.id, "message": "later", "scheduled_at": now_ms() + 10**9}
    ),
    "PUT /posts/schedule/{scheduled_post_id}": Asked(
        body=lambda w, r: {"message": "changed", "scheduled_at": now_ms() + 10**9}
    ),
    # Threads of private channels don't move, so that a 400 says that the caller may.
    "POST /posts/{post_id}/move": Asked(body=lambda w, r: {"channel_id": w.public.id}),
    "POST /users/{user_id}/posts/{post_id}/reminder": Asked(
        body=lambda w, r: {"target_time": now_ms() // 1000 + 10**6}
    ),
    # The post asks for no acknowledgement, so that a 400 or 404 says that the caller may.
    "POST /users/{user_id}/posts/{post_id}/ack": Asked(path={"user_id": lambda w, r: w.id_of(r)}),
    "DELETE /users/{user_id}/posts/{post_id}/ack": Asked(path={"user_id": lambda w, r: w.id_of(r)}),
    "POST /posts/ephemeral": Asked(
        body=lambda w, r: {"user_id": w.victim.id, "post": {"channel_id": w.private.id, "message": "psst"}}
    ),
    "POST /posts/ids": Asked(body=lambda w, r: [w.root]),
    "POST /posts/ids/reactions": Asked(body=lambda w, r: [w.root]),
    "POST /reactions": Asked(body=lambda w, r: {"user_id": w.id_of(r), "post_id": w.root, "emoji_name": "cat"}),
    "POST /roles/names": Asked(body=lambda w, r: ["system_user"]),
    "POST /teams": Asked(body=lambda w, r: {"name": w.make.name("mx"), "display_name": "M", "type": "O"}),
    "POST /teams/members/invite": Asked(
        query=lambda w, r: "invite_id=nobodyhasthisinvitation",
    ),
    "POST /teams/search": Asked(body=_body(term="team")),
    "POST /teams/{team_id}/channels/ids": Asked(body=lambda w, r: [w.public.id]),
    "POST /teams/{team_id}/channels/search": Asked(body=_body(term="channel")),
    "POST /teams/{team_id}/channels/search_archived": Asked(body=_body(term="channel")),
    "POST /teams/{team_id}/image": Asked(body=lambda w, r: b"no form"),
    "POST /teams/{team_id}/invite/email": Asked(body=lambda w, r: ["someone@example.org"]),
    "POST /teams/{team_id}/invite-guests/email": Asked(
        body=lambda w, r: {"emails": ["someone@example.org"], "channels": [w.private.id]}
    ),
    "POST /teams/{team_id}/members": Asked(
        body=lambda w, r: {"team_id": w.team.id, "user_id": w.people["outsider"].id},
        undo=lambda w, r: [("DELETE", f"/teams/{w.team.id}/members/{w.people['outsider'].id}", None)],
    ),
    "POST /teams/{team_id}/members/batch": Asked(
        body=lambda w, r: [{"team_id": w.team.id, "user_id": w.people["outsider"].id}],
        undo=lambda w, r: [("DELETE", f"/teams/{w.team.id}/members/{w.people['outsider'].id}", None)],
    ),
    "POST /teams/{team_id}/members/ids": Asked(body=lambda w, r: [w.victim.id]),
    "POST /uploads": Asked(body=lambda w, r: {"channel_id": w.private.id, "filename": "a.txt", "file_size": 9}),
    "POST /uploads/{upload_id}": Asked(body=lambda w, r: b"123456789"),
    "POST /users": Asked(
        body=lambda w, r: {
            "username": (name := w.make.name("new")),
            "email": f"{name}@example.org",
            "password": PASSWORD,
            "roles": "system_admin",
        }
    ),
    "POST /users/email/verify": Asked(body=_body(token="x" * 64)),
    "POST /users/email/verify/send": Asked(body=lambda w, r: {"email": w.victim.email}),
    "POST /users/group_channels": Asked(body=lambda w, r: [w.group.id]),
    "POST /users/ids": Asked(body=lambda w, r: [w.victim.id]),
    "POST /users/login": Asked(body=lambda w, r: {"login_id": w.victim.username, "password": PASSWORD}),
    "POST /users/login/switch": Asked(body=_body(current_service="email", new_service="email")),
    "POST /users/login/type": Asked(body=lambda w, r: {"login_id": w.victim.username}),
    "POST /users/logout": Asked(spare_session=True),
    "POST /users/mfa": Asked(body=lambda w, r: {"login_id": w.victim.username}),
    "POST /users/sessions/revoke/all": Asked(ends_all=True),
    # Nobody can make a bot of oneself: the 400 says that the caller may of others.
    "POST /users/{user_id}/convert_to_bot": Asked(path={"user_id": lambda w, r: w.id_of(r)}),
    "POST /users/{user_id}/demote": Asked(
        path={"user_id": lambda w, r: w.friend.id}, undo=lambda w, r: [("POST", f"/users/{w.friend.id}/promote", None)]
    ),
    "POST /users/{user_id}/terms_of_service": Asked(body=lambda w, r: {"termsOfServiceId": w.root, "accepted": True}),
    "POST /users/password/reset": Asked(body=_body(token="x" * 64, new_password=PASSWORD)),
    "POST /users/password/reset/send": Asked(body=lambda w, r: {"email": w.victim.email}),
    "POST /users/search": Asked(body=lambda w, r: {"term": "victim", "in_channel_id": w.private.id}),
    "POST /users/status/ids": Asked(body=lambda w, r: [w.victim.id]),
    "POST /users/usernames": Asked(body=lambda w, r: [w.victim.username]),
    "POST /users/tokens/disable": Asked(body=lambda w, r: {"token_id": w.token}),
    "POST /users/tokens/enable": Asked(body=lambda w, r: {"token_id": w.token}),
    "POST /users/tokens/revoke": Asked(body=lambda w, r: {"token_id": w.spare_token}),
    "POST /users/tokens/rotate": Asked(body=lambda w, r: {"token_id": w.token}),
    "POST /users/tokens/search": Asked(body=_body(term="bot")),
    "POST /users/{user_id}/tokens": Asked(body=_body(description="x")),
    "POST /users/{user_id}/image": Asked(body=lambda w, r: b"no form"),
    "POST /users/{user_id}/preferences/delete": Asked(
        body=lambda w, r: [{"user_id": w.victim.id, "category": "a", "name": "b", "value": ""}]
    ),
    "POST /users/{user_id}/sessions/revoke": Asked(body=lambda w, r: {"session_id": w.session_id}),
    "POST /users/{user_id}/status/custom/recent/delete": Asked(body=_body(emoji="cat", text="x")),
    "POST /users/{user_id}/teams/{team_id}/channels/categories": Asked(body=_body(display_name="M")),
    "POST /users/{user_id}/typing": Asked(body=lambda w, r: {"channel_id": w.private.id}),
    "PUT /bots/{bot_user_id}": Asked(body=_body(description="Changed")),
    "PUT /channels/{channel_id}": Asked(body=lambda w, r: {"id": w.private.id, "display_name": "Changed", "type": "P"}),
    "PUT /channels/{channel_id}/members": Asked(
        body=lambda w, r: {"members": _everyone_in(w, "guest", "member", "chan_admin")}
    ),
    "PUT /channels/{channel_id}/members/{user_id}/notify_props": Asked(body=_body(desktop="all")),
    "PUT /channels/{channel_id}/members/{user_id}/roles": Asked(body=_body(roles="channel_user")),
    "PUT /channels/{channel_id}/members/{user_id}/schemeRoles": Asked(body=_body(scheme_user=True, scheme_admin=False)),
    "PUT /channels/{channel_id}/patch": Asked(body=_body(header="Changed")),
    "PUT /channels/{channel_id}/privacy": Asked(
        body=_body(privacy="O"), undo=lambda w, r: [("PUT", f"/channels/{w.private.id}/privacy", {"privacy": "P"})]
    ),
    "PUT /commands/{command_id}": Asked(
        body=lambda w, r: {"id": w.command, "trigger": "build", "method": "G", "url": "http://x.example"}
    ),
    "PUT /commands/{command_id}/move": Asked(body=lambda w, r: {"team_id": w.team.id}),
    "PUT /config": Asked(body=lambda w, r: SETTINGS),
    "PUT /config/patch": Asked(body=_body()),
    "PUT /hooks/incoming/{hook_id}": Asked(body=lambda w, r: {"id": w.hook, "channel_id": w.private.id}),
    "PUT /hooks/outgoing/{hook_id}": Asked(
        path={"hook_id": lambda w, r: w.outgoing},
        body=lambda w, r: {"id": w.outgoing, "channel_id": "", "display_name": "Changed"},
    ),
    "PUT /posts/{post_id}": Asked(body=lambda w, r: {"id": w.root, "message": "changed"}),
    "PUT /posts/{post_id}/patch": Asked(body=_body(message="changed again")),
    "PUT /roles/{role_id}/patch": Asked(body=_body(permissions=[])),
    "PUT /system/notices/view": Asked(body=lambda w, r: ["x"]),
    "PUT /teams/{team_id}": Asked(body=lambda w, r: {"id": w.team.id, "display_name": "T", "allow_open_invite": False}),
    "PUT /teams/{team_id}/members/{user_id}/roles": Asked(body=_body(roles="team_user")),
    "PUT /teams/{team_id}/members/{user_id}/schemeRoles": Asked(body=_body(scheme_user=True, scheme_admin=False)),
    "PUT /teams/{team_id}/patch": Asked(body=_body(description="Changed")),
    "PUT /teams/{team_id}/privacy": Asked(
        body=_body(privacy="I"), undo=lambda w, r: [("PUT", f"/teams/{w.team.id}/privacy", {"privacy": "I"})]
    ),
    "PUT /users/sessions/device": Asked(body=_body(device_id="")),
    "PUT /users/{user_id}": Asked(
        body=lambda w, r: {"id": w.victim.id, "username": w.victim.username, "email": w.victim.email, "nickname": "V"}
    ),
    "PUT /users/{user_id}/active": Asked(
        body=_body(active=False),
        undo=lambda w, r: [("PUT", f"/users/{w.victim.id}/active", {"active": True})],
    ),
    # A service that there is not, so that a 400 says that the caller may.
    "PUT /users/{user_id}/auth": Asked(body=_body(auth_service="pigeon", auth_data="x")),
    "PUT /users/{user_id}/mfa": Asked(body=_body(activate=False)),
    "PUT /users/{user_id}/password": Asked(body=_body(current_password=PASSWORD, new_password=PASSWORD)),
    "PUT /users/{user_id}/patch": Asked(body=_body(nickname="Vic")),
    "PUT /users/{user_id}/preferences": Asked(
        body=lambda w, r: [{"user_id": w.victim.id, "category": "a", "name": "b", "value": "c"}]
    ),
    "PUT /users/{user_id}/roles": Asked(body=_body(roles="system_user")),
    "PUT /users/{user_id}/status": Asked(body=lambda w, r: {"user_id": w.victim.id, "status": "online"}),
    "PUT /users/{user_id}/status/custom": Asked(body=_body(emoji="cat", text="x")),
    "PUT /users/{user_id}/teams/{team_id}/channels/categories": Asked(
        body=lambda w, r: [{"id": w.category, "display_name": "Theirs"}]
    ),
    "PUT /users/{user_id}/teams/{team_id}/channels/categories/order": Asked(body=lambda w, r: ["x"]),
    "PUT /users/{user_id}/teams/{team_id}/channels/categories/{category_id}": Asked(
        body=lambda w, r: {"id": w.category, "display_name": "Theirs"}
    ),
}

PUBLIC = "(public)"
"""Marks the same operations once more, about the public channel and a post in it."""

ALSO_PUBLIC = frozenset(
    (
        "DELETE /channels/{channel_id}/members/{user_id}",
        "GET /channels/{channel_id}",
        "GET /channels/{channel_id}/bookmarks",
        "GET /channels/{channel_id}/members",
        "GET /channels/{channel_id}/members/{user_id}",
        "GET /channels/{channel_id}/pinned",
        "GET /channels/{channel_id}/posts",
        "GET /channels/{channel_id}/stats",
        "GET /channels/{channel_id}/timezones",
        "POST /channels/{channel_id}/bookmarks",
        "GET /posts/{post_id}",
        "GET /posts/{post_id}/edit_history",
        "GET /posts/{post_id}/files/info",
        "GET /posts/{post_id}/info",
        "GET /posts/{post_id}/reactions",
        "GET /posts/{post_id}/thread",
        "GET /teams/name/{team_name}/channels/name/{channel_name}",
        "GET /teams/{team_id}/channels/name/{channel_name}",
        "POST /channels/{channel_id}/members/ids",
        "POST /posts/{post_id}/pin",
        "PUT /channels/{channel_id}/members/{user_id}/schemeRoles",
        "PUT /channels/{channel_id}/patch",
    )
)


def parts_of_path(w: World, public: bool) -> dict[str, str]:
    """What stands in the places of a path."""
    channel = w.public if public else w.private
    return {
        "action_id": "go",
        "app_id": w.app,
        "bot_user_id": w.bot,
        "category": "tutorial_step",
        "category_id": w.category,
        "channel_id": channel.id,
        "channel_name": channel.name,
        "command_id": w.command,
        "email": w.victim.email,
        "bookmark_id": w.root,
        "emoji_id": w.emoji,
        "emoji_name": "dog",
        "file_id": w.file,
        "group_id": w.custom_group,
        "hook_id": w.hook,
        "invite_id": w.other_team.body["invite_id"],
        "post_id": w.public_root if public else w.root,
        "preference_name": w.victim.id,
        "response_id": w.root,
        "restore_version_id": w.root,
        "role_id": w.role_id,
        "role_name": "system_user",
        "scheduled_post_id": w.scheduled,
        "team_id": w.team.id,
        "team_name": w.team.name,
        "thread_id": w.public_root if public else w.root,
        "timestamp": "1",
        "token_id": w.token,
        "upload_id": w.upload,
        "user_id": w.victim.id,
        "username": w.victim.username,
    }


def names_of(route: Route) -> list[str]:
    """The lines of the matrix that a route has."""
    name = f"{route.method} {route.path.removeprefix('/api/v4')}"
    return [name, f"{name} {PUBLIC}"] if name in ALSO_PUBLIC else [name]
