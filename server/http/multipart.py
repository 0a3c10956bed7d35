"""Forms with files, read part by part as they arrive: nothing is kept, the reader takes each part where it belongs."""

from collections import deque
from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from server.errors import BadRequest

MAX_PARTS = 40

_PART, _DATA, _END = "part", "data", "end"


class Part:
    """A field of a form, or a file when `filename` is not None. What isn't read of `content` is skipped."""

    def __init__(self, name: str, filename: str | None, content: AsyncIterator[bytes]) -> None:
        self.name = name
        self.filename = filename
        self.content = content

    async def text(self, limit: int = 1024) -> str:
        """The value of a field, at most so many bytes; raises BadRequest."""
        value = b""
        async for chunk in self.content:
            value += chunk
            if len(value) > limit:
                raise broken_form()
        return _decoded(value)


def broken_form() -> BadRequest:
    """400 for a form that can't be read."""
    return BadRequest("api.context.invalid_body_param.app_error", "The form can't be read.")


def is_form(content_type: str) -> bool:
    """Whether a body is a form with parts."""
    return content_type.lower().startswith("multipart/form-data")


async def parts_of(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[Part]:
    """The parts of a form in their order; raises BadRequest for what is no form, or has too many parts."""
    _, options = parse_options_header(content_type)
    reader = _Reader(options.get(b"boundary", b""), body)
    try:
        for _ in range(MAX_PARTS):
            part = await reader.next_part()
            if part is None:
                return
            yield part
            async for _chunk in part.content:
                pass
        raise broken_form()
    finally:
        reader.close()


def _decoded(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise broken_form() from None
    if "\0" in text:
        raise broken_form()
    return text


class _Reader:
    """Turns the parser's calls into parts, and reads on only when the next one is asked for."""

    def __init__(self, boundary: bytes, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._events: deque[tuple[str, bytes]] = deque()
        self._ended = False
        self._name = b""
        self._value = b""
        self._disposition = b""
        if not boundary:
            raise broken_form()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": lambda: self._events.append((_END, b"")),
                    "on_end": self._end,
                },
            )
        except (FormParserError, ValueError):
            raise broken_form() from None

    def close(self) -> None:
        """The parser and this know each other: nothing shall be left to the collector."""
        del self._parser

    def _begin(self) -> None:
        self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        self._events.append((_PART, self._disposition))

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._events.append((_DATA, data[start:end]))

    def _end(self) -> None:
        self._ended = True

    async def _next(self) -> tuple[str, bytes] | None:
        while not self._events:
            if self._ended:
                return None
            chunk = await anext(self._body, None)
            if chunk is None:
                raise broken_form()
            try:
                self._parser.write(chunk)
            except FormParserError:
                raise broken_form() from None
        return self._events.popleft()

    async def next_part(self) -> Part | None:
        """The next part once all of the one before is read; None at the end."""
        event = await self._next()
        if event is None:
            async for _chunk in self._body:  # what follows a form means nothing
                pass
            return None
        kind, disposition = event
        if kind != _PART:
            raise broken_form()
        _, options = parse_options_header(disposition)
        name, filename = options.get(b"name"), options.get(b"filename")
        if name is None:
            raise broken_form()
        return Part(_decoded(name), None if filename is None else _decoded(filename), self._content())

    async def _content(self) -> AsyncIterator[bytes]:
        while (event := await self._next()) is not None:
            kind, data = event
            if kind == _END:
                return
            yield data
        raise broken_form()
