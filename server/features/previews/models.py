"""What addresses gave, on the wire and as it is remembered."""

from typing import ClassVar, Literal

from msgspec import Struct, field

from server.features.posts.models import PostImage
from server.jobs.job import Job


class OpenGraphImage(Struct, frozen=True, kw_only=True):
    """A picture that a page has for its previews."""

    url: str = ""
    secure_url: str = ""
    type: str = ""
    width: int = 0
    height: int = 0

    @property
    def shown(self) -> str:
        """The address that clients load."""
        return self.secure_url or self.url


class OpenGraph(Struct, frozen=True, kw_only=True):
    """What a page says of itself. Reply of POST /opengraph."""

    type: str = ""
    url: str
    title: str = ""
    description: str = ""
    site_name: str = ""
    images: list[OpenGraphImage] = field(default_factory=list)


class Address(Struct, frozen=True):
    """Body of POST /opengraph."""

    url: str


class Location(Struct, frozen=True):
    """Reply of GET /redirect_location: where an address leads on to, "" for nowhere."""

    location: str = ""


class Found(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an address gave."""

    kind: Literal["page", "image", "none"] = "none"
    page: OpenGraph | None = None
    image: PostImage | None = None


class FetchPreviews(Job, frozen=True, kw_only=True):
    """Find out what stands behind the links of a post."""

    name: ClassVar[str] = "fetch_previews"

    post_id: str
    tries: int = 0
    """How often it found all places taken."""

    @property
    def delay(self) -> int:
        """At once, later every second."""
        return 1000 if self.tries else 0
