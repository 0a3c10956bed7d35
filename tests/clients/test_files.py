"""Files through the published clients: uploaded, attached, read by somebody else on the other node."""

import contextlib
import io
from pathlib import Path
from typing import Any

from PIL import Image

from tests.clients.cluster import Cluster
from tests.clients.javascript import JavaScriptVoice, person_program
from tests.clients.programs import Program
from tests.clients.voices import AutodriverVoice, DriverVoice
from tests.features.files.uploading import picture

NAME = "grüße 世界.png"
CONTENT = picture((640, 480))


def read(infos: list[dict[str, Any]]) -> str:
    """The id of the one file, which is described right."""
    (info,) = infos
    assert (info["name"], info["size"], info["mime_type"]) == (NAME, len(CONTENT), "image/png")
    assert (info["width"], info["height"], info["has_preview_image"]) == (640, 480, True)
    return str(info["id"])


def opened(content: bytes) -> tuple[int, int]:
    """The size of a picture."""
    return Image.open(io.BytesIO(content)).size


def test_the_clients_exchange_files(cluster: Cluster, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        ada = DriverVoice(cluster.ports[0], "ada", tmp_path)
        bob = AutodriverVoice(cluster.ports[1], "bob", tmp_path)
        carol = JavaScriptVoice(
            cluster.ports[0], "carol", stack.enter_context(Program(person_program(), tmp_path / "carol.log"))
        )
        stack.callback(ada.close)
        stack.callback(bob.close)
        ada.sign_up()
        ada.log_in()
        team = ada.create_team("filers")
        for person in (bob, carol):
            person.sign_up()
            person.log_in()
            ada.add_to_team(team["id"], person.id)
        room = ada.create_channel(team["id"], "room", "P")["id"]
        for person in (bob, carol):
            ada.add_to_channel(room, person.id)

        one = ada.driver.files.upload_file(room, {"files": (NAME, CONTENT)})
        two = bob.driver.files.upload_file(files=(NAME, CONTENT), channel_id=room, client_ids="mine")
        three = carol.upload(room, NAME, CONTENT)
        first, second, third = (read(reply["file_infos"]) for reply in (one, two, three))
        assert (two["client_ids"], three["client_ids"]) == (["mine"], ["one"])
        ada.driver.posts.create_post({"channel_id": room, "message": "", "file_ids": [first]})
        bob.driver.posts.create_post(channel_id=room, message="", file_ids=[second])
        post = carol.order("call", name="createPost", args=[{"channel_id": room, "message": "", "file_ids": [third]}])
        assert [file["id"] for file in post["metadata"]["files"]] == [third]

        assert ada.driver.files.get_file(third).content == CONTENT
        assert opened(ada.driver.files.get_file_thumbnail(second).content) == (133, 100)
        assert ada.driver.files.get_file_metadata(second)["name"] == NAME
        assert bob.driver.files.get_file(first).content == CONTENT
        assert opened(bob.driver.files.get_file_preview(third).content) == (640, 480)
        assert bob.driver.files.head_file(first).status_code == 200
        assert bob.driver.files.get_file_info(third)["post_id"] == post["id"]
        (info,) = carol.order("call", name="getFileInfosForPost", args=[post["id"]])
        assert info["id"] == third
        assert carol.download("getFileUrl", first, 0) == (200, "image/png", CONTENT)
        small = carol.download("getFilePreviewUrl", second, 0)
        assert small.type == "image/jpeg"
        assert opened(small.content) == (640, 480)
        assert carol.order("call", name="getChannelStats", args=[room])["files_count"] == 3
