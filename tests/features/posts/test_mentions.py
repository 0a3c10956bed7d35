"""Who a text calls: the pure part, with texts that nobody would write."""

import time
from timeit import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.features.posts.hashtags import hashtags_in
from server.features.posts.markdown import prose
from server.features.posts.mentions import MAX_NAMES, Calls, Keywords, attachment_texts, find_calls, keywords_of

NOTHING = Keywords()
WORDS = keywords_of(
    [("deploy", "ada"), ("Coffee", "bob"), ("会議", "cho"), ("c++", "dan"), ("@boss", "eve")], [("Ann", "ann")]
)


def called(text: str, *names: str) -> set[str]:
    """Which of these names the text calls."""
    return {
        next(variant for variant in group if variant in names)
        for group in find_calls([text], NOTHING).names
        if any(variant in names for variant in group)
    }


@pytest.mark.parametrize(
    "text",
    [
        "@bob",
        "hi @bob!",
        "@BOB",
        "@bob.",
        "@bob...",
        "@bob:",
        "@bob, @all the rest",
        "(@bob)",
        "**@bob**",
        "_@bob_",
        "~~@bob~~",
        "> quoted @bob",
        "# heading @bob",
        "[@bob](http://example.org/@carol)",
        "![@bob](x.png)",
        "line\n@bob",
        "hello.@bob",
        "-@bob",
        "@bob-",
        "\\`@bob\\`",
        "`code` @bob",
        "say ``` @bob",
        "a ` b @bob",
        "```\ncode\n```\n@bob",
        "paragraph\n    @bob",
        "日本語 @bob さん",
        "@bob's",
    ],
)
def test_a_name_is_called(text: str) -> None:
    assert called(text, "bob") == {"bob"}


@pytest.mark.parametrize(
    "text",
    [
        "bob",
        "@bobby",
        "mail@bob",
        "`@bob`",
        "``@bob ` @bob``",
        "```\n@bob\n```",
        "~~~\n@bob\n~~~",
        "```python\n@bob",
        "````\n```\n@bob\n````",
        "text\n\n    @bob",
        "\t@bob",
        "[link](http://example.org/@bob)",
        "[link](@bob)",
        "http://example.org/@bob",
        "<https://example.org/@bob>",
        "[ref]: http://example.org/@bob",
        ":@bob:",
        "@b.ob",
        "@ bob",
        "",
    ],
)
def test_a_name_is_not_called(text: str) -> None:
    assert called(text, "bob") == set()


def test_names_with_marks_win_over_shorter_ones() -> None:
    assert called("@ann.lee.", "ann", "ann.lee") == {"ann.lee"}
    assert called("@ann.", "ann", "ann.lee") == {"ann"}
    assert called("@x_", "x_") == {"x_"}


@pytest.mark.parametrize(("text", "flags"), [
    ("@channel", (False, True, False)),
    ("@all!", (True, False, False)),
    ("@here.", (False, False, True)),
    ("@CHANNEL", (False, True, False)),
    ("@All @here", (True, False, True)),
    ("channel all here", (False, False, False)),
    ("`@channel`", (False, False, False)),
    ("@channels", (False, False, False)),
])  # fmt: skip
def test_words_for_everyone(text: str, flags: tuple[bool, bool, bool]) -> None:
    calls = find_calls([text], NOTHING)

    assert (calls.all, calls.channel, calls.here) == flags


@pytest.mark.parametrize(("text", "users"), [
    ("deploy", {"ada"}),
    ("DEPLOY now", {"ada"}),
    ("deploy.", {"ada"}),
    ("deploy:now", {"ada"}),
    ("redeploy", set()),
    ("coffee?", {"bob"}),
    (":coffee:", set()),
    ("今日は会議です", {"cho"}),
    ("Ann", {"ann"}),
    ("ann", set()),
    ("hi,Ann.", {"ann"}),
    ("@Boss", {"eve"}),
    ("`deploy`", set()),
    ("http://example.org/deploy", set()),
    ("deploy coffee Ann", {"ada", "bob", "ann"}),
])  # fmt: skip
def test_keywords(text: str, users: set[str]) -> None:
    assert find_calls([text], WORDS).users == users


def test_texts_of_attachments_count_and_nothing_else_of_them() -> None:
    attachments = [{"pretext": "@bob", "text": "@carol", "title": "@dave", "footer": None}, None, 7]

    assert attachment_texts(attachments) == ["@bob", "@carol"]
    assert attachment_texts({"text": "@bob"}) == []


def calls_of(text: str) -> Calls:
    """What is found with some keywords."""
    return find_calls([text], WORDS)


@given(st.text(max_size=400))
def test_any_text_can_be_read(text: str) -> None:
    calls = calls_of(text)

    assert all(len(name) <= 64 and name == name.lower() for group in calls.names for name in group)
    assert len(prose(text)) <= len(text) + 1 or "http" in text.lower() or "mailto" in text.lower() or "ftp" in text


@given(st.text(alphabet="ab @`~*[]()\n\\.-_:#<>h\t", max_size=200))
def test_what_is_in_code_is_never_called(text: str) -> None:
    code = text.replace("`", "'")

    assert called(f"x `{code.replace(chr(10), ' ')} @bob ` y", "bob") == set()
    assert called(f"```\n{code}\n@bob\n```", "bob") == set()


@given(st.text(alphabet="ab .,!?\n*_", max_size=60), st.text(alphabet=" ,;!?()*", min_size=1, max_size=3))
def test_a_name_among_prose_is_always_called(before: str, mark: str) -> None:
    text = f"{before.replace('    ', ' ')} @bob{mark}"

    assert called(text.lstrip(), "bob") == {"bob"}


@given(st.lists(st.from_regex(r"[a-z][a-z0-9._-]{0,20}[a-z0-9]", fullmatch=True), max_size=8))
def test_every_legal_name_can_be_called(names: list[str]) -> None:
    assert called(" ".join(f"@{name}," for name in names), *names) == set(names) - {"all", "channel", "here"}


@pytest.mark.parametrize("piece", [
    "*", "`", "``", "`a", "~", "~~~\n", "```\n", "[", "](",
    "](a", "[a](", "(", "_", "@", "@a", "@a ", "@.", ".", ":",
    "a.", "@a.b-", "-", "\\", "\\`", "<", "http://", "#", "#a", "# ", "\n", "    ", "\t", " \n", "[a]: ", "会",
    "@会議 ", "deploy.", "é", "a`b``c```", "[x](y\n", "@" + "a" * 70 + " ", "@" + "." * 60 + " ",
])  # fmt: skip
def test_hostile_texts_take_no_longer_than_others(piece: str) -> None:
    keys = keywords_of([(f"key{number}" * 20, "ada") for number in range(500)] + [("会" * 30, "bob")] * 50, [])
    text = (piece * 16_383)[:16_383]

    took = timeit(lambda: (find_calls([text], keys), hashtags_in(text, 3)), timer=time.thread_time, number=1)

    assert took < 0.25, f"{took:.3f} s"
    assert len(find_calls([text], keys).names) <= MAX_NAMES


@pytest.mark.parametrize(("message", "tags"), [
    ("#one", "#one"),
    ("say #one, #two!", "#one #two"),
    ("#one #one", "#one"),
    ("#ab", ""),
    ("#123", ""),
    ("#1st", ""),
    ("#v1.2-rc_3.", "#v1.2-rc_3"),
    ("(#one)", "#one"),
    ("a#one", ""),
    ("#größe #日本語", "#größe #日本語"),
    ("##one", ""),
    ("no tags", ""),
    ("#", ""),
])  # fmt: skip
def test_hashtags(message: str, tags: str) -> None:
    assert hashtags_in(message, 3) == tags


@given(st.text(max_size=300))
def test_hashtags_of_any_text(text: str) -> None:
    tags = hashtags_in(text, 3)

    assert all(tag[0] == "#" and tag[1].isalpha() and tag[-1].isalnum() for tag in tags.split())


def test_hashtags_end_somewhere() -> None:
    assert len(hashtags_in(" ".join(f"#tag{number}" for number in range(3000)), 3)) <= 1000
