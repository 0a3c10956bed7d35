"""Reading pages and pictures of other people: all encodings, all that is broken, never for long."""

import time
from collections.abc import Callable
from timeit import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from server.features.posts.links import Links, links_in
from server.features.posts.models import PostImage
from server.features.previews.html import open_graph, text_of
from server.features.previews.models import OpenGraph
from server.features.previews.pictures import picture_in
from tests.features.previews.world import picture

URL = "https://example.org/dir/page"


def seconds(work: Callable[[], object]) -> float:
    """How long a processor works on it, without the collections of garbage that others have left."""
    return timeit(work, timer=time.thread_time, number=1)


def read(text: str) -> OpenGraph | None:
    """What a page at URL says."""
    return open_graph(text, URL, URL)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("<title>  A\n title </title>", "A title"),
        ('<meta name="twitter:title" content="Bird"><title>Page</title>', "Bird"),
        ('<META CONTENT="Upper" PROPERTY="OG:TITLE">', "Upper"),
        ("<meta property=og:title content=bare>", "bare"),
        ("<!-- <meta property=og:title content=no> --><title>yes</title>", "yes"),
        ("<script>'<title>no</title>'</script><title>yes</title>", "yes"),
        ("<title>&lt;b&gt; &#xD800; &amp;</title>", "<b> \ufffd &"),
        ("<body><title>late</title>", None),
        ("</head><title>late</title>", None),
        ('<meta property="og:title" content="never closed><title>x</title>', None),
        ("<title>never closed", None),
        ("", None),
        ("<", None),
        ("<title>a\0b</title>", "ab"),
        (f"<title>{'x' * 400}</title>", f"{'x' * 299}…"),
    ],
)
def test_titles(text: str, title: str | None) -> None:
    page = read(text)

    assert (page.title if page else None) == title


def test_pictures_of_a_page() -> None:
    page = read(
        """<meta property="og:image" content="../a.png"><meta property="og:image:secure_url" content="https://s/a.png">
        <meta property="og:image:width" content="10"><meta property="og:image:height" content="-3">
        <meta property="og:image" content="javascript:alert(1)"><meta property="og:image" content="//cdn/b.png">
        <meta property="og:image" content="data:image/png,x"><meta property="og:image" content="http://[bad">"""
    )

    assert page is not None
    assert [(image.url, image.shown, image.width, image.height) for image in page.images] == [
        ("https://example.org/a.png", "https://s/a.png", 10, 0),
        ("https://cdn/b.png", "https://cdn/b.png", 0, 0),
    ]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("grün".encode("latin-1"), "text/html; charset=ISO-8859-1"),
        ('<meta charset="windows-1252">grün'.encode("cp1252"), "text/html"),
        ("grün".encode(), "text/html"),
        ("\ufeffgrün".encode("utf-16"), 'text/html; charset="UTF-16"'),
        ("grün".encode(), "text/html; charset=punycode"),
        ("grün".encode(), "text/html; charset=unicode_escape"),
    ],
)
def test_encodings(body: bytes, content_type: str) -> None:
    assert text_of(body, content_type).endswith("grün")


@given(st.text(alphabet="<>/=\"'! -ametproilcnsg:hdb\n", max_size=300), st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_anything_can_be_read(text: str, tail: bytes) -> None:
    read(text)
    read(text_of(tail, "text/html; charset=utf-16"))
    links_in(text)
    for start in (b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF0000WEBPVP8X", b"\xff\xd8\xff\xe1", b""):
        picture_in(start + tail)


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "<meta ",
        '<meta a="',
        "<!--",
        "<script>",
        "<a b",
        "<a" + " b" * 99,
        "</",
        '<meta x=y ">',
        "<a =",
        "<a  ",
        "&#",
    ],
)
def test_a_page_is_read_once(unit: str) -> None:
    text = unit * (2_000_000 // len(unit))

    assert seconds(lambda: read(text)) < 1.5


@pytest.mark.parametrize(
    "unit", ["[", "![", "](", "https://(", "[a](https://", "[a](https://x ", "https://", ")", "<https://", "www.", "`"]
)
def test_links_are_found_in_one_go(unit: str) -> None:
    text = "https://x" + unit * (16_000 // len(unit))

    assert seconds(lambda: links_in(text)) < 0.1


@pytest.mark.parametrize(
    ("message", "first", "images"),
    [
        ("see https://a.b/c.", "https://a.b/c", ()),
        ("(https://a.b/x_(y))", "https://a.b/x_(y)", ()),
        ("`https://a.b` then www.c.d!", "http://www.c.d", ()),
        ("```\nhttps://a.b\n```\n<https://c.d>", "https://c.d", ()),
        ('![p](https://a.b/p.png "title") and [t](https://c.d "x")', "https://c.d", ("https://a.b/p.png",)),
        ("![p](https://a.b/p.png =100x20)", "", ("https://a.b/p.png",)),
        ("[![b](https://a.b/1.png)](https://c.d/2)", "https://c.d/2", ("https://a.b/1.png",)),
        ("me@www.a.b and xhttps://y", "", ()),
        ("https://a.b/" + "x" * 2100, "", ()),
        ("![](https://a.b/p.png)" * 3, "", ("https://a.b/p.png",)),
        ("ftp://a.b mailto:x@y.z", "", ()),
    ],
)
def test_links_of_messages(message: str, first: str, images: tuple[str, ...]) -> None:
    assert links_in(message) == Links(first, images)


def test_a_post_has_ten_pictures_at_most() -> None:
    assert len(links_in(" ".join(f"![](https://a.b/{number}.png)" for number in range(30))).images) == 10


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (picture(31, 17), PostImage(31, 17, "png")),
        (picture(31, 17, "JPEG"), PostImage(31, 17, "jpeg")),
        (picture(31, 17, "WEBP"), PostImage(31, 17, "webp")),
        (picture(31, 17, "WEBP", lossless=True), PostImage(31, 17, "webp")),
        (picture(31, 17, "WEBP", frames=3), PostImage(31, 17, "webp")),
        (picture(31, 17, "GIF"), PostImage(31, 17, "gif", 1)),
        (picture(31, 17, "GIF", frames=5), PostImage(31, 17, "gif", 5)),
        (picture(31, 17)[:30], PostImage(31, 17, "png")),
        (picture(31, 17, "BMP"), None),
        (b"", None),
        (b"<svg/>", None),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\0\0\0\x01", None),
    ],
)
def test_sizes_of_pictures(content: bytes, found: PostImage | None) -> None:
    assert picture_in(content) == found


def test_a_turned_photograph_is_as_wide_as_it_is_seen() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    assert picture_in(picture(40, 20, "JPEG", exif=exif)) == PostImage(20, 40, "jpeg")


def test_frames_are_counted_quickly() -> None:
    content = b"GIF89a" + b"\x01\0\x01\0\0\0\0" + (b"\x2c" + bytes(8) + b"\0\x02\0") * 150_000

    assert picture_in(content) == PostImage(1, 1, "gif", 10_000)
    assert seconds(lambda: picture_in(content)) < 1
