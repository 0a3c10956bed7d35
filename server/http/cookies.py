"""The cookies of a browser's session: MMAUTHTOKEN, which pages can't read, MMUSERID and MMCSRF."""

from urllib.parse import urlsplit

from server.config import Config

AUTH_TOKEN = "MMAUTHTOKEN"  # noqa: S105 - the cookie's name
USER_ID = "MMUSERID"
CSRF = "MMCSRF"


def _scope(config: Config) -> str:
    """Where the cookies are sent: the site's path, and its subdomains if they are to share them."""
    site = urlsplit(config.ServiceSettings.SiteURL)
    attributes = f"; Path={site.path.rstrip('/') or '/'}"
    if config.ServiceSettings.AllowCookiesForSubdomains and site.hostname:
        attributes += f"; Domain={site.hostname}"
    return attributes


def session_cookies(
    config: Config, *, token: str, user_id: str, csrf: str, max_age: int, secure: bool
) -> list[tuple[str, str]]:
    """Headers that sign a browser in; `max_age` in seconds, 0 for as long as the browser runs."""
    attributes = _scope(config)
    if max_age:
        attributes += f"; Max-Age={max_age}"
    if secure:
        attributes += "; Secure"
    return [
        ("Set-Cookie", f"{AUTH_TOKEN}={token}{attributes}; HttpOnly; SameSite=Lax"),
        ("Set-Cookie", f"{USER_ID}={user_id}{attributes}; SameSite=Lax"),
        ("Set-Cookie", f"{CSRF}={csrf}{attributes}; SameSite=Lax"),
    ]


def clear_cookies(config: Config) -> list[tuple[str, str]]:
    """Headers that make a browser forget its session: the same cookies in the same scope, with no time to live."""
    attributes = f"{_scope(config)}; Max-Age=0; SameSite=Lax"
    return [
        ("Set-Cookie", f"{AUTH_TOKEN}={attributes}; HttpOnly"),
        ("Set-Cookie", f"{USER_ID}={attributes}"),
        ("Set-Cookie", f"{CSRF}={attributes}"),
    ]
