"""Channels, memberships, posts, threads and what is unread of them, against a small model."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import Phase
from hypothesis.stateful import run_state_machine_as_test

from tests.make import Make
from tests.nodes import TestNode
from tests.profiles import seconds, tries
from tests.stateful.machine import Counters
from tests.stateful.world import Bridge


@pytest.mark.timeout(seconds(300))
# The nodes draw their pauses while hypothesis watches over chance in its own thread.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
async def test_counters_and_events_are_those_of_the_model(
    two_nodes: tuple[TestNode, TestNode], make: Make, settings: Callable[..., Any]
) -> None:
    settings(ServiceSettings={"CollapsedThreads": "default_on"})
    bridge = Bridge(two_nodes, make)

    # A failure is told with all of its steps: making them fewer takes minutes.
    bounds = tries(8, stateful_step_count=50, phases=(Phase.explicit, Phase.generate))
    await asyncio.to_thread(run_state_machine_as_test, cast(Any, lambda: Counters(bridge)), settings=bounds)
