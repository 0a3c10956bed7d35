"""One sensible request for each operation, about somebody else's things, and how to undo what it did."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import Struct

from server.ids import now_ms
from tests.make import PASSWORD
from tests.security import fresh
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
    maker: Callable[[World, str], Awaitable[fresh.Parts]] | None = None
    """Makes what the request uses up; parts of the path go there, bodies find all of it in `World.made`."""
    form: Callable[[World, str], dict[str, Any]] | None = None
    """What httpx makes a form of: files and data."""
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


def _own(maker: Callable[[World, str], Awaitable[fresh.Parts]], **fields: Any) -> Asked:
    """A request about something that the caller made, or the victim where the caller is not in the private channel."""
    return Asked(maker=maker, path={"user_id": lambda w, r: w.id_of(r)}, **fields)


_BUT_ADMIN = {"user_id": lambda w, r: w.victim.id if r == "sysadmin" else w.id_of(r)}


def _picture(name: str) -> Callable[[World, str], dict[str, Any]]:
    return lambda w, role: {"files": {name: ("a.png", w.picture)}}


SETTINGS: dict[str, dict[str, Any]] = {
    "ServiceSettings": {
        "EnableEmailInvitations": True,
        "EnableMultifactorAuthentication": True,
        "DisableLegacyMFA": False,
        "EnableBotAccountCreation": True,
        "EnableUserAccessTokens": True,
        "EnableOAuthServiceProvider": True,
        "EnableDynamicClientRegistration": True,
        "AllowedUntrustedInternalConnections": "127.0.0.1",
        "SiteURL": "https://chat.example.org",
    },
    "GuestAccountsSettings": {"Enable": True},
    "FileSettings": {"EnablePublicLink": True},
    "WranglerSettings": {"MoveThreadFromPrivateChannelEnable": True},
    "FeatureFlags": {"MoveThreadsEnabled": True},
    "EmailSettings": {"SendPushNotifications": True},
}
"""Under which the matrix is asked."""

APP = {"name": "App", "callback_urls": ["https://app.example/"], "homepage": "https://app.example"}

ASKED: dict[str, Asked] = {
    "DELETE /channels/{channel_id}": Asked(undo=lambda w, r: [("POST", f"/channels/{w.private.id}/restore", None)]),
    "DELETE /channels/{channel_id}/bookmarks/{bookmark_id}": Asked(maker=fresh.bookmark),
    "DELETE /channels/{channel_id}/members/{user_id}": Asked(undo=_back_in_channels),
    "DELETE /commands/{command_id}": Asked(maker=fresh.command),
    "DELETE /emoji/{emoji_id}": Asked(maker=fresh.emoji),
    "DELETE /hooks/incoming/{hook_id}": Asked(maker=fresh.incoming),
    "DELETE /hooks/outgoing/{hook_id}": Asked(maker=fresh.outgoing),
    "DELETE /posts/{post_id}": Asked(maker=fresh.post),
    "DELETE /teams/{team_id}": Asked(undo=lambda w, r: [("POST", f"/teams/{w.team.id}/restore", None)]),
    "DELETE /teams/{team_id}/members/{user_id}": Asked(undo=_back_in_team),
    "DELETE /users/{user_id}": Asked(
        undo=lambda w, r: [("PUT", f"/users/{w.victim.id}/active", {"active": True})], ends_all=True
    ),
    "DELETE /users/{user_id}/status/custom/recent": Asked(query=lambda w, r: "emoji=cat&text=x"),
    "DELETE /users/{user_id}/teams/{team_id}/channels/categories/{category_id}": Asked(maker=fresh.category),
    "GET /commands": Asked(query=lambda w, r: f"team_id={w.team.id}"),
    "GET /emoji/autocomplete": Asked(query=lambda w, r: "name=x"),
    "GET /image": Asked(query=lambda w, r: "url=/static/a.png"),
    "GET /redirect_location": Asked(query=lambda w, r: "url=http://10.0.0.1/"),
    "GET /hooks/outgoing": Asked(query=lambda w, r: f"team_id={w.team.id}"),
    "GET /hooks/outgoing/{hook_id}": Asked(path={"hook_id": lambda w, r: w.outgoing}),
    "GET /files/{file_id}/public": Asked(maker=fresh.public_link, query=lambda w, r: f"h={w.made['h']}"),
    "GET /system/notices/{team_id}": Asked(query=lambda w, r: "clientVersion=1&client=web"),
    "GET /teams/{team_id}/commands/autocomplete_suggestions": Asked(query=lambda w, r: "user_input=x"),
    "GET /users/{user_id}/terms_of_service (own)": Asked(maker=fresh.accepted_terms),
    # On a server that anybody may sign up at, no address is wrong.
    "GET /users/invalid_emails": Asked(
        before=lambda w, r: [("PUT", "/config/patch", {"TeamSettings": {"EnableOpenServer": False}})],
        undo=lambda w, r: [("PUT", "/config/patch", {"TeamSettings": {"EnableOpenServer": True}})],
    ),
    "GET /terms_of_service": Asked(before=lambda w, r: [("POST", "/terms_of_service", {"text": "Be kind."})]),
    "POST /files/search": Asked(body=_body(terms="x")),
    "POST /posts/search": Asked(body=_body(terms="x")),
    "POST /teams/{team_id}/files/search": Asked(body=_body(terms="x")),
    "POST /teams/{team_id}/posts/search": Asked(body=_body(terms="x")),
    "POST /terms_of_service": Asked(body=_body(text="Be kind.")),
    "GET /users": Asked(query=lambda w, r: f"in_channel={w.private.id}"),
    "GET /users/autocomplete": Asked(query=lambda w, r: f"in_team={w.team.id}&in_channel={w.private.id}&name=v"),
    "POST /actions/dialogs/execute": Asked(body=lambda w, r: {"url": w.program.url, "channel_id": w.private.id}),
    "POST /actions/dialogs/lookup": Asked(body=lambda w, r: {"url": w.program.url, "channel_id": w.private.id}),
    "POST /actions/dialogs/open": Asked(
        maker=fresh.trigger,
        body=lambda w, r: {"trigger_id": w.made["trigger_id"], "url": w.program.url, "dialog": {"title": "x"}},
    ),
    "POST /actions/dialogs/submit": Asked(body=lambda w, r: {"url": w.program.url, "channel_id": w.private.id}),
    "POST /bots": Asked(body=lambda w, r: {"username": w.make.name("bot")}),
    "POST /bots/{bot_user_id}/convert_to_user": Asked(maker=fresh.bot, body=_body(password=PASSWORD)),
    "GET /bots/{bot_user_id}/icon": Asked(maker=fresh.bot_with_icon),
    "POST /bots/{bot_user_id}/icon": Asked(form=lambda w, r: {"files": {"image": ("a.svg", fresh.SVG)}}),
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
    "GET /channels/{channel_id}/common_teams": Asked(maker=fresh.group_channel),
    "POST /channels/{channel_id}/convert_to_channel": Asked(
        maker=fresh.group_channel,
        body=lambda w, r: {
            "channel_id": w.made["channel_id"],
            "team_id": w.team.id,
            "name": w.make.name("was-group"),
            "display_name": "x",
        },
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
        maker=fresh.bookmark, body=_body(display_name="Another name")
    ),
    "POST /channels/{channel_id}/bookmarks": Asked(
        body=_body(type="link", display_name="Theirs", link_url="https://example.org/")
    ),
    "POST /channels/{channel_id}/bookmarks/{bookmark_id}/sort_order": Asked(maker=fresh.bookmark, body=lambda w, r: 0),
    "POST /drafts": Asked(body=lambda w, r: {"channel_id": w.private.id, "message": "begun"}),
    "POST /emoji": Asked(
        form=lambda w, r: {
            "files": {"image": ("a.png", w.picture)},
            "data": {"emoji": json.dumps({"name": w.make.name("made_")})},
        }
    ),
    "POST /emoji/names": Asked(body=lambda w, r: ["x"]),
    "POST /emoji/search": Asked(body=_body(term="x")),
    "POST /files": Asked(query=lambda w, r: f"channel_id={w.private.id}&filename=a.txt", body=lambda w, r: b"text"),
    "POST /hooks/commands/{response_id}": Asked(maker=fresh.response_url, body=_body(text="from a program")),
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
    "DELETE /oauth/apps/{app_id}": Asked(maker=fresh.app),
    "GET /oauth/authorize": Asked(query=lambda w, r: f"client_id={w.app}&response_type=code"),
    "POST /oauth/authorize": Asked(body=lambda w, r: {"client_id": w.app, "response_type": "code"}),
    "POST /oauth/deauthorize": Asked(maker=fresh.allowed_app, body=lambda w, r: {"client_id": w.app}),
    "POST /oauth/access_token": Asked(
        maker=fresh.code,
        form=lambda w, r: {
            "data": {"grant_type": "authorization_code", "redirect_uri": fresh.CALLBACK, **w.made},
        },
    ),
    "POST /posts": Asked(body=lambda w, r: {"channel_id": w.private.id, "message": "hello"}),
    "POST /posts/schedule": Asked(
        body=lambda w, r: {"channel_id": w.private.id, "message": "later", "scheduled_at": now_ms() + 10**9}
    ),
    "PUT /posts/schedule/{scheduled_post_id}": Asked(
        body=lambda w, r: {"message": "changed", "scheduled_at": now_ms() + 10**9}
    ),
    "POST /posts/{post_id}/actions/{action_id}": Asked(maker=fresh.post_with_button, body=_body()),
    "POST /posts/{post_id}/move": Asked(body=lambda w, r: {"channel_id": w.public.id}),
    "POST /posts/{post_id}/move (own)": _own(fresh.own_post, body=lambda w, r: {"channel_id": w.public.id}),
    "POST /users/{user_id}/posts/{post_id}/reminder": Asked(
        body=lambda w, r: {"target_time": now_ms() // 1000 + 10**6}
    ),
    "POST /users/{user_id}/posts/{post_id}/ack": Asked(maker=fresh.asking_post),
    "DELETE /users/{user_id}/posts/{post_id}/ack": Asked(maker=fresh.acknowledged_post),
    "POST /posts/ephemeral": Asked(
        body=lambda w, r: {"user_id": w.victim.id, "post": {"channel_id": w.private.id, "message": "psst"}}
    ),
    "POST /posts/ids": Asked(body=lambda w, r: [w.root]),
    "POST /posts/ids/reactions": Asked(body=lambda w, r: [w.root]),
    "POST /reactions": Asked(body=lambda w, r: {"user_id": w.id_of(r), "post_id": w.root, "emoji_name": "cat"}),
    "POST /roles/names": Asked(body=lambda w, r: ["system_user"]),
    "POST /teams": Asked(body=lambda w, r: {"name": w.make.name("mx"), "display_name": "M", "type": "O"}),
    "POST /teams/members/invite": Asked(maker=fresh.open_team, query=lambda w, r: f"invite_id={w.made['invite_id']}"),
    "GET /teams/{team_id}/image": Asked(maker=fresh.team_icon),
    "POST /teams/search": Asked(body=_body(term="team")),
    "POST /teams/{team_id}/channels/ids": Asked(body=lambda w, r: [w.public.id]),
    "POST /teams/{team_id}/channels/search": Asked(body=_body(term="channel")),
    "POST /teams/{team_id}/channels/search_archived": Asked(body=_body(term="channel")),
    "POST /teams/{team_id}/image": Asked(form=_picture("image")),
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
    "POST /users/email/verify": Asked(maker=fresh.verification, body=lambda w, r: {"token": w.made["token"]}),
    "POST /users/email/verify/send": Asked(body=lambda w, r: {"email": w.victim.email}),
    "POST /users/group_channels": Asked(body=lambda w, r: [w.group.id]),
    "POST /users/ids": Asked(body=lambda w, r: [w.victim.id]),
    "POST /users/login": Asked(body=lambda w, r: {"login_id": w.victim.username, "password": PASSWORD}),
    "POST /users/login/switch": Asked(body=_body(current_service="email", new_service="email")),
    "POST /users/login/type": Asked(body=lambda w, r: {"login_id": w.victim.username}),
    "POST /users/logout": Asked(spare_session=True),
    "POST /users/mfa": Asked(body=lambda w, r: {"login_id": w.victim.username}),
    "POST /users/sessions/revoke/all": Asked(ends_all=True),
    "POST /users/{user_id}/convert_to_bot": Asked(maker=fresh.person),
    "POST /users/{user_id}/demote": Asked(
        path={"user_id": lambda w, r: w.friend.id}, undo=lambda w, r: [("POST", f"/users/{w.friend.id}/promote", None)]
    ),
    "POST /users/{user_id}/promote": Asked(
        path={"user_id": lambda w, r: w.friend.id},
        before=lambda w, r: [("POST", f"/users/{w.friend.id}/demote", None)],
        undo=lambda w, r: [] if r == "sysadmin" else [("POST", f"/users/{w.friend.id}/promote", None)],
    ),
    "POST /users/{user_id}/terms_of_service": Asked(body=lambda w, r: {"termsOfServiceId": w.root, "accepted": True}),
    "POST /users/password/reset": Asked(
        maker=fresh.recovery, body=lambda w, r: {"token": w.made["token"], "new_password": PASSWORD}
    ),
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
    "DELETE /posts/{post_id} (own)": _own(fresh.own_post),
    "GET /posts/{post_id}/edit_history (own)": _own(fresh.own_post),
    "POST /posts/{post_id}/restore/{restore_version_id} (own)": _own(fresh.own_post),
    "PUT /posts/{post_id}/patch (own)": _own(fresh.own_post, body=_body(message="changed again")),
    "GET /uploads/{upload_id} (own)": _own(fresh.own_upload),
    "POST /uploads/{upload_id} (own)": _own(fresh.own_upload, body=lambda w, r: b"123456789"),
    "DELETE /posts/schedule/{scheduled_post_id} (own)": _own(fresh.own_scheduled),
    "POST /users/{user_id}/image": Asked(form=_picture("image")),
    "POST /users/{user_id}/preferences/delete": Asked(
        body=lambda w, r: [{"user_id": w.victim.id, "category": "a", "name": "b", "value": ""}]
    ),
    "POST /users/{user_id}/sessions/revoke": Asked(
        maker=fresh.session, body=lambda w, r: {"session_id": w.made["session_id"]}
    ),
    "POST /users/{user_id}/status/custom/recent/delete": Asked(
        maker=fresh.custom_status, body=_body(emoji="cat", text="x")
    ),
    "POST /users/{user_id}/teams/{team_id}/channels/categories": Asked(body=_body(display_name="M")),
    "POST /users/{user_id}/typing": Asked(body=lambda w, r: {"channel_id": w.private.id}),
    "PUT /bots/{bot_user_id}": Asked(body=_body(description="Changed")),
    "PUT /channels/{channel_id}": Asked(body=lambda w, r: {"id": w.private.id, "display_name": "Changed", "type": "P"}),
    "PUT /channels/{channel_id}/members": Asked(
        body=lambda w, r: {"members": _everyone_in(w, "guest", "member", "chan_admin", "bot")}
    ),
    "PUT /channels/{channel_id}/members/{user_id}/notify_props": Asked(body=_body(desktop="all")),
    "PUT /channels/{channel_id}/members/{user_id}/roles": Asked(body=_body(roles="channel_user")),
    "PUT /channels/{channel_id}/members/{user_id}/schemeRoles (own)": Asked(
        body=lambda w, r: {"scheme_user": True, "scheme_admin": r == "chan_admin" or r not in w.in_private}
    ),
    "PUT /channels/{channel_id}/members/{user_id}/roles (own)": Asked(
        body=lambda w, r: {"roles": "channel_user channel_admin"}
    ),
    "PUT /teams/{team_id}/members/{user_id}/roles (own)": Asked(body=_body(roles="team_user team_admin")),
    "PUT /users/{user_id}/roles (own)": Asked(body=_body(roles="system_user system_admin")),
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
    # An administrator who is gone could not undo it, so that one asks about the victim.
    "PUT /users/{user_id}/active (own)": Asked(
        path=_BUT_ADMIN,
        body=_body(active=False),
        undo=lambda w, r: [("PUT", f"/users/{w.victim.id}/active", {"active": True})],
        ends_all=True,
    ),
    "POST /users/{user_id}/terms_of_service (own)": Asked(
        maker=fresh.terms, body=lambda w, r: {"termsOfServiceId": w.made["terms_id"], "accepted": True}
    ),
    "DELETE /users/{user_id} (own)": Asked(
        path=_BUT_ADMIN, undo=lambda w, r: [("PUT", f"/users/{w.victim.id}/active", {"active": True})], ends_all=True
    ),
    "POST /users/{user_id}/promote (own)": Asked(),
    "PUT /users/{user_id}/password (own)": _own(
        fresh.nothing, body=_body(current_password=PASSWORD, new_password=PASSWORD), ends_all=True
    ),
    "POST /channels/{channel_id}/members (own)": Asked(
        path={"channel_id": lambda w, r: w.private.id},
        body=lambda w, r: {"user_id": w.id_of(r)},
        undo=lambda w, r: (
            [] if r in w.in_private else [("DELETE", f"/channels/{w.private.id}/members/{w.id_of(r)}", None)]
        ),
    ),
    "PUT /users/{user_id}/active": Asked(
        body=_body(active=False),
        undo=lambda w, r: [("PUT", f"/users/{w.victim.id}/active", {"active": True})],
        ends_all=True,
    ),
    # A service that there is not, so that a 400 says that the caller may.
    "PUT /users/{user_id}/auth": Asked(body=_body(auth_service="pigeon", auth_data="x")),
    "PUT /users/{user_id}/mfa": Asked(body=_body(activate=False)),
    "PUT /users/{user_id}/password": Asked(body=_body(current_password=PASSWORD, new_password=PASSWORD), ends_all=True),
    "POST /users/{user_id}/sessions/revoke/all": Asked(ends_all=True),
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
    "PUT /users/{user_id}/teams/{team_id}/channels/categories/order": Asked(
        maker=fresh.order, body=lambda w, r: w.made["order"].split()
    ),
    "PUT /users/{user_id}/teams/{team_id}/channels/categories/{category_id}": Asked(
        body=lambda w, r: {"id": w.category, "display_name": "Theirs"}
    ),
}
