"""An archive that is not just as it was written is refused whole, whatever happened to it, and nothing is written."""

import gzip
import io
import random
import tarfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from server.backup import archive
from server.backup.archive import BackupError, DamagedArchive, Manifest
from server.backup.checking import check
from server.backup.restoring import restore_backup
from server.backup.tar import BLOCK, Reader
from server.config import read_environment
from tests.backup.commands import Place, hubbub
from tests.backup.small import Members, backed_up, furnish, members_of, sealed, with_table, written
from tests.engines import Databases


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def whole(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a sound archive."""
    folder = tmp_path_factory.mktemp("sound")
    place = Place(databases.fresh(), "redis://127.0.0.1:1", folder / "files")
    await furnish(place)
    await backed_up(place, folder / "sound.hubbub")
    databases.drop(place.dsn)
    return (folder / "sound.hubbub").read_bytes()


@pytest.fixture
def members(whole: bytes) -> Members:
    """Its members."""
    return members_of(whole)


def refusal(content: bytes) -> str:
    """Why an archive is refused as damaged."""
    with pytest.raises(DamagedArchive) as refused:
        check(io.BytesIO(content))
    return str(refused.value)


def test_a_sound_archive_is_read(whole: bytes, members: Members) -> None:
    contents = check(io.BytesIO(whole))

    assert contents.manifest.files.count == 4
    assert contents.settings.value == {"TeamSettings": {"SiteName": "Attic"}}
    assert {part.name: part.rows for part in contents.manifest.tables}["users"] == 3
    assert sealed(members) == whole


def test_usual_tools_read_it(whole: bytes, members: Members) -> None:
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        assert tar.getnames() == [name for name, _ in members]
        assert {member.mode for member in tar.getmembers()} == {0o600}


def test_a_flipped_bit_is_seen_wherever_it_is(whole: bytes) -> None:
    chance = random.Random(4)
    places = list(range(len(whole) - 4 * BLOCK, len(whole), 37))
    for member in Reader(io.BytesIO(whole)).members():
        begin, end = member.offset - BLOCK, member.offset + member.size
        places += chance.sample(range(begin, member.offset), 6)
        places += chance.sample(range(member.offset, end), min(6, member.size))
        places += chance.sample(range(end, end + -member.size % BLOCK), min(2, -member.size % BLOCK))
    file = bytearray(whole)
    for place in places:
        bit = 1 << chance.randrange(8)
        file[place] ^= bit
        with pytest.raises(BackupError):
            check(io.BytesIO(file))
        file[place] ^= bit
    assert len(places) > 500
    assert bytes(file) == whole


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_other_bytes_are_taken_for_an_archive(whole: bytes, data: st.DataObject) -> None:
    """Pieces of the archive replaced, left out, put in, swapped or repeated."""
    begin = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(begin, min(len(whole), begin + 4096)))
    other = data.draw(st.one_of(st.binary(max_size=64), st.just(whole[end : end + 1024]), st.just(bytes(512))))
    changed = whole[:begin] + other + whole[end:]
    if changed != whole:
        with pytest.raises(BackupError):
            check(io.BytesIO(changed))


def test_one_that_was_cut_off_is_refused(whole: bytes) -> None:
    borders = [member.offset + shift for member in Reader(io.BytesIO(whole)).members() for shift in (-BLOCK, 0, 1)]
    for end in (*borders, len(whole) - 1, len(whole) - BLOCK, 0):
        refusal(whole[:end])
    refusal(whole + b"\0")
    refusal(whole + whole)


def without(name: str) -> Callable[[Members], bytes]:
    """Without one member."""
    return lambda members: sealed([member for member in members if member[0] != name])


def inserted(after: str, *new: tuple[str, bytes]) -> Callable[[Members], bytes]:
    """With members behind one, and the number of files in the manifest corrected."""

    def made(members: Members) -> bytes:
        place = next(number for number, member in enumerate(members) if member[0].startswith(after)) + 1
        return sealed([*members[:place], *new, *members[place:]], with_files(members, *new))

    return made


def with_files(members: Members, *new: tuple[str, bytes]) -> Callable[[Manifest], Manifest]:
    """Counts the files anew."""
    stored = [content for name, content in (*members, *new) if name.startswith(archive.STORE)]

    def change(manifest: Manifest) -> Manifest:
        files = msgspec.structs.replace(manifest.files, count=len(stored), bytes=sum(map(len, stored)))
        return msgspec.structs.replace(manifest, files=files)

    return change


def swapped(first: str, second: str) -> Callable[[Members], bytes]:
    """With two members in each other's places."""

    def made(members: Members) -> bytes:
        places = [next(n for n, member in enumerate(members) if member[0].startswith(name)) for name in (first, second)]
        moved = list(members)
        moved[places[0]], moved[places[1]] = members[places[1]], members[places[0]]
        return sealed(moved)

    return made


def manifest(**fields: Any) -> Callable[[Members], bytes]:
    """With another manifest, whose checksum is right."""
    return lambda members: sealed(members, lambda before: msgspec.structs.replace(before, **fields))


def settings_as(content: bytes) -> Callable[[Members], bytes]:
    """With other settings."""
    return lambda members: sealed([(name, content if name == archive.CONFIGURATION else old) for name, old in members])


def packed(change: Callable[[bytes], bytes]) -> Callable[[Members], bytes]:
    """With the packed users changed."""
    name = archive.table_member("users")
    return lambda members: sealed([(each, change(old) if each == name else old) for each, old in members])


MADE: dict[str, Callable[[Members], bytes]] = {
    "no manifest": lambda members: written(members[:-2], 0),
    "no checksum of it": lambda members: written(members[:-1], 0),
    "no checksums": lambda members: written([m for m in members if m[0] != archive.SUMS], 0),
    "no settings": without(archive.CONFIGURATION),
    "no users": without(archive.table_member("users")),
    "no version": without(archive.VERSION),
    "nothing": lambda members: written([], 0),
    "something else": inserted("VERSION", ("notes.txt", b"hello")),
    "a path upwards": inserted("store/users", ("store/users/../../x", b"x")),
    "a path from the root": inserted("store/users", ("store//etc/passwd", b"x")),
    "a path with a dot": inserted("store/users", ("store/users/./x", b"x")),
    "a hidden file": inserted("store/users", ("store/users/.x", b"x")),
    "a file twice": lambda members: inserted("store/users", next(m for m in members if m[0].startswith("store/users")))(
        members
    ),
    "files in another order": swapped("store/files", "store/users"),
    "a table twice": lambda members: inserted(
        "tables/users", next(m for m in members if m[0].startswith("tables/users"))
    )(members),
    "another table": inserted("tables/users", ("tables/secrets.tsv.gz", gzip.compress(b""))),
    "a table with a path": inserted("tables/users", ("tables/../users.tsv.gz", gzip.compress(b""))),
    "tables in another order": swapped("tables/users", "tables/teams"),
    "settings before tables": swapped("tables/users", "configuration"),
    "settings twice": inserted("configuration", ("configuration.json", b"{}")),
    "settings that are a list": settings_as(b"[]"),
    "settings that are no JSON": settings_as(b'{"id": "'),
    "another format": manifest(format=2),
    "another time": lambda members: written(members, 5),
    "other rows": manifest(tables=[]),
    "a table that is not packed": packed(lambda _: b"user\n"),
    "a table with something behind it": packed(lambda old: old + b"more"),
    "a table in two": packed(lambda old: old + gzip.compress(b"")),
    "a table that is cut off": packed(lambda old: old[:-1]),
    "rows that the manifest does not know": packed(lambda _: gzip.compress(b"one\n")),
}


@pytest.mark.parametrize("name", MADE)
def test_what_breaks_the_rules_is_refused_with_right_checksums_too(members: Members, name: str) -> None:
    assert refusal(MADE[name](members))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.XHDTYPE])
def test_no_links_folders_or_devices(whole: bytes, kind: bytes) -> None:
    info = tarfile.TarInfo("store/files/link")
    info.type, info.linkname, info.mtime = kind, "/etc/passwd", int(time.time())
    block = info.tobuf(tarfile.GNU_FORMAT)
    (place,) = [member.offset - BLOCK for member in Reader(io.BytesIO(whole)).members() if member.name == archive.SUMS]

    assert "header" in refusal(whole[:place] + block + whole[place:])


def test_a_member_that_claims_to_be_huge_is_refused_at_once(whole: bytes) -> None:
    info = tarfile.TarInfo(archive.VERSION)
    info.size, info.mode = 1 << 40, 0o600

    assert "cut off" in refusal(info.tobuf(tarfile.GNU_FORMAT) + whole[BLOCK:])


def test_a_little_that_unpacks_to_very_much_takes_no_memory(members: Members) -> None:
    bomb = gzip.compress(bytes(1 << 28))
    assert len(bomb) < 1 << 19
    content = packed(lambda _: bomb)(members)
    tracemalloc.start()
    try:
        refusal(content)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_one_of_another_format_is_told_apart_from_a_damaged_one(members: Members) -> None:
    newer = sealed([(name, b"hubbub backup 2\n" if name == archive.VERSION else old) for name, old in members])

    with pytest.raises(BackupError, match="has format 2, and this version of Hubbub reads 1") as refused:
        check(io.BytesIO(newer))
    assert not isinstance(refused.value, DamagedArchive)


async def untouched(place: Place) -> bool:
    """Whether there is nothing in a database and a store."""
    connection = await asyncpg.connect(place.dsn)
    tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return tables == 0 and not any(place.files.glob("**/*.*"))


UNFIT: dict[str, tuple[Callable[[Members], bytes], str]] = {
    "a newer schema": (manifest(schema=9999), "restore it with a newer one"),
    "no schema": (manifest(schema=0), "restore it with a newer one"),
    "other columns": (
        lambda members: sealed(
            members,
            lambda m: msgspec.structs.replace(
                m, tables=[msgspec.structs.replace(part, columns=[("id", "text")]) for part in m.tables]
            ),
        ),
        "tables or columns of the backup are not those of schema",
    ),
    "rows that refer to nothing": (
        lambda members: with_table(members, "credentials", b"nobody\tx\ty\tz\t0\n"),
        "violates foreign key",
    ),
    "rows that make no sense": (lambda members: with_table(members, "credentials", b"nobody\n"), "missing data"),
    "rows that end early": (
        lambda members: with_table(members, "jobs", b"\\.\n"),
        "were written, and the manifest says",
    ),
}


@pytest.mark.parametrize("name", UNFIT)
async def test_what_can_t_be_restored_leaves_nothing(
    target: Place, members: Members, tmp_path: Path, name: str
) -> None:
    make, why = UNFIT[name]
    path = tmp_path / "unfit"
    path.write_bytes(make(members))

    with pytest.raises((BackupError, asyncpg.PostgresError), match=why):
        await restore_backup(read_environment(target.environ), path)

    assert await untouched(target)


async def test_the_command_refuses_a_damaged_archive(target: Place, whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(whole[:5000] + b"!" + whole[5001:])

    for option in ("--check", "--replace"):
        ended = await hubbub("restore", option, path, environ=target.environ)
        assert ended.code == 3
        assert ended.said.startswith("hubbub: the archive is damaged, ")
    assert await untouched(target)
