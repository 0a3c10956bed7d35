"""Sealed texts: who can open them, where, and what of them can be told from outside."""

import pytest

from server.sealing import MARK, Seals, Unreadable

OLD, NEW = "old " * 10, "new " * 10
OLD_KEY, NEW_KEY = OLD.replace(" ", "-"), NEW.replace(" ", "-")


def test_a_sealed_text_is_opened_where_it_stands_and_nowhere_else() -> None:
    seals = Seals(OLD_KEY)
    stored = seals.seal("secret", "table.column:1")

    assert stored.startswith(MARK)
    assert "secret" not in stored
    assert Seals(OLD_KEY).open(stored, "table.column:1") == "secret"
    for place in ("table.column:2", "table.other:1"):
        with pytest.raises(Unreadable):
            seals.open(stored, place)


@pytest.mark.parametrize("keys", ["", NEW_KEY])
def test_without_the_key_nothing_is_opened(keys: str) -> None:
    stored = Seals(OLD_KEY).seal("secret", "t.c:1")

    with pytest.raises(Unreadable) as caught:
        Seals(keys).open(stored, "t.c:1")

    assert caught.value.status == 503
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("broken", ["", "sealed:", "sealed:r", "sealed:r:{id}:", "sealed:r:{id}:%%%", "sealed:x:{id}:"])
def test_what_is_broken_is_not_opened(broken: str) -> None:
    seals = Seals(OLD_KEY)
    stored = seals.seal("secret", "t.c:1")
    key_id = stored.split(":")[2]
    changed = f"{stored[:-6]}{'AAAA' if stored[-6:-2] != 'AAAA' else 'BBBB'}{stored[-2:]}"

    for text in (changed, stored[:-8], broken.format(id=key_id)):
        if text:
            with pytest.raises(Unreadable):
                seals.open(text, "t.c:1")


def test_the_same_secret_looks_different_each_time_unless_it_is_looked_up_by() -> None:
    seals = Seals(OLD_KEY)

    assert seals.seal("secret", "t.c:1") != seals.seal("secret", "t.c:1")
    assert seals.lasting("secret", "t.c:") == seals.lasting("secret", "t.c:")
    assert seals.lasting("secret", "t.c:") != seals.lasting("secret", "t.d:")
    assert seals.open(seals.lasting("secret", "t.c:"), "t.c:") == "secret"


def test_of_several_keys_the_first_seals_and_all_open() -> None:
    old, both, new = Seals(OLD_KEY), Seals(f"{NEW_KEY}, {OLD_KEY}"), Seals(NEW_KEY)

    assert both.open(old.seal("secret", "t.c:1"), "t.c:1") == "secret"
    assert new.open(both.seal("secret", "t.c:1"), "t.c:1") == "secret"
    assert both.forms("secret", "t.c:") == ["secret", new.lasting("secret", "t.c:"), old.lasting("secret", "t.c:")]


def test_what_stands_in_the_database_is_no_way_in() -> None:
    seals = Seals(OLD_KEY)

    assert seals.forms(seals.lasting("secret", "t.c:"), "t.c:") == []


def test_without_keys_everything_stands_as_it_is() -> None:
    seals = Seals()

    assert seals.seal("secret", "t.c:1") == seals.lasting("secret", "t.c:1") == "secret"
    assert seals.open("secret", "t.c:1") == "secret"
    assert seals.forms("secret", "t.c:") == ["secret"]
    assert Seals(OLD_KEY).seal("", "t.c:1") == ""
