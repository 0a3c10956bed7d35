"""Acknowledgements on the wire."""

from msgspec import Struct

from server.db import columns

TAKEN_BACK_WITHIN_MS = 5 * 60 * 1000


class Acknowledgement(Struct, frozen=True):
    """That a user has seen a post, and when. In the order of ACKNOWLEDGEMENT_COLUMNS."""

    user_id: str
    post_id: str
    acknowledged_at: int


ACKNOWLEDGEMENT_COLUMNS = columns(Acknowledgement)
