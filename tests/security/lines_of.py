"""The lines of the permission matrix: each operation once, some also about public or about the caller's own things."""

from server.http.router import Route
from tests.security.requests_of import ASKED, Asked
from tests.security.world import World

PUBLIC = "(public)"
"""Marks the same operations once more, about the public channel and a post in it."""

OWN = "(own)"
"""Marks them once more, about the caller's own account, and about what the caller made in the private channel.

Who has no login asks about the victim's, and who is not in the channel about what the victim made there.
"""

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


ALSO_OWN = frozenset(
    (
        "DELETE /users/{user_id}",
        "DELETE /users/{user_id}/channels/{channel_id}/drafts",
        "DELETE /users/{user_id}/posts/{post_id}/reactions/{emoji_name}",
        "GET /users/{user_id}/audits",
        "GET /users/{user_id}/channel_members",
        "GET /users/{user_id}/channels",
        "GET /users/{user_id}/channels/{channel_id}/posts/unread",
        "GET /users/{user_id}/channels/{channel_id}/unread",
        "GET /users/{user_id}/oauth/apps/authorized",
        "GET /users/{user_id}/preferences",
        "GET /users/{user_id}/sessions",
        "GET /users/{user_id}/teams/unread",
        "GET /users/{user_id}/teams/{team_id}/channels",
        "GET /users/{user_id}/teams/{team_id}/channels/categories",
        "GET /users/{user_id}/teams/{team_id}/channels/members",
        "GET /users/{user_id}/teams/{team_id}/drafts",
        "GET /users/{user_id}/teams/{team_id}/threads",
        "GET /users/{user_id}/tokens",
        "POST /channels/members/{user_id}/view",
        "POST /users/{user_id}/mfa/generate",
        "POST /users/{user_id}/posts/{post_id}/set_unread",
        "POST /users/{user_id}/promote",
        "POST /users/{user_id}/tokens",
        "POST /users/{user_id}/typing",
        "PUT /channels/{channel_id}/members/{user_id}/notify_props",
        "PUT /channels/{channel_id}/members/{user_id}/roles",
        "PUT /channels/{channel_id}/members/{user_id}/schemeRoles",
        "PUT /teams/{team_id}/members/{user_id}/roles",
        "PUT /users/{user_id}/active",
        "PUT /users/{user_id}/auth",
        "PUT /users/{user_id}/patch",
        "PUT /users/{user_id}/roles",
        "PUT /users/{user_id}/teams/{team_id}/threads/{thread_id}/following",
    )
)


def parts_of_path(w: World, role: str, *, public: bool, own: bool) -> dict[str, str]:
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
        "emoji_name": w.emoji_name,
        "file_id": w.file,
        "group_id": w.custom_group,
        "hook_id": w.hook,
        "invite_id": w.team.body["invite_id"],
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
        "user_id": w.id_of(role) if own else w.victim.id,
        "username": w.victim.username,
    }


def names_of(route: Route) -> list[str]:
    """The lines of the matrix that a route has."""
    name = f"{route.method} {route.path.removeprefix('/api/v4')}"
    names = [name, f"{name} {PUBLIC}"] if name in ALSO_PUBLIC else [name]
    return [*names, f"{name} {OWN}"] if name in ALSO_OWN or f"{name} {OWN}" in ASKED else names


def asked_of(name: str) -> Asked:
    """The request of a line."""
    plain = name.removesuffix(f" {PUBLIC}").removesuffix(f" {OWN}")
    return ASKED.get(name) or ASKED.get(plain) or Asked()
