"""Conducts a test in one process: prepares the server, shares the users out, follows the posts, judges at the end.

One process alone does everything. With several, the master prepares and judges, the workers run users; messages of
Locust's own carry the shares, the acknowledged posts and the counts between them.
"""

import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import gevent
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from loadtest import cpu, mix, probes, shapes
from loadtest.capacity import Capacity, Search
from loadtest.client import CallFailed
from loadtest.deliveries import PATIENCE
from loadtest.filling import Filling, Hopeless, sign_in_admin
from loadtest.options import Options
from loadtest.report import Result, as_json, report
from loadtest.rules import Figures, Limits, correctness, figures_of, overload
from loadtest.run import Run, Share
from loadtest.users import Bots, Hotspot, People, set_run

SHARE, POSTS, QUIET, SETTLED = "loadtest-share", "loadtest-posts", "loadtest-quiet", "loadtest-settled"
REPORT = "loadtest"
"""Where a worker's report carries its counts."""

TICK = 0.5
LINE_EVERY = 10.0
CAPACITY_START = 0.1
"""The first number of users that a search for the capacity tries, of --users."""


@dataclass(frozen=True)
class Moment:
    """What was counted so far at some time."""

    at: float
    actions: int
    figures: Figures
    cpu: dict[str, float]


@dataclass
class Conductor:
    """One process's part."""

    environment: Environment
    options: Options
    users: int
    run: Run | None = None
    counts: Counter[str] = field(default_factory=Counter)
    """Of all processes."""
    _share: Share | None = None
    _features: set[str] | None = None
    _left_out: dict[str, str] = field(default_factory=dict)
    _pids: dict[str, int] = field(default_factory=dict)
    _started: Moment | None = None
    _result: Result | None = None
    _settled: dict[str, int] = field(default_factory=dict)
    _on: bool = False
    """Is a test on?"""

    @staticmethod
    def take(environment: Environment) -> "Conductor":
        """Take part in whatever this process of Locust is. Ends the process when no test is possible."""
        parsed = environment.parsed_options
        conductor = Conductor(environment, Options.of(parsed), getattr(parsed, "num_users", None) or 0)
        conductor._listen()
        try:
            conductor._pids = cpu.parse(conductor.options.cpu_of)
            mix.offered((), 0.0, conductor.options.only_actions)
            probes.check(conductor.options.unwanted_features)
        except ValueError as error:
            give_up(f"--cpu-of, --only or --without: {error}")
        if conductor._leads:
            conductor._choose(parsed)
            if getattr(parsed, "headless", False):
                conductor._prepare()
        return conductor

    @property
    def _leads(self) -> bool:
        return not isinstance(self.environment.runner, WorkerRunner)

    def _listen(self) -> None:
        events, runner = self.environment.events, self.environment.runner
        events.test_start.add_listener(self._on_test_start)
        events.quitting.add_listener(self._on_quitting)
        if isinstance(runner, WorkerRunner):
            runner.register_message(SHARE, self._on_share)
            runner.register_message(POSTS, self._on_posts)
            runner.register_message(QUIET, self._on_quiet, concurrent=True)
            events.report_to_master.add_listener(self._on_report_to_master)
            return
        events.spawning_complete.add_listener(self._on_spawning_complete)
        events.test_stopping.add_listener(self._on_test_stopping)
        events.quit.add_listener(self._on_quit)
        if isinstance(runner, MasterRunner):
            runner.register_message(POSTS, self._relay)
            runner.register_message(SETTLED, self._on_settled)
            events.worker_report.add_listener(self._on_worker_report)

    def _choose(self, parsed: Any) -> None:
        """People, unless classes were named; and the shape."""
        environment, options = self.environment, self.options
        if not getattr(parsed, "user_classes", None) and not getattr(parsed, "class_picker", False):
            environment.user_classes[:] = [People]
        if not options.shape:
            return
        spawn_rate = float(getattr(parsed, "spawn_rate", None) or 20.0)
        users = max(self.users, 1)
        if options.shape == "capacity":
            environment.shape_class = Capacity(
                Search(round(users * CAPACITY_START), users),
                spawn_rate=spawn_rate,
                step_time=options.step_time,
                limits=self._limits,
                ready=self._ready,
                cpu=self._cpu,
                say=say,
            )
        else:
            seconds = float(getattr(parsed, "run_time", None) or shapes.SECONDS[options.shape])
            environment.shape_class = shapes.Staged(
                shapes.stages(options.shape, users, seconds), spawn_rate, self._ready
            )
        environment.shape_class.runner = environment.runner

    @property
    def _limits(self) -> Limits:
        return Limits(self.options.max_mean, self.options.max_p99, self.options.max_failed)

    # before and at the start

    def _prepare(self) -> None:
        """Make the data and see what the server has."""
        url = self.environment.host
        if not url:
            give_up("name the server: --host http://…")
        classes = self.environment.user_classes
        accounts = max(self.options.accounts, self.users, getattr(self.environment.runner, "target_user_count", 0))
        try:
            admin = sign_in_admin(url, self.options)
            Filling(url, admin, self.options, say).fill(accounts, hotspot=Hotspot in classes, bots=Bots in classes)
            self._features, lacks = probes.features_of(url, admin, self.options)
        except Hopeless as error:
            give_up(str(error))
        except CallFailed as error:
            give_up(f"preparing {url} failed: {type(error).__name__}: {error}")
        except KeyboardInterrupt:
            give_up("stopped while the data was made; the next run goes on with it")
        else:
            for feature, reason in lacks.items():
                say(f"the server lacks {feature} ({reason})")
            if People in classes:
                options = self.options
                _, self._left_out = mix.offered(self._features, options.least_frequency, options.only_actions)

    def _on_test_start(self, environment: Environment, **_: Any) -> None:
        self._started, self._result, self._on = None, None, True
        self.counts.clear()
        self._settled.clear()
        if self._leads:
            if self._features is None:
                self._prepare()
            self._hand_out()
        if not isinstance(environment.runner, MasterRunner):
            self._join()

    def _hand_out(self) -> None:
        runner, features = self.environment.runner, self._features or set()
        users = max(self.users, getattr(runner, "target_user_count", 0))
        if isinstance(runner, MasterRunner):
            workers = list(runner.clients)
            for worker, share in zip(workers, Share.begin(len(workers), features, users), strict=True):
                runner.send_message(SHARE, _plain(share), worker)
        else:
            self._share = Share.begin(1, features, users)[0]
        gevent.spawn(self._speak)

    def _on_share(self, msg: Any, **_: Any) -> None:
        data = msg.data
        self._share = Share(data["run"], data["index"], data["count"], tuple(data["features"]), data["users"])

    def _join(self) -> None:
        if self._share is None:  # a worker that came when the test was on
            give_up("the test began without this worker: start all workers before")
        try:
            self.run = Run.join(self.environment, self._share)
        except CallFailed as error:
            give_up(f"the server can't be used: {type(error).__name__}: {error}")
        set_run(self.environment, self.run)
        gevent.spawn(self._follow, self.run)

    def _follow(self, run: Run) -> None:
        """While the test is on: tell the other processes what was posted, and see what arrived."""
        while self.run is run:
            gevent.sleep(TICK)
            self._tell_posts(run)
            run.ledger.settle()

    def _tell_posts(self, run: Run) -> None:
        posts, run.ledger.acknowledged = run.ledger.acknowledged, []
        if posts and isinstance(self.environment.runner, WorkerRunner):
            self.environment.runner.send_message(POSTS, {"posts": posts})

    def _relay(self, msg: Any, **_: Any) -> None:
        runner = self.environment.runner
        if isinstance(runner, MasterRunner):
            for worker in list(runner.clients):
                if worker != msg.node_id:
                    runner.send_message(POSTS, msg.data, worker)

    def _on_posts(self, msg: Any, **_: Any) -> None:
        if self.run is not None:
            for process, number, channel_id, sent_ns in msg.data["posts"]:
                self.run.ledger.expect((process, number), channel_id, sent_ns)

    # meanwhile

    def _on_spawning_complete(self, user_count: int, **_: Any) -> None:
        if self._started is None and self._on:
            gevent.spawn(self._wait_for, user_count)

    def _wait_for(self, users: int) -> None:
        """The figures that count begin when all users have signed in."""
        while self._on and self._started is None:
            if self._ready() >= users:
                self._started = self._now()
            gevent.sleep(0.2)

    def _now(self) -> Moment:
        return Moment(time.monotonic(), self._actions(), figures_of(self.environment.stats), self._cpu())

    def _ready(self) -> int:
        self._gather()
        return self.counts["ready"]

    def _actions(self) -> int:
        entries = self.environment.stats.entries
        return sum(entry.num_requests for (_, method), entry in entries.items() if method == "ACTION")

    def _cpu(self) -> dict[str, float]:
        self._gather()
        return {cpu.CLIENT: self.counts["client_cpu_us"] / 1e6, **cpu.seconds(self._pids)}

    def _gather(self) -> None:
        """Take the counts of this process; those of workers come by themselves."""
        if self.run is not None and isinstance(self.environment.runner, LocalRunner):
            self.counts.update(self.run.counts())

    def _on_report_to_master(self, data: dict[str, Any], **_: Any) -> None:
        if self.run is not None:
            data[REPORT] = dict(self.run.counts())

    def _on_worker_report(self, data: Mapping[str, Any], **_: Any) -> None:
        self.counts.update(data.get(REPORT, {}))

    def _speak(self) -> None:
        """A line now and then, where nobody looks at Locust's page."""
        parsed = self.environment.parsed_options
        if not getattr(parsed, "headless", False) or not getattr(parsed, "only_summary", False):
            return
        began = time.monotonic()
        while self._on:
            gevent.sleep(LINE_EVERY)
            runner = self.environment.runner
            if runner is None or not self._on:
                return
            figures = figures_of(self.environment.stats)
            self._gather()
            say(
                f"{time.monotonic() - began:5.0f} s  {runner.user_count} users  {self._actions():,} actions  "
                f"{figures.requests:,} requests  mean {figures.mean_ms:.1f} ms  "
                f"p99 {figures.percentile_ms(0.99):.0f} ms  "
                f"{sum(figures.failures.values())} failed  {self.counts['arrivals']:,} deliveries"
            )

    # at the end

    def _on_test_stopping(self, **_: Any) -> None:
        """Let the users fall silent and the last posts arrive, then sum up."""
        if not self._on:
            return
        end = self._now()
        self._on = False
        runner = self.environment.runner
        left = 0
        if isinstance(runner, MasterRunner):
            workers = [worker.id for worker in runner.clients.running + runner.clients.spawning]
            for worker in workers:
                runner.send_message(QUIET, None, worker)
            deadline = time.monotonic() + PATIENCE + 10
            while time.monotonic() < deadline and not set(workers) <= set(self._settled):
                gevent.sleep(0.1)
            left = sum(self._settled.values())
        elif self.run is not None:
            self.run.quiet = True
            left = self.run.settled(1.0, PATIENCE + 5)
        self._result = self._sum_up(end, left)

    def _on_quiet(self, **_: Any) -> None:
        run, runner = self.run, self.environment.runner
        if run is None or not isinstance(runner, WorkerRunner):
            return
        run.quiet = True
        left = run.settled(3 * TICK, PATIENCE + 5)  # what others posted may still be on its way here
        runner.send_message(SETTLED, {"left": left})

    def _on_settled(self, msg: Any, **_: Any) -> None:
        self._settled[msg.node_id] = msg.data["left"]

    def _sum_up(self, end: Moment, left: int) -> Result:
        started, classes = self._started, self.environment.user_classes
        result = Result(self.environment.host or "", self.users, left_out=self._left_out, unsettled=left)
        if isinstance(self.environment.runner, MasterRunner):
            result.processes = max(self.environment.runner.worker_count, 1)
        if People in classes:
            result.average_idle = mix.IDLE / mix.mean_rate()
        if started is not None:
            result.seconds = end.at - started.at
            result.actions = end.actions - started.actions
            result.steady = end.figures.since(started.figures)
            result.cpu = {name: end.cpu[name] - started.cpu.get(name, 0.0) for name in end.cpu}
        return result

    def _on_quitting(self, environment: Environment, **_: Any) -> None:
        if not self._leads:
            environment.process_exit_code = 0
            self.run = None
            return
        if self._result is None and self._on and environment.runner is not None:
            environment.runner.stop()  # a signal came in the middle
        result = self._result
        if result is None:
            return
        self._gather()
        result.counts = self.counts
        result.figures = figures_of(environment.stats)
        result.faults = (
            sum(each["count"] for each in environment.runner.exceptions.values()) if environment.runner else 0
        )
        result.rules = correctness(result.figures, self.counts)
        if isinstance(environment.shape_class, Capacity):
            result.steps, result.capacity = environment.shape_class.steps, environment.shape_class.search.good
        else:
            result.rules = overload(result.judged, self._limits) + result.rules
        environment.process_exit_code = 0 if result.holds else 3
        self.run = None

    def _on_quit(self, **_: Any) -> None:
        if self._result is None:
            return
        print(f"\n{report(self._result, self.environment.stats)}\n", flush=True)
        if wanted := Options.of(self.environment.parsed_options).figures:
            Path(wanted).write_text(as_json(self._result))


def _plain(share: Share) -> dict[str, Any]:
    return {
        "run": share.run,
        "index": share.index,
        "count": share.count,
        "features": list(share.features),
        "users": share.users,
    }


def say(line: str) -> None:
    """A line for the person at the terminal."""
    print(line, file=sys.stderr, flush=True)


def give_up(reason: str) -> NoReturn:
    """End this process of Locust: there is nothing to test."""
    say(reason)
    sys.exit(2)
