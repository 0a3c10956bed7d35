"""A bot as people write them with mmpy_bot: it waters, reads lists, remembers and answers programs that call it.

Run with the environment of requirements.lock: PORT TOKEN TEAM WEBHOOK_PORT. Whatever it prints goes to stderr.
"""

import asyncio
import sys
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import schedule
from mmpy_bot import Bot, Plugin, Settings, listen_to, listen_webhook
from mmpy_bot.wrappers import ActionEvent, Message, WebHookEvent

SOON = timedelta(seconds=0.5)
RECONNECT_SECONDS = 0.2


class Gardener(Plugin):  # type: ignore[misc]
    """Everything that it can do."""

    @listen_to("^water (.*)$", needs_mention=True)  # type: ignore[untyped-decorator]
    def water(self, message: Message, bed: str) -> None:
        """Answer in the thread, and show that it is done."""
        self.driver.react_to(message, "droplet")
        self.driver.reply_to(message, f"Watered {bed} for @{message.sender_name} in {message.channel_name}")

    @listen_to("^tell me$")  # type: ignore[untyped-decorator]
    async def tell(self, message: Message) -> None:
        """Answer in private."""
        self.driver.reply_to(message, "Basil is ill, but don't tell anybody", direct=True)

    @listen_to("^secret$", direct_only=True)  # type: ignore[untyped-decorator]
    def secret(self, message: Message) -> None:
        """Answer only where nobody else reads."""
        self.driver.reply_to(message, "The key is under the pot")

    @listen_to("^count$")  # type: ignore[untyped-decorator]
    def count(self, message: Message) -> None:
        """Read the file of a post and send one back."""
        (file_id,) = message.file_ids
        plants = self.driver.files.get_file(file_id).text.split()
        with TemporaryDirectory() as folder:
            path = Path(folder) / "sorted.txt"
            path.write_text("\n".join(sorted(plants)))
            self.driver.reply_to(message, f"{len(plants)} plants", file_paths=[path])

    @listen_to("plant")  # type: ignore[untyped-decorator]
    @click.command()
    @click.argument("name")
    @click.option("--rows", type=int, default=1)
    def plant(self, message: Message, name: str, rows: int) -> None:
        """Plant something, told as on a command line."""
        self.driver.reply_to(message, f"{rows} rows of {name}")

    @listen_to("^remind me$")  # type: ignore[untyped-decorator]
    def remind(self, message: Message) -> None:
        """Say something later."""
        schedule.once(datetime.now() + SOON).do(self.driver.reply_to, message, "Time to weed")  # noqa: DTZ005 - as it has it

    @listen_to("^to do$")  # type: ignore[untyped-decorator]
    def to_do(self, message: Message) -> None:
        """Show a button that calls it."""
        integration = {"url": f"{self.driver.webhook_url}/done", "context": {"bed": "north"}}
        action = {"id": "done", "name": "Done", "type": "button", "integration": integration}
        self.driver.reply_to(message, "", props={"attachments": [{"text": "Weed the bed", "actions": [action]}]})

    @listen_webhook("^done$")  # type: ignore[untyped-decorator]
    async def done(self, event: ActionEvent) -> None:
        """The button was pressed: say so in the post itself, and ask who did it for more."""
        text = f"{event.user_name} weeded the {event.context['bed']} bed"
        self.driver.respond_to_web(event, {"update": {"message": text, "props": {}}, "ephemeral_text": "Thank you"})
        element = {"display_name": "Weeds", "name": "weeds", "type": "text", "subtype": "number"}
        dialog = {"callback_id": "weeds", "title": "How many?", "elements": [element]}
        url = f"{self.driver.webhook_url}/weeds"
        self.driver.integration_actions.open_interactive_dialog(
            {"trigger_id": event.trigger_id, "url": url, "dialog": dialog}
        )

    @listen_webhook("^weeds$")  # type: ignore[untyped-decorator]
    async def weeds(self, event: WebHookEvent) -> None:
        """The dialog was filled in."""
        submitted = event.body["submission"]
        self.driver.respond_to_web(event, {})
        self.driver.create_post(event.body["channel_id"], f"{submitted['weeds']} weeds less")

    @listen_webhook("^harvest$")  # type: ignore[untyped-decorator]
    async def harvest(self, event: WebHookEvent) -> None:
        """An outgoing webhook: answer in its channel."""
        self.driver.respond_to_web(event, {"text": f"{event.body['user_name']} may harvest: {event.text}"})


def main(port: str, token: str, team: str, webhook_port: str) -> None:
    """Run until the process is ended."""
    sys.stdout = sys.stderr
    asyncio.set_event_loop(asyncio.new_event_loop())
    settings = Settings(
        MATTERMOST_URL="http://127.0.0.1",
        MATTERMOST_PORT=int(port),
        BOT_TOKEN=token,
        BOT_TEAM=team,
        WEBHOOK_HOST_ENABLED=True,
        WEBHOOK_HOST_PORT=int(webhook_port),
        SCHEDULER_PERIOD=0.1,
    )
    bot = Bot(settings, plugins=[Gardener()])
    bot.driver.options["keepalive_delay"] = RECONNECT_SECONDS
    bot.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
