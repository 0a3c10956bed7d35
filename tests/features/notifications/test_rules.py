"""Who is told of a post, by which way and why: the rules as a table."""

from typing import Any

import pytest

from server.features.notifications.models import PostFacts, Reader
from server.features.notifications.rules import called_everyone, telling

ADA, BOB, CYD = "ada", "bob", "cyd"
DEFAULTS = {"email": "true", "push": "mention", "push_status": "online", "channel": "true", "comments": "never"}
THREADS = {"email_threads": "all", "push_threads": "all"}

MAIL, PUSH, BOTH, NONE = "mail", "push", "mail+push", ""
AT_BOB = frozenset({BOB})


def post(**changes: Any) -> PostFacts:
    """A post of Ada in a public channel."""
    return PostFacts(**{"author_id": ADA, "channel_type": "O", **changes})


def bob(props: dict[str, str] | None = None, here: dict[str, str] | None = None, **changes: Any) -> Reader:
    """Bob, who is offline and has changed nothing but this."""
    known = {**DEFAULTS, **THREADS, **(props or {})}
    return Reader(**{"user_id": BOB, "username": "bob", "props": known, "channel_props": here or {}, **changes})


def told(facts: PostFacts, reader: Reader) -> tuple[str, str]:
    """Why, and by which ways."""
    found = telling(facts, reader)
    return found.reason, "+".join(way for way, used in (("mail", found.email), ("push", found.push)) if used)


MENTION = post(mentions=AT_BOB)
PLAIN = post()
DIRECT = post(channel_type="D", mentions=AT_BOB)
GROUP = post(channel_type="G", mentions=frozenset({BOB, CYD}))
REPLY = post(root_id="root")
REPLY_TO_BOB = post(root_id="root", mentions=AT_BOB)
ALL = post(everyone="all")
HERE = post(everyone="here")

CASES = {
    # what a post is to its reader
    "nothing in particular": (PLAIN, bob(), ("all", NONE)),
    "mentioned": (MENTION, bob(), ("mention", BOTH)),
    "in a direct channel": (DIRECT, bob(), ("direct", BOTH)),
    "in a direct channel without being counted": (post(channel_type="D"), bob(), ("direct", BOTH)),
    "in a group": (GROUP, bob(), ("group", BOTH)),
    "in a group by name": (post(channel_type="G", message="hi @Bob", mentions=AT_BOB), bob(), ("mention", BOTH)),
    "everybody called": (ALL, bob(), ("everyone", BOTH)),
    "everybody called, but not Bob": (ALL, bob({"channel": "false"}), ("all", NONE)),
    "everybody called, ignored here": (ALL, bob({}, {"ignore_channel_mentions": "on"}), ("all", NONE)),
    "everybody called, ignored by muting": (ALL, bob({}, {"mark_unread": "mention"}), ("all", NONE)),
    "everybody called, heard though muted": (
        ALL,
        bob({}, {"mark_unread": "mention", "ignore_channel_mentions": "off"}),
        ("everyone", NONE),
    ),
    "@here while online": (HERE, bob(status="online"), ("everyone", PUSH)),
    "@here while away": (HERE, bob(status="away"), ("all", NONE)),
    "a reply to a thread of Bob": (REPLY_TO_BOB, bob({"comments": "any"}), ("comment", BOTH)),
    "a reply that names Bob": (
        post(root_id="root", mentions=AT_BOB, message="@bob!"),
        bob({"comments": "any"}),
        ("mention", BOTH),
    ),
    # who is never told
    "the author": (post(author_id=BOB), bob(), ("", NONE)),
    "the author in a direct channel": (post(author_id=BOB, channel_type="D"), bob(), ("", NONE)),
    "the author called by all": (post(author_id=BOB, everyone="all"), bob({"push": "all"}), ("", NONE)),
    "whose name a webhook lends": (post(author_id=BOB, mentions=AT_BOB), bob(), ("mention", BOTH)),
    "a bot": (MENTION, bob(is_bot=True), ("", NONE)),
    "joining": (post(type="system_join_channel", mentions=AT_BOB), bob({"push": "all"}), ("", NONE)),
    "being added": (post(type="system_add_to_channel", mentions=AT_BOB), bob(), ("", NONE)),
    "an automatic reply": (post(type="system_auto_responder", channel_type="D"), bob(), ("", NONE)),
    "an own kind of post": (post(type="custom_poll", mentions=AT_BOB), bob(), ("mention", BOTH)),
    # levels: everywhere
    "push of all": (PLAIN, bob({"push": "all"}), ("all", PUSH)),
    "push of nothing": (MENTION, bob({"push": "none"}), ("mention", MAIL)),
    "no mails": (MENTION, bob({"email": "false"}), ("mention", PUSH)),
    "nothing said about push": (MENTION, bob({"push": ""}), ("mention", BOTH)),
    # levels: of the channel
    "push of all here": (PLAIN, bob({}, {"push": "all"}), ("all", PUSH)),
    "push of all, but here mentions": (PLAIN, bob({"push": "all"}, {"push": "mention"}), ("all", NONE)),
    "push of nothing here": (MENTION, bob({"push": "all"}, {"push": "none"}), ("mention", MAIL)),
    "push of nothing, but here all": (PLAIN, bob({"push": "none"}, {"push": "all"}), ("all", PUSH)),
    "default here": (PLAIN, bob({"push": "all"}, {"push": "default"}), ("all", PUSH)),
    "no mails here": (MENTION, bob({}, {"email": "false"}), ("mention", PUSH)),
    "no mails here, another word": (MENTION, bob({}, {"email": "none"}), ("mention", PUSH)),
    "mails only here": (MENTION, bob({"email": "false"}, {"email": "true"}), ("mention", BOTH)),
    "muted": (MENTION, bob({"push": "all"}, {"mark_unread": "mention"}), ("mention", NONE)),
    "muted direct channel": (DIRECT, bob({}, {"mark_unread": "mention"}), ("direct", NONE)),
    "a group, mentions only, said here": (GROUP, bob({}, {"push": "mention"}), ("group", MAIL)),
    "a group, nothing": (GROUP, bob({"push": "none"}), ("group", MAIL)),
    # status
    "online": (MENTION, bob(status="online"), ("mention", PUSH)),
    "online and looking at it": (MENTION, bob(status="online", viewing=True), ("mention", NONE)),
    "away": (MENTION, bob(status="away"), ("mention", BOTH)),
    "away and looked at it before": (MENTION, bob(status="away", viewing=True), ("mention", BOTH)),
    "do not disturb": (MENTION, bob(status="dnd"), ("mention", NONE)),
    "out of office": (DIRECT, bob(status="ooo"), ("direct", NONE)),
    "push when away, online": (MENTION, bob({"push_status": "away"}, status="online"), ("mention", NONE)),
    "push when away, away": (MENTION, bob({"push_status": "away"}, status="away"), ("mention", BOTH)),
    "push when away, offline": (MENTION, bob({"push_status": "away"}), ("mention", BOTH)),
    "push when offline, away": (MENTION, bob({"push_status": "offline"}, status="away"), ("mention", MAIL)),
    "push when offline, offline": (MENTION, bob({"push_status": "offline"}), ("mention", BOTH)),
    # collapsed threads
    "a followed thread": (REPLY, bob(collapsed=True, following=True), ("thread", BOTH)),
    "a thread of others": (REPLY, bob({"push": "all"}, collapsed=True), ("", NONE)),
    "a thread of others, not collapsed": (REPLY, bob({"push": "all"}, following=True), ("all", PUSH)),
    "threads only by mention": (
        REPLY,
        bob({"push_threads": "mention", "email_threads": "mention"}, collapsed=True, following=True),
        ("thread", NONE),
    ),
    "threads only by mention, mentioned": (
        REPLY_TO_BOB,
        bob({"push_threads": "mention", "email_threads": "mention"}, collapsed=True, following=True),
        ("mention", BOTH),
    ),
    "threads by mention, but push of all": (
        REPLY,
        bob({"push_threads": "mention", "push": "all"}, collapsed=True, following=True),
        ("thread", BOTH),
    ),
    "threads by mention here": (
        REPLY,
        bob({}, {"push_threads": "mention"}, collapsed=True, following=True),
        ("thread", MAIL),
    ),
    "threads, push of nothing": (REPLY, bob({"push": "none"}, collapsed=True, following=True), ("thread", MAIL)),
    "threads, no mails": (REPLY, bob({"email": "false"}, collapsed=True, following=True), ("thread", PUSH)),
    "a thread while looking at the channel": (
        REPLY,
        bob(status="online", viewing=True, collapsed=True, following=True),
        ("thread", PUSH),
    ),
    "a reply in a direct channel": (
        post(channel_type="D", root_id="root", mentions=AT_BOB),
        bob(collapsed=True),
        ("direct", BOTH),
    ),
    # a test
    "a test in any case": (
        post(channel_type="D", forced=True),
        bob({"push": "none"}, {"mark_unread": "mention"}, status="dnd"),
        ("direct", PUSH),
    ),
}


@pytest.mark.parametrize(("facts", "reader", "expected"), CASES.values(), ids=CASES.keys())
def test_the_rules(facts: PostFacts, reader: Reader, expected: tuple[str, str]) -> None:
    assert told(facts, reader) == expected


@pytest.mark.parametrize(
    ("message", "mentions", "expected"),
    [
        ("@here now", ["*"], "here"),
        ("@HERE now", ["*"], "here"),
        ("@channel now", ["*"], "all"),
        ("@here and @all", ["*"], "all"),
        ("@channel by who may not", [BOB], ""),
        ("`@here` @channel", ["*"], "all"),
    ],
)
def test_whom_a_word_for_everybody_calls(message: str, mentions: list[str], expected: str) -> None:
    assert called_everyone(message, {}, mentions) == expected


def test_attachments_call_everybody_too() -> None:
    assert called_everyone("", {"attachments": [{"text": "@here, a build broke"}]}, ["*"]) == "here"
