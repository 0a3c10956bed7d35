"""The course of a soak: warm up, do everything for a time, let all go, and judge what was measured meanwhile."""

import asyncio
import contextlib
import os
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import psutil
from msgspec import Struct

from server.storage.texts import AT_ONCE as TEXTS_AT_ONCE
from tests.chaos.people import Stage
from tests.chaos.talk import Outcome, Talk
from tests.soak.actions import ACTIONS
from tests.soak.crowd import Crowd
from tests.soak.flatness import Bounds, Point, judged, judged_latency, percentile, percentiles
from tests.soak.report import Report, Row
from tests.soak.sampling import SETTINGS, TABLES, TOTAL, Sample, Sampler

GONE_SECONDS = 30.0
"""Within this time after the last client has gone, a node is as it was before the first one."""
WARNING = re.compile(r'"event": ?"([^"]*)", "level": ?"warning"|^WARNING (.*)')
EXPECTED = ("uvicorn.error Invalid HTTP request received.",)
ERROR = re.compile(r'"level": ?"(error|critical)"|\[(error|critical) *\]|^(ERROR|CRITICAL)|Traceback')
SKIPPED = 0.1
"""The share of actions that may be left out: more means that the nodes don't keep up."""


class Plan(Struct, frozen=True, kw_only=True):
    """How long, and how much of everything."""

    seconds: float
    warm: float
    """Seconds before that, which are not judged."""
    chapter: float
    """Seconds after which all posters and listeners are others."""
    rate: float
    """Things that are begun every second, besides posts; most are several requests."""
    pace: float
    """Seconds between two posts of each of twelve posters."""
    breaks: float
    """Seconds between two connections of listeners that break."""
    every: float
    """Seconds between two samples."""
    exact: float
    """The share of connections that must go on exactly where they were, of those that broke."""
    connections: int
    """To the database, of each node: all of them learn all statements in time, and that takes memory until then."""
    memory: Bounds
    settled: float
    """Seconds after which memory is judged; in a shorter run a third of it."""
    latency: tuple[float, float]
    """The factor and the seconds by which latencies may be higher in the end."""


HOURS = Plan(
    seconds=7200,
    warm=120,
    chapter=600,
    rate=5,
    pace=4,
    breaks=3,
    every=10,
    exact=0.99,
    connections=20,
    memory=Bounds(share=0.03, least=2048, per_minute=16, most=0.10),
    settled=900,
    latency=(1.5, 0.05),
)
MINUTES = Plan(
    seconds=240,
    warm=30,
    chapter=120,
    rate=4,
    pace=6,
    breaks=3,
    every=3,
    exact=0.0,  # beside other tests nodes may be starved, and then give up rather than be late
    connections=4,
    memory=Bounds(share=0.10, least=8192, per_minute=1024, most=0.20),  # nodes are still learning their statements
    settled=0,
    latency=(5.0, 2.0),
)

STEADY = Bounds(share=0.1, least=6, most=0.5)
"""For what follows the load, which is the same all the time."""
POOLED = Bounds(share=0.1, least=12, most=0.3)
"""For descriptors, among which are the connections of the pool, and for the processes that pictures are made in: both
grow with the first rush."""
FEW = Bounds(share=0, least=10, most=0)
FIXED = Bounds(share=0, least=0, most=0)

OF_NODES: tuple[tuple[str, str, Bounds, float], ...] = (
    ("descriptors", "threads", STEADY, 0),
    ("descriptors", "children", POOLED, 0),
    ("connections", "tasks", Bounds(share=0.2, least=20, most=0.5), 0),
    ("connections", "away", STEADY, 330),
    ("memory", "cache", Bounds(share=0.2, least=500, most=0.5), 330),
)
"""The promise, the quantity, what is allowed, and after how many seconds it is steady by design."""
OF_ALL_NODES: tuple[tuple[str, str, Bounds, float], ...] = (
    ("descriptors", "descriptors", Bounds(share=0.1, least=36, most=0.3), 0),
    ("connections", "sockets", Bounds(share=0.1, least=18, most=0.5), 0),
    ("connections", "clients", Bounds(share=0.1, least=18, most=0.5), 0),
)
"""The same of all nodes together: where the clients are whose connections break is left to chance."""
OF_ENGINES: tuple[tuple[str, str, Bounds, float], ...] = (
    ("connections", "PostgreSQL connections", Bounds(share=0.3, least=30, most=0.5), 0),
    ("connections", "PostgreSQL idle in transaction", STEADY, 0),
    ("connections", "Redis connections", FEW, 0),
    ("redis", "Redis keys for ever", FIXED, 0),
    # A day after the last message of a channel its place is forgotten, and a topic keeps a thousand messages.
    ("redis", "Redis keys", Bounds(share=0.1, least=200, per_minute=12, most=1.0), 960),
    ("redis", "Redis memory", Bounds(share=0.1, least=4096, per_minute=64, most=0.5), 2400),
)
TABLES_SETTLE = {"pending_posts": 720.0}


class _Talked(Struct):
    """What the chapters have brought."""

    total: Outcome
    posts: list[Point]
    deliveries: list[Point]

    def add(self, talk: Talk, outcome: Outcome) -> None:
        """Another chapter."""
        total = self.total
        for name in ("acknowledged", "expected", "lost", "doubled", "swapped", "reconnects", "exact"):
            setattr(total, name, getattr(total, name) + getattr(outcome, name))
        total.complaints += outcome.complaints
        sent = {one.id: one.sent_at for one in talk.answered}
        self.posts += [(one.sent_at, one.seconds) for one in talk.answered]
        for listener in talk.listeners:
            self.deliveries += [(sent[one.id], at - sent[one.id]) for at, one in listener.live if one.id in sent]


class Soak:
    """One soak on a stage of its own. `say` is told how it goes."""

    def __init__(self, plan: Plan, stage: Stage, sampler: Sampler, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.stage = stage
        self.sampler = sampler
        self.crowd = Crowd(stage, ACTIONS)
        self.talked = _Talked(Outcome(fault="soak", complaints=[]), [], [])
        self._say = say
        self._chance = random.Random("soak")

    async def run(self) -> Report:
        """All of it."""
        plan, crowd = self.plan, self.crowd
        await crowd.gather()
        self._say("warming up")
        async with crowd.awake():
            await self._chapter(plan.warm, plan.pace / 4, crowd.do_everything())
        before = await self._left()
        self._say("everybody has been there once and is gone")
        begun, used = time.monotonic(), self._processor_seconds()
        sampling = asyncio.create_task(self.sampler.run(plan.every))
        async with crowd.awake(), _running(crowd.live(plan.rate)):
            while (left := begun + plan.seconds - time.monotonic()) > 1:
                length = plan.chapter if left > 1.5 * plan.chapter else left
                self.talked.add(*await self._chapter(length, plan.pace))
                self._tell(begun)
        ended, used = time.monotonic(), self._processor_seconds() - used
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
        report = Report(rows=[], facts=[])
        after = await self._left(before)
        report.rows += self._of_talk()
        report.rows += self._of_samples(begun, ended)
        report.rows += self._of_latency()
        report.rows += await self._of_leaving(before, after)
        report.facts = self._facts(ended - begun, used)
        return report

    async def _chapter(
        self, seconds: float, pace: float, meanwhile: Coroutine[Any, Any, None] | None = None
    ) -> tuple[Talk, Outcome]:
        """People talk for a time, at least until what happens meanwhile has happened."""
        async with Talk.begin(self.stage, pace) as talk, _running(self._break_connections(talk)):
            end = time.monotonic() + seconds
            if meanwhile is not None:
                await meanwhile
            await asyncio.sleep(max(1.0, end - time.monotonic()))
        return talk, talk.outcome("soak")

    async def _break_connections(self, talk: Talk) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / self.plan.breaks))
            listener = self._chance.choice(talk.listeners)
            polite, here = self._chance.random() < 0.5, self._chance.random() < 0.5
            await listener.break_off(politely=polite, here=here)

    async def _left(self, first: Sample | None = None) -> Sample:
        """What there is when everybody has gone: a moment later, or as soon as no more is left than the first time."""
        end = time.monotonic() + GONE_SECONDS
        while True:
            found = await self.sampler.look()
            if time.monotonic() > end:
                return found
            if all(found[name] == 0 for name in found if name.endswith((" sockets", " clients"))):
                if first is None:
                    await asyncio.sleep(1)
                    return await self.sampler.look()
                if not any(row.fault for row in _left_behind(first, found)) and not await self.sampler.leftovers():
                    return found
            await asyncio.sleep(0.5)

    def _processor_seconds(self) -> float:
        return sum(sum(psutil.Process(node.pid).cpu_times()[:2]) for node in self.stage.installation.nodes)

    def _tell(self, begun: float) -> None:
        at, sample = self.sampler.samples[-1]
        memory = ", ".join(f"{sample[f'node {number} memory'] / 1024:.1f}" for number in (1, 2, 3))
        total = self.talked.total
        self._say(
            f"{(at - begun) / 60:.0f} min: {total.acknowledged} posts, {sum(self.crowd.actions.values())} actions, "
            f"{memory} MiB, complaints {len(total.complaints) + len(self.crowd.complaints)}"
        )

    # the report

    def _of_talk(self) -> list[Row]:
        total, crowd = self.talked.total, self.crowd
        exact = total.exact / total.reconnects if total.reconnects else 0.0
        bad = bool(total.lost or total.doubled or total.swapped or total.complaints or not total.acknowledged)
        posts = Row(
            "talk",
            "posts, deliveries",
            f"{total.acknowledged:,}",
            f"{total.expected:,}",
            fault=f"{total.lost} lost, {total.doubled} doubled, {total.swapped} swapped" if bad else "",
            note="none lost, doubled or swapped",
            details=total.complaints,
        )
        resumed = Row(
            "talk",
            "connections broken, resumed exactly",
            f"{total.reconnects:,}",
            f"{total.exact:,}",
            fault="" if exact >= self.plan.exact else "too few",
        )
        answers = Row(
            "talk",
            "actions, answers",
            f"{sum(crowd.actions.values()):,}",
            f"{sum(crowd.answers.values()):,}",
            fault=f"{len(crowd.complaints)} complaints" if crowd.complaints else "",
            details=crowd.complaints,
        )
        share = crowd.skipped / max(1, sum(crowd.actions.values()))
        late = "too slow" if share > SKIPPED else ""
        skipped = Row("talk", "actions left out, since too many were under way", "", f"{crowd.skipped:,}", fault=late)
        return [posts, resumed, answers, skipped]

    def _of_samples(self, begun: float, ended: float) -> list[Row]:
        rows = []
        settled = begun + min(self.plan.settled, (ended - begun) / 3)
        for number in (1, 2, 3):
            series = self.sampler.series(f"node {number} memory", settled, ended)
            rows.append(Row.of("memory", f"node {number} memory, KiB", judged(series, self.plan.memory)))
        judged_ones = [
            (group, f"node {number} {quantity}", bounds, settles)
            for group, quantity, bounds, settles in OF_NODES
            for number in (1, 2, 3)
        ]
        judged_ones += [
            (group, f"{TOTAL}{quantity}", bounds, settles) for group, quantity, bounds, settles in OF_ALL_NODES
        ]
        judged_ones += OF_ENGINES
        judged_ones += [("tables", f"rows of {table}", STEADY, TABLES_SETTLE.get(table, 0.0)) for table in TABLES]
        return rows + [self._judge(*one, begun, ended) for one in judged_ones]

    def _judge(self, group: str, name: str, bounds: Bounds, settles: float, begun: float, ended: float) -> Row:
        if settles and ended - begun < 2 * settles:
            series = self.sampler.series(name, begun, ended)
            first, last = series[0][1], series[-1][1]
            return Row(group, name, f"{first:,.0f}", f"{last:,.0f}", note=f"not judged: takes {settles / 60:.0f} min")
        return Row.of(group, name, judged(self.sampler.series(name, begun + settles, ended), bounds))

    def _of_latency(self) -> list[Row]:
        rows = []
        for name, points in (("POST", self.talked.posts), ("delivery", self.talked.deliveries)):
            for share in (0.5, 0.99):
                verdict = judged_latency(
                    percentiles([(at, value * 1000) for at, value in points], share), *self._limit()
                )
                rows.append(Row.of("latency", f"{name} p{share * 100:.0f}, ms", verdict, digits=1))
        return rows

    def _limit(self) -> tuple[float, float]:
        factor, seconds = self.plan.latency
        return factor, seconds * 1000

    async def _of_leaving(self, before: Sample, after: Sample) -> list[Row]:
        """What is there after everybody has gone, against the first time that everybody had gone."""
        rows = _left_behind(before, after)
        found = await self.sampler.leftovers()
        unknown = "files that no row knows"
        rows.append(Row("left", unknown, "0", str(len(found)), fault="left over" if found else "", details=found))
        errors = _errors(self.stage.installation.log_lines())
        logged = "errors in the logs"
        rows.append(Row("left", logged, "0", str(len(errors)), fault="logged" if errors else "", details=errors))
        return rows

    def _facts(self, seconds: float, used: float) -> list[str]:
        deliveries = [value for _, value in self.talked.deliveries]
        posts = [value for _, value in self.talked.posts]
        done = Counter(self.crowd.answers)
        warnings = Counter(_warnings(self.stage.installation.log_lines()))
        return [
            f"{seconds:.0f} s, of which the nodes used {used / seconds:.1%} of a core.",
            "Answers: " + ", ".join(f"{done[status]:,} of {status}" for status in sorted(done)) + ".",
            f"99 % of posts took at most {percentile(posts, 0.99) * 1000:.0f} ms,",
            f"99 % of deliveries {percentile(deliveries, 0.99) * 1000:.0f} ms.",
            "Warnings of the nodes: " + ("; ".join(f"{count} x {says}" for says, count in warnings.items()) or "none."),
        ]


def _left_behind(before: Sample, after: Sample) -> list[Row]:
    """What nodes hold for nobody, against the first time that there was nobody."""
    cores = os.cpu_count() or 1
    threads = cores + 8
    children = cores + TEXTS_AT_ONCE  # of those that are kept for pictures and texts, any number may wait
    rows = []
    for name, allowed in (
        ("sockets", 0),
        ("clients", 0),
        ("tasks", 2),
        ("children", children),
        ("threads", threads),
    ):
        for key in (f"node {number} {name}" for number in (1, 2, 3)):
            limit = allowed if name in ("sockets", "clients") else before[key] + allowed
            fault = "" if after[key] <= limit else f"more than {limit:.0f}"
            rows.append(Row("left", f"{key}, all gone", f"{before[key]:.0f}", f"{after[key]:.0f}", fault=fault))
    # Connections of the pool stay, and pipes to the children, so they don't count.
    first, last = (_descriptors(sample) for sample in (before, after))
    fault = "" if last <= first + 3 else f"more than {first + 3:.0f}"
    rows.append(
        Row("left", "descriptors but the pool's and pipes, all gone", f"{first:.0f}", f"{last:.0f}", fault=fault)
    )
    return rows


def _errors(lines: Sequence[str]) -> list[str]:
    """The lines that tell of an error, each with those after it."""
    return ["\n".join(lines[number : number + 40]) for number, line in enumerate(lines) if ERROR.search(line)]


def _warnings(lines: Sequence[str]) -> list[str]:
    """What the nodes warned of, without numbers and ids."""
    found = [re.sub(r"\w*\d\w*", "#", match[1] or match[2]) for line in lines if (match := WARNING.search(line))]
    return [says for says in found if says not in EXPECTED]


def _descriptors(sample: Sample) -> float:
    held = sum(value for name, value in sample.items() if name.endswith(" descriptors"))
    pipes = sum(2 * value for name, value in sample.items() if name.endswith(" children"))
    return held - pipes - sample["PostgreSQL connections"]


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work beside the block, cancelled at its end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        for outcome in await asyncio.gather(task, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def soak(plan: Plan, say: Callable[[str], None] = lambda text: None) -> Report:
    """Do it on an installation of its own."""
    settings = {**SETTINGS, "MM_SQLSETTINGS_MAXOPENCONNS": str(plan.connections)}
    async with Stage.open(**settings) as stage, Sampler.open(stage.installation) as sampler:
        return await Soak(plan, stage, sampler, say).run()
