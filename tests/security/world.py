"""A team with a private and a public channel, and one person of every role that the permission matrix knows."""

from msgspec import Struct

from server.ids import now_ms
from tests.clients_of import Client
from tests.features.emoji.uploading import upload as upload_emoji
from tests.features.files.uploading import picture
from tests.make import Make, Person, Thing
from tests.nodes import TestNode
from tests.receiver import Receiver

ROLES = ("nobody", "guest", "outsider", "team", "member", "chan_admin", "team_admin", "sysadmin", "bot")
"""Without login; guest of the channels; in no team; in the team; in the channels; three administrators; and a bot.

The administrators of the team and of the system are not in the private channel. The bot is the administrator's, in both
channels, and comes with an access token.
"""


class World(Struct):
    """What requests of the matrix are about: always somebody else's things."""

    node: TestNode
    make: Make
    people: dict[str, Person]
    victim: Person
    """A member of both channels, whom the requests are about."""
    friend: Person
    """In the team and in the public channel."""
    team: Thing
    other_team: Thing
    """One that only the victim is in."""
    private: Thing
    public: Thing
    group: Thing
    """A group channel of the victim, the friend and the member."""
    root: str
    """The first post of a thread of the victim's in the private channel."""
    reply: str
    public_root: str
    file: str
    """A picture in a post of the victim's in the private channel."""
    upload: str
    """An upload that the victim has under way."""
    category: str
    """A category of the victim's."""
    emoji: str
    emoji_name: str
    """A custom emoji of the victim's."""
    bot: str
    """A bot of the administrator's."""
    token: str
    spare_token: str
    """Access tokens of the bot."""
    hook: str
    """A webhook of the administrator's for the private channel."""
    scheduled: str
    """A post that the victim scheduled for the private channel."""
    custom_group: str
    """A group of people that the victim made."""
    app: str
    """An OAuth app of the administrator's."""
    command: str
    """A slash command of the administrator's in the team."""
    outgoing: str
    """An outgoing webhook of the administrator's for the team."""
    role_id: str
    program: Receiver
    """What buttons and commands call."""
    picture: bytes
    made: dict[str, str] = {}
    """What was made for the request under way."""

    def client(self, role: str) -> Client:
        """REST as one of the roles."""
        return self.node.client(self.people[role].token if role in self.people else "")

    @property
    def admin(self) -> Client:
        """REST as the administrator."""
        return self.client("sysadmin")

    async def bookmark(self, channel_id: str) -> str:
        """A new bookmark of the victim's."""
        fields = {"type": "link", "display_name": "Wiki", "link_url": "https://wiki.example.org/"}
        bookmark = await self.node.client(self.victim.token).post(f"/channels/{channel_id}/bookmarks", fields)
        return str(bookmark.ok(201)["id"])

    @property
    def in_private(self) -> tuple[str, ...]:
        """The roles that are in the private channel, as no more than it takes to write there."""
        return ("guest", "member", "chan_admin", "bot")

    async def spare_token_of(self, role: str) -> str:
        """A session that a role can do without."""
        if role not in self.people:
            return ""
        if role == "bot":
            made = await self.admin.post(f"/users/{self.people[role].id}/tokens", {"description": "spare"})
            return str(made.ok()["token"])
        return (await self.make.login({"username": self.people[role].username, "id": "", "email": ""})).token

    async def sign_in_again(self) -> None:
        """New sessions for all; access tokens outlive the end of sessions."""
        people = [person for role, person in self.people.items() if role != "bot"]
        for person in (*people, self.victim, self.friend):
            person.token = (await self.make.login({"username": person.username, "id": "", "email": ""})).token

    def id_of(self, role: str) -> str:
        """The id of the caller; without login the victim's."""
        return self.people[role].id if role in self.people else self.victim.id


async def build_world(node: TestNode, make: Make, program: Receiver | None = None) -> World:
    """Make all of it; without a program whatever calls one is left in the dark."""
    program = program or Receiver()
    guest, outsider, team_user, member, chan_admin, team_admin, victim, friend = [
        await make.user(word)
        for word in ("guest", "outsider", "teamer", "member", "chanadmin", "teamadmin", "victim", "friend")
    ]
    admin = node.client(make.admin.token)
    (await admin.put(f"/users/{guest.id}/roles", {"roles": "system_guest"})).ok()
    in_team = [guest, team_user, member, chan_admin, victim, friend]
    team = await make.team(in_team, owner=team_admin)
    private = await make.channel(team, [member, victim, guest], owner=chan_admin, type="P")
    public = await make.channel(team, [member, victim, guest, friend], owner=chan_admin)
    other_team = await make.team(owner=victim, allow_open_invite=False, type="I")
    group = await make.group(victim, friend, member)
    root = await make.post(victim, private, "the first of a thread")
    reply = await make.post(victim, private, "a reply", root_id=root["id"])
    public_root = await make.post(victim, public, "in public")
    await make.post(victim, public, "a public reply", root_id=public_root["id"])
    uploads = node.client(victim.token)
    fields = {"channel_id": private.id, "filename": "a.png", "file_size": 9}
    form = await uploads.request("POST", f"/files?channel_id={private.id}", files={"files": ("a.png", picture((9, 9)))})
    file = form.ok(201)["file_infos"][0]["id"]
    await make.post(victim, private, "a picture", file_ids=[file])
    upload = (await uploads.post("/uploads", fields)).ok(201)
    category = await node.client(victim.token).post(
        f"/users/{victim.id}/teams/{team.id}/channels/categories", {"display_name": "Mine"}
    )
    emoji = (await upload_emoji(uploads, make.name("emoji_"))).ok()
    role = (await admin.get("/roles/name/custom_group_user")).ok()
    before = node.settings
    node.change_settings({"ServiceSettings": {"EnableBotAccountCreation": True}})
    bot = (await admin.post("/bots", {"username": make.name("bot")})).ok(201)["user_id"]
    node.change_settings({"ServiceSettings": {"EnableOAuthServiceProvider": True}})
    crew = {"name": make.name("crew"), "display_name": "Crew", "user_ids": [victim.id]}
    custom_group = (await node.client(victim.token).post("/groups", crew)).ok(201)["id"]
    plan = {"name": "App", "callback_urls": ["https://app.example/"], "homepage": "https://app.example"}
    app = (await admin.post("/oauth/apps", plan)).ok(201)["id"]
    node.take_back_settings(before)
    tokens = [(await admin.post(f"/users/{bot}/tokens", {"description": "x"})).ok()["id"] for _ in range(2)]
    hook = (await admin.post("/hooks/incoming", {"channel_id": private.id})).ok(201)["id"]
    command, _ = [
        (await admin.post("/commands", {"team_id": team.id, "trigger": name, "method": "P", "url": url})).ok(201)["id"]
        for name, url in (("build", "http://x.example"), ("ask", program.url))
    ]
    later = {"channel_id": private.id, "message": "later", "scheduled_at": now_ms() + 10**9}
    scheduled = (await node.client(victim.token).post("/posts/schedule", later)).ok(201)
    fields = {"team_id": team.id, "trigger_words": ["never"], "callback_urls": ["https://robot.example.org/"]}
    outgoing = (await admin.post("/hooks/outgoing", fields)).ok(201)["id"]
    robot = await _robot(node, make, team, [private, public])
    people = {
        "guest": guest,
        "outsider": outsider,
        "team": team_user,
        "member": member,
        "chan_admin": chan_admin,
        "team_admin": team_admin,
        "sysadmin": make.admin,
        "bot": robot,
    }
    return World(
        node=node,
        make=make,
        people=people,
        victim=victim,
        friend=friend,
        team=team,
        other_team=other_team,
        private=private,
        public=public,
        group=group,
        root=root["id"],
        reply=reply["id"],
        public_root=public_root["id"],
        file=file,
        upload=upload["id"],
        category=category.ok()["id"],
        emoji=emoji["id"],
        bot=bot,
        token=tokens[0],
        spare_token=tokens[1],
        hook=hook,
        outgoing=outgoing,
        scheduled=scheduled["id"],
        custom_group=custom_group,
        app=app,
        command=command,
        role_id=role["id"],
        program=program,
        picture=picture((64, 64)),
        emoji_name=emoji["name"],
    )


async def _robot(node: TestNode, make: Make, team: Thing, channels: list[Thing]) -> Person:
    """A bot of the administrator's with a token of its own, in the team and the channels."""
    admin = node.client(make.admin.token)
    before = node.settings
    node.change_settings({"ServiceSettings": {"EnableBotAccountCreation": True}})
    made = (await admin.post("/bots", {"username": make.name("robot")})).ok(201)
    node.take_back_settings(before)
    token = (await admin.post(f"/users/{made['user_id']}/tokens", {"description": "its own"})).ok()["token"]
    robot = Person({"id": made["user_id"], "username": made["username"], "email": ""}, token)
    await make.join_team(team, robot)
    for channel in channels:
        await make.join_channel(channel, robot)
    return robot
