"""What travels about bots."""

from msgspec import UNSET, Struct, UnsetType


class Bot(Struct, frozen=True, omit_defaults=True):
    """A bot: its user's name and state, and who owns it. In the order of BOT_COLUMNS."""

    user_id: str
    create_at: int
    update_at: int
    delete_at: int
    username: str
    owner_id: str
    display_name: str = ""
    description: str = ""
    last_icon_update: int = 0


BOT_COLUMNS = """u.id, b.create_at, greatest(b.update_at, u.update_at), u.delete_at, u.username, b.owner_id,
    u.first_name, u.bot_description, u.bot_last_icon_update"""


class NewBot(Struct, kw_only=True):
    """Body of POST /bots."""

    username: str
    display_name: str = ""
    description: str = ""


class BotPatch(Struct, kw_only=True):
    """Body of PUT /bots/{bot_user_id}: only what is there is changed."""

    username: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
