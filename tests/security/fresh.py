"""What a request of the matrix uses up, or needs to be a good one: made anew before each, put into the path or body."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from server.features.users.token_queries import PASSWORD_RECOVERY, VERIFY_EMAIL, insert_mail_token
from server.ids import now_ms
from tests.clients_of import Client
from tests.features.emoji.uploading import upload as upload_emoji
from tests.security.world import ROLES, World

Parts = dict[str, str]
"""Placeholders of the path by name, and whatever the body asks for by other names."""

CALLBACK = "https://app.example/"

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


def _victim(w: World) -> Client:
    return w.node.client(w.victim.token)


def _author(w: World, role: str) -> Client:
    """The caller where the caller is in the private channel, or else the victim."""
    return w.client(role) if role in w.in_private else _victim(w)


async def post(w: World, role: str) -> Parts:
    """A post of the victim's."""
    return {"post_id": (await w.make.post(w.victim, w.private))["id"]}


async def own_post(w: World, role: str) -> Parts:
    """A post of the caller's that was edited."""
    made = (await _author(w, role).post("/posts", {"channel_id": w.private.id, "message": "first"})).ok(201)
    (await _author(w, role).put(f"/posts/{made['id']}/patch", {"message": "second"})).ok()
    versions = (await _author(w, role).get(f"/posts/{made['id']}/edit_history")).ok()
    return {"post_id": made["id"], "restore_version_id": versions[0]["id"]}


async def asking_post(w: World, role: str) -> Parts:
    """A post of the victim's that asks for acknowledgements."""
    made = await w.make.post(w.victim, w.private, metadata={"priority": {"priority": "", "requested_ack": True}})
    return {"post_id": made["id"], "user_id": w.id_of(role)}


async def acknowledged_post(w: World, role: str) -> Parts:
    """One that the caller has acknowledged."""
    parts = await asking_post(w, role)
    await w.client(role).post(f"/users/{parts['user_id']}/posts/{parts['post_id']}/ack")
    return parts


async def post_with_button(w: World, role: str) -> Parts:
    """A post of the victim's with a button that calls a program."""
    action = {"id": "go", "name": "Go", "integration": {"url": w.program.url}}
    props = {"attachments": [{"text": "x", "actions": [action]}]}
    return {"post_id": (await w.make.post(w.victim, w.private, props=props))["id"]}


async def trigger(w: World, role: str) -> Parts:
    """What the program is told when the victim presses the button."""
    pressed = await post_with_button(w, role)
    (await _victim(w).post(f"/posts/{pressed['post_id']}/actions/go", {})).ok()
    return {"trigger_id": w.program.requests[-1].json["trigger_id"]}


async def response_url(w: World, role: str) -> Parts:
    """Where the program of a command that the victim gave may answer."""
    (await _victim(w).post("/commands/execute", {"channel_id": w.private.id, "command": "/ask"})).ok()
    return {"response_id": w.program.requests[-1].form["response_url"][0].rpartition("/")[2]}


async def bookmark(w: World, role: str) -> Parts:
    """A bookmark of the victim's."""
    return {"bookmark_id": await w.bookmark(w.private.id)}


async def bot(w: World, role: str) -> Parts:
    """A bot of the administrator's."""
    return {"bot_user_id": (await w.admin.post("/bots", {"username": w.make.name("bot")})).ok(201)["user_id"]}


async def bot_with_icon(w: World, role: str) -> Parts:
    """The bot with an icon."""
    (await w.admin.request("POST", f"/bots/{w.bot}/icon", files={"image": ("a.svg", SVG)})).ok()
    return {}


async def person(w: World, role: str) -> Parts:
    """Somebody new."""
    return {"user_id": (await w.make.user()).id}


async def group_channel(w: World, role: str) -> Parts:
    """A group channel that the victim, the friend and the member are in, and the guest not."""
    return {"channel_id": (await w.make.group(w.victim, w.friend, w.people["member"])).id}


async def open_team(w: World, role: str) -> Parts:
    """A team that anyone may come into who is invited."""
    team = await w.make.team()
    return {"invite_id": team.body["invite_id"]}


async def team_icon(w: World, role: str) -> Parts:
    """The team with an icon, made once: that takes a process."""
    if role == ROLES[0]:
        (await w.admin.request("POST", f"/teams/{w.team.id}/image", files={"image": ("a.png", w.picture)})).ok()
    return {}


async def outgoing(w: World, role: str) -> Parts:
    """An outgoing webhook of the administrator's."""
    fields = {"team_id": w.team.id, "trigger_words": [w.make.name("w")], "callback_urls": ["https://robot.example/"]}
    return {"hook_id": (await w.admin.post("/hooks/outgoing", fields)).ok(201)["id"]}


async def command(w: World, role: str) -> Parts:
    """A command of the administrator's."""
    fields = {"team_id": w.team.id, "trigger": w.make.name("c"), "method": "P", "url": "http://x.example"}
    return {"command_id": (await w.admin.post("/commands", fields)).ok(201)["id"]}


async def session(w: World, role: str) -> Parts:
    """A session of the victim's."""
    signed_in = await w.make.login({"username": w.victim.username, "id": "", "email": ""})
    sessions = (await w.node.client(signed_in.token).get(f"/users/{w.victim.id}/sessions")).ok()
    own = max(sessions, key=lambda session: (session["create_at"], session["last_activity_at"]))
    return {"session_id": own["id"]}


async def category(w: World, role: str) -> Parts:
    """A category of the victim's."""
    path = f"/users/{w.victim.id}/teams/{w.team.id}/channels/categories"
    return {"category_id": (await _victim(w).post(path, {"display_name": "Other"})).ok()["id"]}


async def custom_status(w: World, role: str) -> Parts:
    """Something that the victim has said before."""
    (await _victim(w).put(f"/users/{w.victim.id}/status/custom", {"emoji": "cat", "text": "x"})).ok()
    return {}


async def own_upload(w: World, role: str) -> Parts:
    """An upload that the caller has begun."""
    fields = {"channel_id": w.private.id, "filename": "a.txt", "file_size": 9}
    return {"upload_id": (await _author(w, role).post("/uploads", fields)).ok(201)["id"]}


async def own_scheduled(w: World, role: str) -> Parts:
    """A post that the caller scheduled."""
    later = {"channel_id": w.private.id, "message": "later", "scheduled_at": now_ms() + 10**9}
    return {"scheduled_post_id": (await _author(w, role).post("/posts/schedule", later)).ok(201)["id"]}


async def public_link(w: World, role: str) -> Parts:
    """The link of a file, as the victim gave it to somebody."""
    link = (await _victim(w).get(f"/files/{w.file}/link")).ok()["link"]
    return {"h": parse_qs(urlsplit(link).query)["h"][0]}


async def code(w: World, role: str) -> Parts:
    """What an app gets when the victim lets it in, and the app's secret."""
    plan = {"name": "App", "callback_urls": [CALLBACK], "homepage": CALLBACK}
    app = (await w.admin.post("/oauth/apps", plan)).ok(201)
    wish = {"client_id": app["id"], "response_type": "code", "redirect_uri": CALLBACK}
    redirect = (await _victim(w).post("//oauth/authorize", wish)).ok()["redirect"]
    given = parse_qs(urlsplit(redirect).query)["code"][0]
    return {"code": given, "client_id": app["id"], "client_secret": app["client_secret"]}


async def allowed_app(w: World, role: str) -> Parts:
    """An app that the caller has let in."""
    await w.client(role).post("//oauth/authorize", {"client_id": w.app, "response_type": "code"})
    return {}


async def verification(w: World, role: str) -> Parts:
    """The secret of a mail that asks the victim whether the address is right."""
    extra: dict[str, Any] = {"user_id": w.victim.id, "email": w.victim.email}
    return {"token": await insert_mail_token(w.node.services.db, VERIFY_EMAIL, extra)}


async def recovery(w: World, role: str) -> Parts:
    """The secret of a mail to somebody who forgot the password."""
    lost = await w.make.user()
    extra: dict[str, Any] = {"user_id": lost.id, "email": lost.email}
    return {"token": await insert_mail_token(w.node.services.db, PASSWORD_RECOVERY, extra)}


async def accepted_terms(w: World, role: str) -> Parts:
    """Terms that the caller agreed to."""
    found = await terms(w, role)
    await w.client(role).post(
        f"/users/{w.id_of(role)}/terms_of_service", {"termsOfServiceId": found["terms_id"], "accepted": True}
    )
    return {}


async def order(w: World, role: str) -> Parts:
    """The victim's categories."""
    path = f"/users/{w.victim.id}/teams/{w.team.id}/channels/categories/order"
    return {"order": " ".join((await _victim(w).get(path)).ok())}


async def emoji(w: World, role: str) -> Parts:
    """A custom emoji of the victim's, another one for who may delete it: each takes a process."""
    if role != "sysadmin":
        return {"emoji_id": w.emoji}
    return {"emoji_id": (await upload_emoji(_victim(w), w.make.name("spare_"), w.picture)).ok()["id"]}


async def incoming(w: World, role: str) -> Parts:
    """An incoming webhook of the administrator's for the private channel."""
    return {"hook_id": (await w.admin.post("/hooks/incoming", {"channel_id": w.private.id})).ok(201)["id"]}


async def app(w: World, role: str) -> Parts:
    """An OAuth app of the administrator's."""
    plan = {"name": "App", "callback_urls": [CALLBACK], "homepage": CALLBACK}
    return {"app_id": (await w.admin.post("/oauth/apps", plan)).ok(201)["id"]}


async def terms(w: World, role: str) -> Parts:
    """Terms that everybody has to agree to."""
    return {"terms_id": (await w.admin.post("/terms_of_service", {"text": "Be kind."})).ok()["id"]}


async def nothing(w: World, role: str) -> Parts:
    """Nothing at all."""
    return {}
