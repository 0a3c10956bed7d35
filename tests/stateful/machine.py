"""Everything that moves counters, in any order: what the server says then is what the model says."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.stateful.model import DIRECT, GROUP, OPEN, PRIVATE, Message, Model, Person, Seat, Talk
from tests.stateful.world import Bridge, Town

WORDS = ("", "kumquat", "", "")
COLLAPSED = (True, True, False, False)
ANY_REPLY = (False, False, True, False)
PEOPLE = range(4)

SKETCHES = st.lists(st.sampled_from(("hello", "@0", "@1", "@2", "@3", "Kumquat", "@channel", "`@1`")), max_size=3)
"""What a post says: plain words, names of users by number, somebody's word, everybody, a name in code."""

ANY = st.integers(0, 5039)
"""Picks from a list of any length."""

NODES = st.integers(0, 1)

LOOK_EVERY = 3
"""Steps between two looks at the counters; what has arrived is looked at after each."""


def same(found: object, expected: object) -> None:
    """What the server says is what the model says."""
    assert found == expected, f"the server: {found}\nthe model:  {expected}"


class Counters(RuleBasedStateMachine):
    """Four users in four channels on two nodes."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge = bridge
        self.town = Town(bridge)
        bridge.run(self.town.build(WORDS, COLLAPSED, ANY_REPLY))
        ids = [person.id for person in self.town.people]
        kinds = zip(ids, WORDS, COLLAPSED, ANY_REPLY, strict=True)
        self.model = Model({user: Person(user, word, fold, every) for user, word, fold, every in kinds})
        self.ids = ids
        team = self.town.teams[0].id
        public, private = self.town.channels
        for thing, kind, of_team, members in (
            (public, OPEN, team, ids[:3]),
            (private, PRIVATE, team, ids),
            (self.town.direct, DIRECT, "", ids[:2]),
            (self.town.group, GROUP, "", ids[:3]),
        ):
            self.model.talks[thing.id] = Talk(thing.id, kind, of_team, seats={user: Seat() for user in members})
            if of_team:  # brought in by the administrator, but for the owner
                for user in members[1:]:
                    self.model.join(self.model.talks[thing.id], user, by_other=True)
        self.heard: dict[str, list[tuple[str, str]]] = {user: [] for user in ids}
        self.steps = 0

    def teardown(self) -> None:
        """The last look."""
        try:
            self._check_all()
        finally:
            self.bridge.run(self.town.close())

    # picking

    def _call(self, user: str, node: int, method: str, path: str, body: object = None, status: int = 200) -> Any:
        """A request as a user, "" for the administrator, with the expected status."""
        client = self.town.client(self.ids.index(user), node) if user else self.town.admin(node)
        return self.bridge.run(client.request(method, path, body)).ok(status)

    @property
    def talks(self) -> list[Talk]:
        """The channels."""
        return list(self.model.talks.values())

    @property
    def open_talks(self) -> list[Talk]:
        """Those that can be written to, by members that there are."""
        return [talk for talk in self.talks if not talk.archived and talk.seats]

    def _posts(self, good: Callable[[Message], bool]) -> list[tuple[Talk, Message]]:
        return [(talk, post) for talk in self.open_talks for post in talk.posts if not post.system and good(post)]

    def _threads(self) -> list[tuple[Talk, Message]]:
        """Roots of threads that somebody in the channel has to do with."""
        return [
            (talk, post)
            for talk, post in self._posts(lambda post: post.live_root)
            if talk.seats.keys() & talk.threads.get(post.id, {}).keys()
        ]

    def _text(self, sketch: Sequence[str]) -> tuple[str, dict[str, Any]]:
        """A message, and whom the model takes it to call."""
        names = [int(word[1]) for word in sketch if word[0] == "@" and word[1:].isdecimal()]
        text = " ".join(
            f"@{self.town.people[int(word[1])].username}" if word[0] == "@" and word[1:].isdecimal() else word
            for word in sketch
        ).replace("`@1`", f"`@{self.town.people[1].username}`")
        words = [self.ids[1]] if "Kumquat" in sketch else []
        return text or "…", {
            "names": [self.ids[name] for name in names],
            "words": words,
            "everyone": "@channel" in sketch,
        }

    # writing

    @initialize(sketches=st.lists(SKETCHES, min_size=8, max_size=8), authors=st.lists(ANY, min_size=8, max_size=8))
    def begin(self, sketches: list[list[str]], authors: list[int]) -> None:
        """A thread in the private channel and one in the group, for most that can go wrong goes wrong in threads."""
        for number, (sketch, author) in enumerate(zip(sketches, authors, strict=True)):
            talk = self.talks[1 + 2 * (number % 2)]
            root = talk.posts[0] if talk.posts else None
            self._write(talk, author, sketch, number % 2, root)

    @rule(talk=ANY, author=ANY, sketch=SKETCHES, node=NODES)
    @precondition(lambda self: self.open_talks)
    def write(self, talk: int, author: int, sketch: list[str], node: int) -> None:
        """A root post."""
        where = self.open_talks[talk % len(self.open_talks)]
        self._write(where, author, sketch, node, None)

    @rule(root=ANY, author=ANY, sketch=SKETCHES, node=NODES)
    @precondition(lambda self: self._posts(lambda post: post.live_root))
    def reply(self, root: int, author: int, sketch: list[str], node: int) -> None:
        """A reply."""
        roots = self._posts(lambda post: post.live_root)
        where, post = roots[root % len(roots)]
        self._write(where, author, sketch, node, post)

    def _write(self, talk: Talk, author: int, sketch: list[str], node: int, root: Message | None) -> None:
        user = list(talk.seats)[author % len(talk.seats)]
        text, calls = self._text(sketch)
        body = {"channel_id": talk.id, "message": text, "root_id": root.id if root else ""}
        made = self._call(user, node, "POST", "/posts", body, 201)
        post = self.model.post(talk, user, text, root=root, **calls)
        post.id, post.create_at = made["id"], made["create_at"]

    @rule(post=ANY, sketch=SKETCHES, node=NODES)
    @precondition(lambda self: self._own())
    def edit(self, post: int, sketch: list[str], node: int) -> None:
        """Another text calls nobody anew."""
        own = self._own()
        _, chosen = own[post % len(own)]
        self._call(chosen.author, node, "PUT", f"/posts/{chosen.id}/patch", {"message": f"{self._text(sketch)[0]} !"})

    @rule(post=ANY, node=NODES, by_admin=st.booleans())
    @precondition(lambda self: self._own())
    def delete(self, post: int, node: int, by_admin: bool) -> None:
        """A post goes, with its replies."""
        own = self._own()
        talk, chosen = own[post % len(own)]
        self._call("" if by_admin else chosen.author, node, "DELETE", f"/posts/{chosen.id}")
        self.model.delete(talk, chosen)

    def _own(self) -> list[tuple[Talk, Message]]:
        """Live posts whose authors are still in the channel."""
        return [(talk, post) for talk, post in self._posts(lambda post: not post.deleted) if post.author in talk.seats]

    # reading

    @rule(talk=ANY, user=ANY, knows_threads=st.booleans(), other=st.none() | ANY, node=NODES)
    @precondition(lambda self: any(talk.seats for talk in self.talks))
    def view(self, talk: int, user: int, knows_threads: bool, other: int | None, node: int) -> None:
        """A user looks into a channel and perhaps leaves another."""
        seated = [each for each in self.talks if each.seats]
        where = seated[talk % len(seated)]
        who = list(where.seats)[user % len(where.seats)]
        left = self.talks[other % len(self.talks)] if other is not None else where
        body = {
            "channel_id": where.id,
            "prev_channel_id": left.id if left is not where else "",
            "collapsed_threads_supported": knows_threads,
        }
        self._call(who, node, "POST", f"/channels/members/{who}/view", body)
        for each in {where.id: where, left.id: left}.values():
            if who in each.seats:
                self.model.view(each, who, threads_too=not knows_threads)

    @rule(post=ANY, user=ANY, knows_threads=st.booleans(), node=NODES)
    @precondition(lambda self: self._posts(lambda post: not post.deleted))
    def set_unread(self, post: int, user: int, knows_threads: bool, node: int) -> None:
        """A user makes a channel unread from a post on."""
        posts = self._posts(lambda post: not post.deleted)
        talk, chosen = posts[post % len(posts)]
        who = list(talk.seats)[user % len(talk.seats)]
        body = {"collapsed_threads_supported": knows_threads}
        told = self._call(who, node, "POST", f"/users/{who}/posts/{chosen.id}/set_unread", body)
        self.model.set_unread(talk, who, chosen, knows_threads=knows_threads)
        seat = talk.seats[who]
        assert [told[name] for name in ("msg_count", "msg_count_root", "mention_count", "mention_count_root")] == [
            seat.read,
            seat.read_roots,
            seat.mentions,
            seat.root_mentions,
        ]

    @rule(thread=ANY, user=ANY, post=ANY, node=NODES)
    @precondition(lambda self: self._threads())
    def read_thread(self, thread: int, user: int, post: int, node: int) -> None:
        """A user has read a thread up to one of its posts, or to its end."""
        talk, root, who = self._follower(thread, user)
        posts = [root, *talk.replies(root)]
        upto = posts[post % len(posts)]
        path = f"/users/{who}/teams/{self._team(talk)}/threads/{root.id}/read/{upto.create_at}"
        told = self._call(who, node, "PUT", path)
        self.model.read_thread(talk, who, root, upto.place)
        follower = talk.threads[root.id][who]
        assert (told["unread_replies"], told["unread_mentions"]) == (
            talk.unread_replies(root, follower),
            follower.mentions,
        )

    @rule(thread=ANY, user=ANY, post=ANY, node=NODES)
    @precondition(lambda self: self._threads())
    def set_thread_unread(self, thread: int, user: int, post: int, node: int) -> None:
        """A user makes a thread unread from one of its posts on."""
        talk, root, who = self._follower(thread, user)
        posts = [root, *talk.replies(root)]
        chosen = posts[post % len(posts)]
        path = f"/users/{who}/teams/{self._team(talk)}/threads/{root.id}/set_unread/{chosen.id}"
        self._call(who, node, "POST", path)
        self.model.set_thread_unread(talk, who, root, chosen)

    @rule(root=ANY, user=ANY, following=st.booleans(), node=NODES)
    @precondition(lambda self: self._posts(lambda post: post.live_root))
    def follow(self, root: int, user: int, following: bool, node: int) -> None:
        """A user follows a thread or stops it."""
        roots = self._posts(lambda post: post.live_root)
        talk, post = roots[root % len(roots)]
        who = list(talk.seats)[user % len(talk.seats)]
        path = f"/users/{who}/teams/{self._team(talk)}/threads/{post.id}/following"
        self._call(who, node, "PUT" if following else "DELETE", path)
        self.model.follow(talk, who, post, following)

    @rule(user=st.sampled_from(PEOPLE), team=NODES, node=NODES)
    def read_all_threads(self, user: int, team: int, node: int) -> None:
        """A user has read all threads of a team and of personal channels."""
        who, of_team = self.ids[user], self.town.teams[team].id
        self._call(who, node, "PUT", f"/users/{who}/teams/{of_team}/threads/read")
        self.model.read_threads([talk for talk in self.talks if talk.team == of_team or talk.personal], who)

    def _follower(self, thread: int, user: int) -> tuple[Talk, Message, str]:
        threads = self._threads()
        talk, root = threads[thread % len(threads)]
        known = sorted(talk.seats.keys() & talk.threads[root.id].keys())
        return talk, root, known[user % len(known)]

    def _team(self, talk: Talk) -> str:
        """The team in which a user looks at a channel."""
        return talk.team or self.town.teams[0].id

    # coming, going, changing

    @rule(talk=NODES, user=st.sampled_from(PEOPLE), by_other=st.booleans(), node=NODES)
    def come_or_go(self, talk: int, user: int, by_other: bool, node: int) -> None:
        """A user who is in a channel leaves or is put out, another one joins or is brought into it."""
        where, who = self.talks[talk], self.ids[user]
        if where.archived:
            return
        if who in where.seats:
            self._go(where, who, by_other, node)
        else:
            self._come(where, who, by_other or where.type == PRIVATE, node)

    def _come(self, where: Talk, who: str, by_other: bool, node: int) -> None:
        self._call("" if by_other else who, node, "POST", f"/channels/{where.id}/members", {"user_id": who}, 201)
        self.model.join(where, who, by_other=by_other)
        self.model.system(where, "system_add_to_channel" if by_other else "system_join_channel", counts=False)

    def _go(self, where: Talk, who: str, by_other: bool, node: int) -> None:
        self._call("" if by_other else who, node, "DELETE", f"/channels/{where.id}/members/{who}")
        del where.seats[who]
        self.model.system(where, "system_remove_from_channel" if by_other else "system_leave_channel", counts=False)

    @rule(talk=NODES, change=st.sampled_from(("archive", "convert", "move")), node=NODES)
    def change(self, talk: int, change: str, node: int) -> None:
        """A channel goes into the archive or comes back, becomes private or public, moves to the other team."""
        where = self.talks[talk]
        if where.archived:
            where.archived = False
            self._call("", node, "POST", f"/channels/{where.id}/restore")
            kind = "system_channel_restored"
        elif change == "archive":
            where.archived = True
            self._call("", node, "DELETE", f"/channels/{where.id}")
            kind = "system_channel_deleted"
        elif change == "convert":
            where.type = PRIVATE if where.type == OPEN else OPEN
            self._call("", node, "PUT", f"/channels/{where.id}/privacy", {"privacy": where.type})
            kind = "system_change_chan_privacy"
        else:
            where.team = next(team.id for team in self.town.teams if team.id != where.team)
            self._call("", node, "POST", f"/channels/{where.id}/move", {"team_id": where.team})
            kind = "system_move_channel"
        self.model.system(where, kind, counts=True)

    @rule(talk=ANY, user=ANY, node=NODES)
    def mute(self, talk: int, user: int, node: int) -> None:
        """A user mutes a channel, or hears of it again."""
        seated = [each for each in self.talks if each.seats]
        where = seated[talk % len(seated)]
        who = list(where.seats)[user % len(where.seats)]
        seat = where.seats[who]
        seat.muted = not seat.muted
        props = {"mark_unread": "mention" if seat.muted else "all"}
        self._call(who, node, "PUT", f"/channels/{where.id}/members/{who}/notify_props", props)

    # looking

    @invariant()
    def the_server_agrees(self) -> None:
        """After each step, both nodes know of it."""
        self.steps += 1
        if self.steps % LOOK_EVERY == 0:
            self._check_all()
        else:
            self._hear()

    def _check_all(self) -> None:
        self._hear()
        self._check_members()
        self._check_totals()
        self._check_teams()
        self._check_threads(0)
        self._check_threads(1)

    def _hear(self) -> None:
        """Each user has heard exactly the posts of the channels that the user was in when they were written."""
        for user, events in zip(self.ids, self.bridge.run(self.town.heard()), strict=True):
            for event in events:
                if event.name == "posted":
                    post = event.data["post"]
                    text = post["type"] or post["message"]
                    self.heard[user].append((post["channel_id"], text))
            same(self.heard[user], self.model.people[user].heard)

    def _check_members(self) -> None:
        for user, members in zip(self.ids, self._all("/users/{user_id}/channel_members?per_page=200"), strict=True):
            found = {
                member["channel_id"]: [
                    member[name] for name in ("msg_count", "msg_count_root", "mention_count", "mention_count_root")
                ]
                for member in members
                if member["channel_id"] in self.model.talks
            }
            same(
                found,
                {
                    talk.id: [seat.read, seat.read_roots, seat.mentions, seat.root_mentions]
                    for talk in self.talks
                    if not talk.archived and (seat := talk.seats.get(user)) is not None
                },
            )

    def _check_totals(self) -> None:
        for user, channels in zip(self.ids, self._all("/users/{user_id}/channels?include_deleted=true"), strict=True):
            found = {
                channel["id"]: (channel["total_msg_count"], channel["total_msg_count_root"])
                for channel in channels
                if channel["id"] in self.model.talks
            }
            same(found, {talk.id: (talk.total, talk.total_roots) for talk in self.talks if user in talk.seats})

    def _check_teams(self) -> None:
        """What is unread in teams: without personal, muted and archived channels."""
        answers = self._all("/users/{user_id}/teams/unread?include_collapsed_threads=true")
        for user, teams in zip(self.ids, answers, strict=True):
            for told in teams:
                seats = [
                    (talk, seat)
                    for talk in self.talks
                    if talk.team == told["team_id"] and not talk.archived and (seat := talk.seats.get(user)) is not None
                ]
                noisy = [(talk, seat) for talk, seat in seats if not seat.muted]
                threads = [
                    (unread, mentions)
                    for talk, _ in seats
                    for root, (_, unread, mentions) in self.model.followed(user, talk.team).items()
                    if any(post.id == root for post in talk.posts)
                ]
                # Two channels of the team that nobody writes to are there besides; who joined them has read them.
                same(
                    told,
                    {
                        "team_id": told["team_id"],
                        "msg_count": sum(talk.total - seat.read for talk, seat in noisy),
                        "msg_count_root": sum(talk.total_roots - seat.read_roots for talk, seat in noisy),
                        "mention_count": sum(seat.mentions for _, seat in seats),
                        "mention_count_root": sum(seat.root_mentions for _, seat in seats),
                        "thread_count": sum(unread > 0 for unread, _ in threads),
                        "thread_mention_count": sum(mentions for _, mentions in threads),
                        "thread_urgent_mention_count": 0,
                    },
                )

    def _check_threads(self, number: int) -> None:
        team = self.town.teams[number].id
        for user, page in zip(
            self.ids, self._all(f"/users/{{user_id}}/teams/{team}/threads?per_page=200"), strict=True
        ):
            expected = self.model.followed(user, team)
            found = {
                thread["id"]: (thread["reply_count"], thread["unread_replies"], thread["unread_mentions"])
                for thread in page["threads"]
            }
            same(found, expected)
            assert (page["total"], page["total_unread_threads"], page["total_unread_mentions"]) == (
                len(expected),
                sum(unread > 0 for _, unread, _ in expected.values()),
                sum(mentions for _, _, mentions in expected.values()),
            )

    def _all(self, path: str) -> list[Any]:
        return self.bridge.run(self.town.of_all(path))
