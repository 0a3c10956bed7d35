"""Why a picture is refused."""

from server.errors import BadRequest


class Unreadable(BadRequest):
    """400: not a picture, or one that is too large. Its id is that of the feature that asked."""


def too_large() -> Unreadable:
    """400: more pixels than are decoded."""
    return Unreadable("api.file.upload_file.large_image.app_error", "The picture has too many pixels.")


def unreadable() -> Unreadable:
    """400: no picture, or a broken one."""
    return Unreadable("api.file.upload_file.bad_parse.app_error", "This is not a picture that can be read.")
