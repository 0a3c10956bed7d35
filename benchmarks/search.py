"""How long searches take: python -m benchmarks.search [--posts 1000000] [--database DSN --redis URL] [--rounds 40]

Fills a database of its own by `hubbub seed`, or uses one that was filled so, starts a node on it, and asks each kind of
search many times over REST, as different users and with different words. Prints the times that clients saw.
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from server.cli.seed_words import Texts
from server.engines.directory import DataDirectory
from server.engines.postgres import Postgres
from server.engines.redis import Redis

PASSWORD = "Seed-Passw0rd!"  # noqa: S105 - of made-up accounts
USERS = 12

Ask = Callable[[], str]


def kinds(chance: random.Random, names: list[str], channels: list[str]) -> dict[str, Ask]:
    """The kinds of searches, each giving another one with every call."""
    words = list(Texts(chance).vocabulary)

    def common() -> str:
        return chance.choice(words[:20])

    def usual() -> str:
        return chance.choice(words[60:160])

    def rare() -> str:
        return chance.choice(words[8_000:])

    def day(before: int) -> str:
        return (dt.datetime.now(dt.UTC) - dt.timedelta(days=before)).strftime("%Y-%m-%d")

    return {
        "common word": common,
        "usual word": usual,
        "rare word": rare,
        "word that nobody wrote": lambda: f"xq{chance.randrange(10**9)}",
        "two common words": lambda: f"{common()} {common()}",
        "common and rare word": lambda: f"{common()} {rare()}",
        "five words": lambda: " ".join(usual() for _ in range(5)),
        "phrase of common words": lambda: f'"{common()} {common()}"',
        "phrase of usual words": lambda: f'"{usual()} {usual()}"',
        "beginning of 2 letters": lambda: f"{rare()[:2]}*",
        "beginning of 4 letters": lambda: f"{rare()[:4]}*",
        "from:": lambda: f"from:{chance.choice(names)}",
        "from: and a word": lambda: f"from:{chance.choice(names)} {usual()}",
        "in: and a word": lambda: f"in:{chance.choice(channels)} {usual()}",
        "day": lambda: f"on:{day(chance.randrange(5, 350))}",
        "days and a word": lambda: f"after:{day(chance.randrange(100, 350))} before:{day(90)} {usual()}",
        "Chinese and Japanese": lambda: chance.choice(("日本", "会議", "数据库", "问题", "ありがとう", "語", "서버")),
        "word without another": lambda: f"{usual()} -{common()}",
        "only without": lambda: f"-{common()} -{usual()}",
        "hashtag": lambda: chance.choice(("#release", "#incident", "#friday-fun", "#ops")),
        "ticket": lambda: f"TICKET-{chance.randrange(100_000)}",
    }


@contextlib.contextmanager
def database(options: argparse.Namespace) -> Iterator[dict[str, str]]:
    """The settings of a node on a filled database."""
    if options.database:
        yield {"MM_SQLSETTINGS_DATASOURCE": options.database, "MM_CACHESETTINGS_REDISADDRESS": options.redis}
        return
    with (
        tempfile.TemporaryDirectory(prefix="hubbub-benchmark-") as folder,
        DataDirectory(Path(folder)) as directory,
        Postgres(directory) as postgres,
        Redis(directory) as redis,
    ):
        settings = {"MM_SQLSETTINGS_DATASOURCE": postgres.dsn(), "MM_CACHESETTINGS_REDISADDRESS": redis.url}
        size = ("--posts", str(options.posts), "--users", str(options.users), "--channels", str(options.channels))
        for command in (("migrate",), ("seed", *size)):
            subprocess.run([sys.executable, "-m", "server", *command], env={**os.environ, **settings}, check=True)
        yield settings


@contextlib.contextmanager
def node(settings: dict[str, str]) -> Iterator[str]:
    """A node; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="hubbub-benchmark-files-") as files:
        environ = {
            **os.environ,
            **settings,
            "MM_SERVICESETTINGS_LISTENADDRESS": f"127.0.0.1:{port}",
            "MM_FILESETTINGS_DIRECTORY": files,
            "MM_RATELIMITSETTINGS_ENABLE": "false",
        }
        command = [sys.executable, "-m", "server", "serve"]
        process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield f"http://127.0.0.1:{port}/api/v4"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


async def people(client: httpx.AsyncClient, chance: random.Random) -> list[tuple[str, dict[str, Ask]]]:
    """Some users: their tokens with what they search for."""
    names = [f"user{number}" for number in range(1, 200)]
    signed_in = []
    for number in range(2, 2 + USERS):
        login = {"login_id": f"user{number}", "password": PASSWORD}
        reply = await client.post("/users/login", json=login)
        reply.raise_for_status()
        client.cookies.clear()
        headers = {"authorization": f"Bearer {reply.headers['token']}"}
        channels = (await client.get("/users/me/channels", headers=headers)).json()
        own = [each["name"] for each in channels if each["type"] in "OP"]
        signed_in.append((reply.headers["token"], kinds(chance, names, own)))
    return signed_in


async def measure(url: str, rounds: int) -> None:
    """Ask and print."""
    chance = random.Random(7)  # noqa: S311
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        for _ in range(300):
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get("/system/ping")).status_code == 200:
                    break
            await asyncio.sleep(0.1)
        else:
            raise SystemExit("the node does not start")
        signed_in = await people(client, chance)
        print(f"{'':26}{'p50':>8}{'p90':>8}{'p99':>8}{'max':>8} ms {'hits':>8}")
        every: list[float] = []
        for title in signed_in[0][1]:
            times, hits = [], []
            for turn in range(rounds):
                token, asks = signed_in[turn % len(signed_in)]
                body = {"terms": asks[title](), "is_or_search": False}
                started = time.perf_counter()
                reply = await client.post("/posts/search", json=body, headers={"authorization": f"Bearer {token}"})
                times.append((time.perf_counter() - started) * 1000)
                if reply.status_code != 200:
                    raise SystemExit(f"{body['terms']}: {reply.status_code} {reply.text[:200]}")
                hits.append(len(reply.json()["order"]))
            every += times
            print(line(title, times) + f"{statistics.mean(hits):>8.1f}", flush=True)
        print(line("all", every))


def line(title: str, times: list[float]) -> str:
    """A line of the table."""
    times = sorted(times)
    shown = [times[min(len(times) - 1, int(len(times) * part))] for part in (0.5, 0.9, 0.99)]
    return f"{title:26}" + "".join(f"{each:>8.1f}" for each in (*shown, times[-1])) + "    "


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--channels", type=int, default=4000)
    parser.add_argument("--database", default="")
    parser.add_argument("--redis", default="")
    parser.add_argument("--rounds", type=int, default=48)
    options = parser.parse_args()
    with database(options) as settings, node(settings) as url:
        asyncio.run(measure(url, options.rounds))


if __name__ == "__main__":
    main()
