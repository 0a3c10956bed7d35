"""What counters must be, by keeping what was written and who looked when: no arithmetic of the server's, no SQL.

Each channel keeps its posts in their order; that a member has read up to a place is kept as that place. What is unread
is then seen by looking through the posts.
"""

from collections.abc import Iterable

from msgspec import Struct, field

OPEN, PRIVATE, DIRECT, GROUP = "O", "P", "D", "G"


class Message(Struct, eq=False):
    """A post that counts. The others are only expected to arrive."""

    id: str
    place: int
    """Its number in the channel."""
    author: str
    root: "Message | None" = None
    mentions: set[str] = field(default_factory=set)
    """Users who were called by name, by word, or by being the other side."""
    everyone: bool = False
    """Whether it calls all who listen."""
    create_at: int = 0
    deleted: bool = False
    system: bool = False

    @property
    def live_root(self) -> bool:
        """Whether a thread can go on below it."""
        return self.root is None and not self.deleted and not self.system


class Seat(Struct, eq=False):
    """A member of a channel."""

    read: int = 0
    """Posts that are read, as it is counted: total less unread."""
    read_roots: int = 0
    mentions: int = 0
    root_mentions: int = 0
    muted: bool = False


class Follower(Struct, eq=False):
    """A user who has to do with a thread. Stays when the user leaves the channel."""

    following: bool = True
    seen: int = -1
    """The place of the last post that is read."""
    mentions: int = 0


class Talk(Struct, eq=False):
    """A channel."""

    id: str
    type: str
    team: str
    archived: bool = False
    posts: list[Message] = field(default_factory=list)
    total: int = 0
    total_roots: int = 0
    seats: dict[str, Seat] = field(default_factory=dict)
    threads: dict[str, dict[str, Follower]] = field(default_factory=dict)
    """Followers by root; a thread is there from the first reply on."""

    @property
    def end(self) -> int:
        """The place of its last post, -1 for none."""
        return len(self.posts) - 1

    @property
    def personal(self) -> bool:
        """Whether its members never change, and every post calls the others."""
        return self.type in (DIRECT, GROUP)

    def replies(self, root: Message) -> list[Message]:
        """The live replies to a root."""
        return [post for post in self.posts if post.root is root and not post.deleted]

    def unread_replies(self, root: Message, follower: Follower) -> int:
        """How many live replies a follower has not read."""
        return sum(post.place > follower.seen for post in self.replies(root))

    def calls(self, post: Message, user: str) -> bool:
        """Whether a post that is read again calls a user."""
        seat = self.seats.get(user)
        listens = post.everyone and seat is not None and not seat.muted
        return post.author != user and (user in post.mentions or listens)


class Person(Struct, eq=False):
    """A user of the model."""

    id: str
    word: str
    """What calls the user besides the name, "" for nothing."""
    collapsed: bool
    """Whether replies are shown in threads only."""
    any_reply: bool
    """Whether replies in threads that the user wrote in call the user; only where threads are not collapsed."""
    heard: list[tuple[str, str]] = field(default_factory=list)
    """Channel and text of each post that must have arrived, in their order."""


class Model(Struct, eq=False):
    """Everything at once."""

    people: dict[str, Person]
    talks: dict[str, Talk] = field(default_factory=dict)

    def post(
        self,
        talk: Talk,
        author: str,
        text: str,
        *,
        root: Message | None = None,
        names: Iterable[str] = (),
        everyone: bool = False,
        words: Iterable[str] = (),
    ) -> Message:
        """A user writes. `names`: users called by @name; `words`: users called by their word."""
        post = self._append(talk, author, text, root)
        called = self._called(talk, post, {*names, *words}, everyone)
        self._count(talk, post, called)
        if root is None or not self.people[author].collapsed:
            self._look(talk, author)
        if root is not None:
            self._follow(talk, root, post, called)
        return post

    def system(self, talk: Talk, text: str, *, counts: bool) -> None:
        """The server writes, about what somebody did who is not in the channel or need not have read it."""
        if counts:
            self._append(talk, "", text, None).system = True
        else:
            self._tell(talk, text)

    def _append(self, talk: Talk, author: str, text: str, root: Message | None) -> Message:
        post = Message(id="", place=len(talk.posts), author=author, root=root)
        talk.posts.append(post)
        talk.total += 1
        talk.total_roots += root is None
        self._tell(talk, text)
        return post

    def _tell(self, talk: Talk, text: str) -> None:
        for user in talk.seats:
            self.people[user].heard.append((talk.id, text))

    def _called(self, talk: Talk, post: Message, users: set[str], everyone: bool) -> set[str]:
        if talk.personal:
            post.mentions = {user for user in talk.seats if user != post.author}
            return post.mentions
        post.mentions = {user for user in users if user in talk.seats and user != post.author}
        if post.root is not None:
            writers = {post.root.author, *(reply.author for reply in talk.replies(post.root) if reply is not post)}
            post.mentions |= {
                user
                for user in writers - {post.author}
                if user in talk.seats and self.people[user].any_reply and not self.people[user].collapsed
            }
        post.everyone = everyone
        return {user for user in talk.seats if talk.calls(post, user)}

    def _count(self, talk: Talk, post: Message, called: set[str]) -> None:
        for user in called:
            seat = talk.seats[user]
            seat.mentions += 1
            seat.root_mentions += post.root is None

    def _look(self, talk: Talk, user: str) -> None:
        seat = talk.seats.get(user)
        if seat is not None:
            seat.read, seat.read_roots, seat.mentions, seat.root_mentions = talk.total, talk.total_roots, 0, 0

    def _follow(self, talk: Talk, root: Message, post: Message, called: set[str]) -> None:
        first = len(talk.replies(root)) == 1
        followers = talk.threads.setdefault(root.id, {})
        for user in called:
            follower = followers.setdefault(user, Follower())
            follower.following = True
            follower.mentions += 1
        for user in {root.author} | (root.mentions if first else set()):
            if user in talk.seats:
                followers.setdefault(user, Follower())
        author = followers.setdefault(post.author, Follower())
        author.following, author.seen, author.mentions = True, max(author.seen, post.place), 0

    def view(self, talk: Talk, user: str, *, threads_too: bool) -> None:
        """A user looks into a channel; with a client that knows no threads these are read too."""
        self._look(talk, user)
        if threads_too:
            self.read_threads([talk], user)

    def read_threads(self, talks: Iterable[Talk], user: str) -> None:
        """A user has read all threads of some channels."""
        for talk in talks:
            for followers in talk.threads.values():
                if user in followers:
                    followers[user].seen, followers[user].mentions = talk.end, 0

    def set_unread(self, talk: Talk, user: str, post: Message, *, knows_threads: bool) -> None:
        """A user makes a channel unread from a post on; of a reply, where threads are collapsed, the thread."""
        later = [each for each in talk.posts[post.place :] if not each.deleted]
        called = [each for each in later if talk.calls(each, user)]
        seat = talk.seats[user]
        seat.read, seat.mentions = max(0, talk.total - len(later)), len(called)
        if post.root is not None and knows_threads and self.people[user].collapsed:
            self.set_thread_unread(talk, user, post.root, post)
            return
        seat.read_roots = max(0, talk.total_roots - sum(each.root is None for each in later))
        seat.root_mentions = sum(each.root is None for each in called)

    def follow(self, talk: Talk, user: str, root: Message, following: bool) -> None:
        """A user follows a thread, from now on as read, or stops it."""
        followers = talk.threads.setdefault(root.id, {})
        known = followers.get(user)
        if known is None:
            followers[user] = Follower(following=following, seen=talk.end if following else -1)
        elif known.following != following:
            known.following, known.mentions = following, 0
            known.seen = talk.end if following else known.seen

    def read_thread(self, talk: Talk, user: str, root: Message, upto: int) -> None:
        """A user has read a thread up to a place."""
        follower = talk.threads[root.id][user]
        follower.seen = upto
        follower.mentions = sum(talk.calls(post, user) for post in talk.replies(root) if post.place > upto)

    def set_thread_unread(self, talk: Talk, user: str, root: Message, post: Message) -> None:
        """A user makes a thread unread from one of its posts on, and follows it."""
        followers = talk.threads.setdefault(root.id, {})
        if user not in followers or not followers[user].following:
            self.follow(talk, user, root, True)
        self.read_thread(talk, user, root, post.place - 1)

    def delete(self, talk: Talk, post: Message) -> None:
        """A post goes, a root with its thread. What the channel has counted stays counted."""
        if post.root is not None:
            for user, follower in talk.threads.get(post.root.id, {}).items():
                if talk.calls(post, user) and follower.seen < post.place and follower.mentions:
                    follower.mentions -= 1
        for each in (post, *(talk.replies(post) if post.root is None else ())):
            each.deleted = True

    def join(self, talk: Talk, user: str, *, by_other: bool) -> None:
        """A user comes in, which calls the user if somebody else did it; nothing is read yet."""
        talk.seats[user] = Seat(mentions=int(by_other), root_mentions=int(by_other))

    def followed(self, user: str, team: str) -> dict[str, tuple[int, int, int]]:
        """The live threads that a user follows in a team and in personal channels: replies, unread ones, mentions."""
        found: dict[str, tuple[int, int, int]] = {}
        for talk in self.talks.values():
            if user not in talk.seats or (talk.team != team and not talk.personal):
                continue
            for root in talk.posts:
                follower = talk.threads.get(root.id, {}).get(user)
                if root.deleted or follower is None or not follower.following or not self.has_thread(talk, root):
                    continue
                found[root.id] = (len(talk.replies(root)), talk.unread_replies(root, follower), follower.mentions)
        return found

    def has_thread(self, talk: Talk, root: Message) -> bool:
        """Whether a root ever had a reply."""
        return any(post.root is root for post in talk.posts)
