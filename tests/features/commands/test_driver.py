"""Slash commands through a published library, as the authors of integrations use it."""

import asyncio
from typing import Any

import mattermostautodriver
import pytest

from tests.features.commands.world import World
from tests.nodes import TestNode
from tests.receiver import Receiver


@pytest.mark.usefixtures("reachable")
async def test_mattermostautodriver_manages_and_runs_commands(world: World, node: TestNode, receiver: Receiver) -> None:
    receiver.answer(json={"response_type": "in_channel", "text": "shipped"})
    options = {"scheme": "http", "url": "127.0.0.1", "port": node.port, "token": world.ada.token}

    def work() -> dict[str, Any]:
        driver = mattermostautodriver.TypedDriver(options)
        driver.login()
        commands = driver.commands
        made = commands.create_command(team_id=world.team.id, method="P", trigger="ship", url=receiver.url)
        whole = {**made, "auto_complete": True, "auto_complete_hint": "[branch]"}
        commands.update_command(made["id"], whole)
        answer = commands.execute_command(channel_id=world.town.id, command="/ship main")
        told = {
            "made": made,
            "answer": answer,
            "own": commands.list_commands(team_id=world.team.id, custom_only=True),
            "offered": commands.list_autocomplete_commands(world.team.id),
            "suggested": commands.list_command_autocomplete_suggestions(world.team.id, user_input="/shi"),
            "one": commands.get_command_by_id(made["id"]),
            "token": commands.regen_command_token(made["id"]),
            "moved": commands.move_command(made["id"], team_id=world.team.id),
            "deleted": commands.delete_command(made["id"]),
        }
        driver.close()
        return told

    told = await asyncio.to_thread(work)

    asked = await receiver.next()
    assert asked.headers["authorization"] == f"Token {told['made']['token']}"
    assert asked.form["text"] == ["main"]
    assert [post["message"] for post in await world.posts()] == ["shipped"]
    assert told["answer"]["response_type"] == "in_channel"
    assert told["own"] == [told["one"]]
    assert "ship" in {command["trigger"] for command in told["offered"]}
    assert [one["Complete"] for one in told["suggested"]] == ["ship"]
    assert told["token"]["token"] != told["made"]["token"]
    assert told["moved"] == told["deleted"] == {"status": "OK"}
