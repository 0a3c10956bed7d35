"""What travels about audits."""

from msgspec import Struct


class Audit(Struct, frozen=True):
    """Something that happened to an account; `action` is the path of the operation that did it."""

    id: str
    create_at: int
    user_id: str
    action: str
    extra_info: str
    ip_address: str
    session_id: str
