"""Where the contents of files lie in the store: under their ids, spread over folders by the last two characters."""


def _folder(id: str) -> str:
    return f"files/{id[-2:]}/{id}"


def original(id: str) -> str:
    """What was uploaded."""
    return f"{_folder(id)}/original"


def thumbnail(id: str) -> str:
    """The small picture that lists show."""
    return f"{_folder(id)}/thumbnail.jpg"


def preview(id: str) -> str:
    """The picture as large as a screen."""
    return f"{_folder(id)}/preview.jpg"


def part(upload_id: str, id: str) -> str:
    """A part of an upload that is under way."""
    return f"uploads/{upload_id}/{id}"
