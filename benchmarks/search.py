"""How long searches take: python -m benchmarks.search [--posts 1000000] [--rounds 48]

Fills a database of its own by `hubbub seed`, starts a node on it, and asks each kind of search many times over REST, as
different users and with different words. Prints the times that clients saw.
"""

import argparse
import datetime as dt
import random
import statistics
import time
from collections.abc import Callable

from benchmarks.command import command, run
from benchmarks.growth_world import readers, settle
from benchmarks.rest import Connection
from benchmarks.service import Service
from server.cli.seed_words import Texts

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


async def people(service: Service, chance: random.Random) -> list[tuple[str, dict[str, Ask]]]:
    """Some users: their tokens with what they search for."""
    names = [f"user{number}" for number in range(1, 200)]
    asking = []
    connection = Connection(service.url)
    for reader in (await readers(service.url, service.dsn))[:USERS]:
        token = reader.person.token
        channels = (await connection.call("GET", "/users/me/channels", token)).json
        own = [each["name"] for each in channels if each["type"] in "OP"]
        asking.append((token, kinds(chance, names, own)))
    connection.close()
    return asking


async def measure(options: argparse.Namespace) -> None:
    """Fill, ask, print."""
    chance = random.Random(7)  # noqa: S311
    size = ("--posts", str(options.posts), "--users", str(options.users), "--channels", str(options.channels))
    async with Service.start(prepare=[("seed", *size)]) as service:
        await settle(service.dsn)
        service.pin()
        asking = await people(service, chance)
        connection = Connection(service.url)
        print(f"{'':26}{'p50':>8}{'p90':>8}{'p99':>8}{'max':>8} ms {'hits':>8}")
        every: list[float] = []
        for title in asking[0][1]:
            times, hits = [], []
            for turn in range(options.rounds):
                token, asks = asking[turn % len(asking)]
                body = {"terms": asks[title](), "is_or_search": False}
                started = time.perf_counter()
                answer = await connection.call("POST", "/posts/search", token, body)
                times.append((time.perf_counter() - started) * 1000)
                hits.append(len(answer.json["order"]))
            every += times
            print(line(title, times) + f"{statistics.mean(hits):>8.1f}", flush=True)
        print(line("all", every))
        connection.close()


def line(title: str, times: list[float]) -> str:
    """A line of the table."""
    times = sorted(times)
    shown = [times[min(len(times) - 1, int(len(times) * part))] for part in (0.5, 0.9, 0.99)]
    return f"{title:26}" + "".join(f"{each:>8.1f}" for each in (*shown, times[-1])) + "    "


def main() -> None:
    """Run the benchmark."""
    parser = command(__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--channels", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=48)
    run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
