"""The clients of benchmarks count frames exactly, however they are cut, and see what is lost, doubled or not theirs."""

import time
import zlib

import msgspec
import pytest

from benchmarks.marks import MOMENT, NUMBER, message, new_run, read
from benchmarks.receiving import CHUNKS, Receiver, Tally, account
from benchmarks.sockets import delivered
from server.gateway.frames import DEFLATE, JSON, MSGPACK, PING_FRAME, SMALL, Heads, close_frame, one_frame

RUN = "tested"


def frame(text: str, seq: int, codec: int = JSON) -> bytes:
    """An event as the gateway sends it, with a post of this text."""
    post = msgspec.json.encode({"id": "p", "channel_id": "c", "message": text}).decode()
    event = {"event": "posted", "data": {"post": post}, "broadcast": {"channel_id": "c"}}
    head = Heads(msgspec.json.encode(event)[:-1] + b',"seq":', ("post",)).head(codec)
    return one_frame(codec, head, seq)


def posted(number: int, seq: int, codec: int = JSON, size: int = 200) -> bytes:
    """A post of the run."""
    return frame(message(RUN, number, time.monotonic_ns(), size), seq, codec)


def posted_number(number: int) -> bytes:
    """The part of a message that says so."""
    return f"{RUN}-{number:0{NUMBER}d}-".encode()


@pytest.fixture
def receiver() -> Receiver:
    """One that checks the protocol too."""
    tally = Tally()
    tally.begin(RUN)
    return Receiver(tally, checks=True)


def test_marks_are_read_as_they_were_written() -> None:
    run = new_run()
    text = message(run, 1234567, 10**MOMENT - 1, 300)
    assert read(text.encode()) == (run, 1234567, 10**MOMENT - 1)
    assert 290 < len(text) <= 300
    assert read(message(run, 0, 5, 0).encode()) == (run, 0, 5)


@pytest.mark.parametrize("codec", [JSON, MSGPACK, DEFLATE])
@pytest.mark.parametrize("size", [40, SMALL, 70_000])
def test_each_codec_and_size_is_counted(receiver: Receiver, codec: int, size: int) -> None:
    receiver.feed(b"".join(posted(number, number, codec, size) for number in range(5)))
    assert receiver.got == [0, 1, 2, 3, 4]
    assert receiver.tally.received == len(receiver.tally.latencies) == 5
    assert receiver.tally.faults == []
    assert all(0 <= latency < 10**9 for latency in receiver.tally.latencies)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100, 399])
def test_frames_may_be_cut_anywhere(receiver: Receiver, size: int) -> None:
    stream = posted(0, 0) + PING_FRAME + posted(1, 1, size=70_000) + posted(2, 2) + close_frame(1001, "enough")
    for at in range(0, len(stream), size):
        receiver.feed(stream[at : at + size])
    assert receiver.got == [0, 1, 2]
    assert receiver.rest == b""
    assert receiver.tally.faults == []
    assert receiver.tally.bytes == len(stream)
    assert receiver.answer[0] == 0x8A, "a pong"


@pytest.mark.parametrize("cut", [None, -7])
def test_what_comes_alike_at_many_connections_counts_for_each(cut: int | None) -> None:
    tally = Tally()
    tally.begin(RUN)
    receivers = [Receiver(tally) for _ in range(4)]
    stream = posted(0, 0) + posted(1, 1) + frame("typing", 2) + posted(2, 3)
    other = stream.replace(posted_number(1), posted_number(7))
    assert len(other) == len(stream)

    for receiver in receivers[:3]:
        receiver.feed(stream[:cut])
        if cut:
            receiver.feed(stream[cut:])
    receivers[3].feed(other)
    receivers[0].feed(stream)

    assert [receiver.got for receiver in receivers] == [[0, 1, 2] * 2, [0, 1, 2], [0, 1, 2], [0, 7, 2]]
    assert [receiver.events for receiver in receivers] == [8, 4, 4, 4]
    assert tally.others == 5
    assert tally.received == len(tally.latencies) == 15
    assert all(0 <= latency < 10**9 for latency in tally.latencies)
    assert [receiver.rest for receiver in receivers] == [b""] * 4


def test_no_more_chunks_are_kept_than_will_do() -> None:
    tally = Tally()
    tally.begin(RUN)
    for number in range(2 * CHUNKS):
        Receiver(tally).feed(posted(number, number))

    assert len(tally.chunks) <= CHUNKS
    tally.begin("others")
    assert not tally.chunks


def test_other_events_and_other_runs_are_not_deliveries(receiver: Receiver) -> None:
    receiver.feed(frame("hello", 0) + frame(message("before", 3, 5, 200), 1) + frame("hbb-", 2) + posted(3, 3))
    assert receiver.got == [3]
    assert receiver.tally.others == 3
    assert receiver.greeted


def test_a_gap_in_the_seq_is_a_fault(receiver: Receiver) -> None:
    receiver.feed(posted(0, 0) + posted(1, 2))
    assert receiver.tally.faults == ["seq 2 after 0"]


def test_a_frame_that_no_server_sends_is_a_fault(receiver: Receiver) -> None:
    receiver.feed(b"\x01\x01x")
    assert receiver.tally.faults == ["a frame that begins with 0x1"]


def test_a_broken_event_is_a_fault(receiver: Receiver) -> None:
    receiver.feed(b"\x81\x05{...}")
    assert len(receiver.tally.faults) == 1


def test_a_new_run_forgets_the_one_before(receiver: Receiver) -> None:
    receiver.feed(posted(0, 0))
    receiver.tally.begin("others")
    assert receiver.tally.received == 0
    receiver.feed(posted(1, 1))
    assert receiver.tally.received == 0, "it belongs to the run before"


def test_loss_and_duplicates_are_told_exactly() -> None:
    everything = frozenset(range(4))
    assert account([[0, 1, 2, 3], [3, 2, 1, 0]], [everything, everything]) == {
        "expected": 8,
        "lost": 0,
        "doubled": 0,
        "strange": 0,
        "wrong": 0,
    }
    # One lost and one doubled must not make up for each other, neither on a connection nor between two.
    assert account([[0, 1, 2, 2], [0, 1, 2, 3], [0, 7, 1, 2, 3]], [everything] * 3) == {
        "expected": 12,
        "lost": 1,
        "doubled": 1,
        "strange": 1,
        "wrong": 2,
    }
    assert account([[]], [everything])["lost"] == 4
    assert account([[5]], [frozenset()])["strange"] == 1


def test_what_processes_counted_is_added_up() -> None:
    one = {"expected": 3, "lost": 0, "received": 3, "faults": [], "latencies": [[10, 2], [20, 1]], "cpu": 1.0}
    other = {"expected": 3, "lost": 2, "received": 1, "faults": ["seq"], "latencies": [[20, 1]], "cpu": 2.0}
    came = delivered([one, other], cpu_at_begin=2.5)
    assert (came.expected, came.received, came.lost, came.faults) == (6, 4, 2, ["seq"])
    assert came.latencies == {10: 2, 20: 2}
    assert (came.latency_ms(0.5), came.latency_ms(0.51), came.latency_ms(1.0)) == (1.1, 2.1, 2.1)
    assert came.client_seconds == 0.5
    assert not came.exact
    assert delivered([{**one, "faults": []}], 0).exact
    assert not delivered([{**one, "doubled": 1}], 0).exact
    assert not delivered([{**one, "closed": 1}], 0).exact


def test_deflated_frames_are_those_of_the_gateway() -> None:
    assert zlib.decompressobj(-15).decompress(posted(0, 0, DEFLATE)[4:] + b"\x00\x00\xff\xff").endswith(b"0}\n")
