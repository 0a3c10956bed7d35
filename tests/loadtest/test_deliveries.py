"""The ledger of deliveries: what did not arrive is noticed, and nothing else is called lost."""

import pytest

from loadtest.deliveries import Ledger, Lost, Twice, mark, read_mark

START = 1_700_000_000_000_000_000


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += int(seconds * 1e9)


class Book:
    """A ledger whose reports are kept."""

    def __init__(self, clock: Clock, process: int = 0) -> None:
        self.reports: list[tuple[str, float | None, Exception | None]] = []
        self.ledger = Ledger("abcdef", process, lambda *report: self.reports.append(report), clock=clock, patience=30)

    def named(self, name: str) -> list[Exception | None]:
        return [exception for report, _, exception in self.reports if report == name]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> Book:
    return Book(clock)


def event(text: str) -> bytes:
    return b'{"event":"posted","data":{"post":"{\\"message\\":\\"' + text.encode() + b' words\\"}"},"seq":7}'


def test_a_mark_is_found_in_an_event_and_those_of_others_are_not() -> None:
    text = mark("abcdef", 3, 42, START)

    assert read_mark(event(text), b"abcdef") == ((3, 42), START)
    assert read_mark(event(text), b"zzzzzz") is None
    assert read_mark(event("lt-abcdef-nonsense"), b"abcdef") is None
    assert read_mark(event("lt-abcdef-" + "x" * 60), b"abcdef") is None


def test_a_post_that_arrives_everywhere_is_settled_and_its_latency_told(book: Book, clock: Clock) -> None:
    ada, bob = (book.ledger.appear(["town"]) for _ in "ab")
    clock.pass_by(1)
    key, sent, text = book.ledger.send()
    clock.pass_by(0.025)
    assert book.ledger.arrive(ada, event(text))
    assert not book.ledger.arrive(bob, event(text))
    book.ledger.sent(key, "town", sent)

    book.ledger.settle()

    assert book.ledger.outstanding == 0
    assert (book.ledger.counts["expected"], book.ledger.counts["lost"]) == (2, 0)
    assert [name for name, _, _ in book.reports] == ["deliver posted"] * 2
    assert [latency for _, latency, _ in book.reports] == pytest.approx([25.0, 25.0])


def test_a_post_that_one_of_two_does_not_get_is_lost_when_patience_is_over(book: Book, clock: Clock) -> None:
    ada, _ = (book.ledger.appear(["town"]) for _ in "ab")
    clock.pass_by(1)
    key, sent, text = book.ledger.send()
    book.ledger.arrive(ada, event(text))
    book.ledger.sent(key, "town", sent)
    clock.pass_by(29)
    book.ledger.settle()
    assert (book.ledger.counts["lost"], book.ledger.outstanding) == (0, 1)
    clock.pass_by(2)

    book.ledger.settle()

    assert (book.ledger.counts["expected"], book.ledger.counts["lost"], book.ledger.outstanding) == (2, 1, 0)
    assert isinstance(book.named("lost")[0], Lost)


def test_nothing_is_expected_of_who_came_later_left_or_is_no_member(book: Book, clock: Clock) -> None:
    leaver = book.ledger.appear(["town"])
    book.ledger.appear(["elsewhere"])
    clock.pass_by(1)
    key, sent, _ = book.ledger.send()
    book.ledger.sent(key, "town", sent)
    clock.pass_by(1)
    book.ledger.appear(["town"])
    book.ledger.vanish(leaver)
    clock.pass_by(60)

    book.ledger.settle()

    assert (book.ledger.counts["expected"], book.ledger.counts["lost"], book.ledger.outstanding) == (0, 0, 0)


def test_who_joins_a_channel_gets_the_posts_that_follow(book: Book, clock: Clock) -> None:
    ada = book.ledger.appear([])
    book.ledger.join(ada, "town")
    clock.pass_by(1)
    key, sent, _ = book.ledger.send()
    book.ledger.sent(key, "town", sent)
    clock.pass_by(31)

    book.ledger.settle()

    assert book.ledger.counts["lost"] == 1


def test_who_was_away_must_get_it_after_resuming(book: Book, clock: Clock) -> None:
    ada, bob = (book.ledger.appear(["town"]) for _ in "ab")
    clock.pass_by(1)
    ada.up = bob.up = False
    key, sent, text = book.ledger.send()
    book.ledger.sent(key, "town", sent)
    clock.pass_by(3)
    ada.up = bob.up = True
    book.ledger.arrive(ada, event(text))
    clock.pass_by(30)

    book.ledger.settle()

    assert (book.ledger.counts["expected"], book.ledger.counts["lost"]) == (2, 1)


def test_what_another_process_posted_must_arrive_here(clock: Clock) -> None:
    here, there = Book(clock, 0), Book(clock, 1)
    ada = here.ledger.appear(["town"])
    clock.pass_by(1)
    texts = []
    for _ in range(2):
        key, sent, text = there.ledger.send()
        there.ledger.sent(key, "town", sent)
        texts.append(text)
    here.ledger.arrive(ada, event(texts[0]))

    for process, number, channel_id, sent_ns in there.ledger.acknowledged:
        here.ledger.expect((process, number), channel_id, sent_ns)
    clock.pass_by(31)
    here.ledger.settle()

    assert (here.ledger.counts["expected"], here.ledger.counts["lost"]) == (2, 1)
    assert there.ledger.counts["expected"] == 0


def test_a_post_that_comes_twice_is_noticed(book: Book, clock: Clock) -> None:
    ada = book.ledger.appear(["town"])
    _, _, text = book.ledger.send()

    book.ledger.arrive(ada, event(text))
    book.ledger.arrive(ada, event(text))

    assert book.ledger.counts["twice"] == 1
    assert isinstance(book.named("delivered twice")[0], Twice)
