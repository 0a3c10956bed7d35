"""Measure Hubbub: make bench, or python -m benchmarks [--only fanout,me] [--repeat 1] [--save] [--readme]

Starts a service of its own, does each work of the table `--repeat` times, and prints medians beside the figures that
were last committed and beside Mattermost's. On two cores and more the service has one core to itself. Ends with 1 when
anything was lost, doubled or refused.
"""

import sys
import time
from collections.abc import Sequence

from benchmarks import report
from benchmarks.command import command, run, say, with_repeat
from benchmarks.figures import median_of, spread_of, this_machine, today, write
from benchmarks.lab import Figures, Lab
from benchmarks.service import Service
from benchmarks.sockets import Sockets
from benchmarks.works import Work, chosen
from benchmarks.world import make_world

WIDE = 0.2
"""Runs that differ more than this from their median are told of."""


async def measure(works: Sequence[Work], repeat: int) -> tuple[dict[str, Figures], Lab]:
    """The medians of each work, and what was noted meanwhile."""
    async with Service.start() as service:
        say("making people")
        world = await make_world(service)
        if not service.pin():
            say("only one core: the service shares it with the clients")
        async with Sockets.start() as sockets:
            lab = Lab(service, world, sockets)
            medians: dict[str, Figures] = {}
            for work in works:
                if work.measure is None:
                    continue
                if len(sockets) != work.sockets:
                    await sockets.close_all()
                    await sockets.open(service.url, world.tokens(work.sockets))
                runs = [await work.measure(lab, work.name) for _ in range(repeat)]
                medians[work.name] = median_of(runs)
                say_of(work, runs)
                if spread_of(runs, "total") > WIDE:
                    lab.doubt(work.name, f"runs differ by {spread_of(runs, 'total'):.0%} from their median")
            for work in works:
                if work.of in medians:
                    medians[work.name] = {"total": medians[work.of][work.name]}
            return medians, lab


def say_of(work: Work, runs: Sequence[Figures]) -> None:
    """What the runs of a work gave, for those who wait."""
    shown = " | ".join(report.told(work, run) for run in runs)
    say(f"{work.title}: {shown}")


def with_owners(works: Sequence[Work]) -> list[Work]:
    """These works and those that they are figures of, in the order of the table."""
    names = {work.name for work in works} | {work.of for work in works}
    return [work for work in chosen("") if work.name in names]


def save(medians: dict[str, Figures], repeat: int) -> None:
    """Keep the figures; those of works that were not measured stay."""
    before = report.committed()
    works = {**(before.works if before else {}), **medians}
    ordered = {work.name: works[work.name] for work in chosen("") if work.name in works}
    rounded = {name: {key: float(f"{value:.4g}") for key, value in each.items()} for name, each in ordered.items()}
    write(report.COMMITTED, report.Committed(date=today(), repeat=repeat, machine=this_machine(), works=rounded))


def write_readme() -> None:
    """Put the committed figures into README."""
    kept = report.committed()
    if kept is None:
        raise SystemExit("no figures were saved yet")
    text = report.README.read_text()
    report.README.write_text(report.with_section(text, report.section(kept, report.published())))


def main() -> int:
    """Run it; the exit code."""
    parser = command(__doc__)
    parser.add_argument("--only", default="", help="works of these names, or names with these parts: fanout,me")
    with_repeat(parser, 3)
    parser.add_argument("--save", action="store_true", help="keep the figures in benchmarks/figures.json")
    parser.add_argument(
        "--readme", action="store_true", help="write the kept figures into README.md; with nothing else"
    )
    options = parser.parse_args()
    if options.readme and not options.save:
        write_readme()
        return 0
    works = with_owners(chosen(options.only))
    if not works:
        parser.error(f"no work has {options.only} in its name")
    started = time.monotonic()
    medians, lab = run(measure(works, options.repeat))
    before = report.committed()
    print(report.comparison(works, medians, before.works if before else {}, report.published()))
    if before:
        print(f"\ncommitted: {before.date}, Python {before.machine.python} on {before.machine.cpu}")
    print("\n".join(lab.said()))
    print(f"took {time.monotonic() - started:.0f} s")
    if options.save and not lab.faults:
        save(medians, options.repeat)
        if options.readme:
            write_readme()
    return 1 if lab.faults else 0


if __name__ == "__main__":
    sys.exit(main())
