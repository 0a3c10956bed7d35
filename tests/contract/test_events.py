"""The events of the WebSocket: what is sent, with which fields, to whom; and that the check of events finds faults."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from msgspec import Struct

from server.bus.event import Aside, AsJson, Audience, Event
from server.cli import show
from tests.clients_of import Received
from tests.nodes import TestNode
from tests.published import check_frame, event_faults, misfits

LISTED = Path(__file__).with_name("events.txt")


def test_every_event_says_what_it_carries_and_for_whom() -> None:
    lines = [" · ".join(row) for row in show.event_rows()]
    listed = [line for line in LISTED.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]

    added = [line for line in lines if line not in listed]
    gone = [line for line in listed if line not in lines]
    assert (added, gone) == ([], []), "tests/contract/events.txt lists every event with its fields and its audience"
    assert listed == sorted(listed)


def test_the_command_shows_the_listed_events() -> None:
    shown = [line.split() for line in show.events()]
    listed = LISTED.read_text(encoding="utf-8").splitlines()

    assert shown == [line.replace(" · ", " ").split() for line in listed if not line.startswith("#")]


def test_every_event_says_whom_it_is_for() -> None:
    assert [row for row in show.event_rows() if " For " not in row[2]] == []


class Leaf(Struct):
    """Something that an event carries."""

    id: str = ""
    size: int = 0


class LargerLeaf(Leaf):
    """The same with a field that was not declared."""

    secret: str = ""


class Grown(Event, frozen=True, kw_only=True):
    """A leaf grew. For nobody."""

    name: ClassVar[str] = "custom_tests_grown"
    personal_fields: ClassVar[tuple[str, ...]] = ("mentions",)
    leaf: AsJson[Leaf]
    height: int
    color: str | None = None
    named: Aside[tuple[str, ...]] = ()
    field: Aside[str] = "mentions"

    def audience(self) -> Audience:
        return Audience(user_id="nobody")

    def personal(self) -> Mapping[str, Sequence[str]]:
        return {self.field: self.named}


def test_an_event_that_fits_passes() -> None:
    assert event_faults(Grown(leaf=Leaf("a", 1), height=2, named=("ada",))) == []
    assert event_faults(Grown(leaf=Leaf("a", 1), height=2, color="green")) == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"leaf": LargerLeaf("a", 1, "hush")}, "leaf: .secret is not declared"),
        ({"leaf": {"id": "a"}}, "leaf: .size is missing"),
        ({"leaf": Leaf("a", "large")}, "leaf: Expected `int`, got `str` - at `$.size`"),  # type: ignore[arg-type]
        ({"height": "two"}, "height: Expected `int`, got `str`"),
        ({"height": None}, "height is missing"),
        ({"field": "followers"}, "followers is not declared as personal"),
    ],
)
def test_an_event_that_does_not_fit_is_found(fields: dict[str, object], fault: str) -> None:
    event = msgspec.structs.replace(Grown(leaf=Leaf("a", 1), height=2), **fields)

    assert event_faults(event) == [f"Grown (custom_tests_grown): {fault}"]


async def test_what_a_node_publishes_is_checked(node: TestNode, faults_of_events: list[str]) -> None:
    await node.services.bus.publish([Grown(leaf=LargerLeaf("a", 1, "hush"), height=2)])

    found = faults_of_events.copy()
    faults_of_events.clear()  # this one was wanted
    assert found == ["Grown (custom_tests_grown): leaf: .secret is not declared"]


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        ({"leaf": '{"id":"a","size":1}', "height": 2, "mentions": '["ada"]', "should_ack": True}, []),
        ({"leaf": '{"id":"a","size":1}', "height": 2, "width": 3}, ["width is not a field"]),
        ({"leaf": {"id": "a", "size": 1}, "height": 2}, ["leaf is no string"]),
        ({"leaf": '{"id":"a","size":1}'}, ["height is missing"]),
        ({"leaf": '{"id":"a","size":1}', "height": 2, "mentions": '"ada"'}, ["mentions: Expected `array`, got `str`"]),
    ],
)
def test_what_a_client_hears_is_checked(data: dict[str, object], faults: list[str]) -> None:
    frame = {"event": Grown.name, "data": data, "broadcast": {}, "seq": 1}

    assert misfits(Grown, data) == faults
    if faults:
        with pytest.raises(AssertionError, match="no event should be like this"):
            Received(frame)
    else:
        assert Received(frame).data["leaf"] == {"id": "a", "size": 1}


def test_an_event_that_nobody_defined_is_found() -> None:
    with pytest.raises(AssertionError, match="no event should be like this"):
        check_frame({"event": "grew", "data": {}, "broadcast": {}, "seq": 1})
