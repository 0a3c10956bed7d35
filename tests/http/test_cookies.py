"""Cookies are cleared in the very scope that they were set in, or a browser would keep them."""

import pytest

from server.config import load_config
from server.http.cookies import clear_cookies, session_cookies

SITES = {
    "/": {},
    "/chat": {"MM_SERVICESETTINGS_SITEURL": "https://example.org/chat"},
    "/team; Domain=example.org": {
        "MM_SERVICESETTINGS_SITEURL": "https://example.org/team",
        "MM_SERVICESETTINGS_ALLOWCOOKIESFORSUBDOMAINS": "true",
    },
}


@pytest.mark.parametrize(("scope", "environ"), SITES.items(), ids=list(SITES))
def test_set_and_cleared_in_one_scope(scope: str, environ: dict[str, str]) -> None:
    config = load_config(environ)

    made = [value for _, value in session_cookies(config, token="t", user_id="u", csrf="c", max_age=60, secure=True)]
    cleared = [value for _, value in clear_cookies(config)]

    assert [value.split("=")[0] for value in made] == [value.split("=")[0] for value in cleared]
    assert all(f"; Path={scope}; Max-Age=60; Secure" in value for value in made)
    assert all(f"=; Path={scope}; Max-Age=0" in value for value in cleared)
    assert ["HttpOnly" in value for value in made] == [True, False, False]
