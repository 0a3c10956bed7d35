"""What signed in, as lists of sessions show it: platform, system and program, read from the User-Agent."""

import re

_PROGRAMS = (
    ("Desktop App", re.compile(r"Mattermost/([\w.-]+)")),
    ("Mobile App", re.compile(r"(?:Mattermost Mobile|rnbeta|mattermost-mobile)/([\w.-]+)", re.IGNORECASE)),
    ("mmctl", re.compile(r"mmctl/([\w.-]+)")),
    ("Edge", re.compile(r"Edge?/([\w.]+)")),
    ("Opera", re.compile(r"OPR/([\w.]+)")),
    ("Chrome", re.compile(r"Chrome/([\w.]+)")),
    ("Firefox", re.compile(r"Firefox/([\w.]+)")),
    ("Safari", re.compile(r"Version/([\w.]+).*Safari")),
    ("python-requests", re.compile(r"python-requests/([\w.]+)")),
)
_SYSTEMS = (
    ("iPhone", "iOS", re.compile(r"iPhone|iPad|iOS")),
    ("Linux", "Android", re.compile(r"Android")),
    ("Windows", "Windows", re.compile(r"Windows")),
    ("Macintosh", "Mac OS", re.compile(r"Macintosh|Mac OS")),
    ("Linux", "Linux", re.compile(r"Linux|X11")),
)


def describe_agent(user_agent: str, *, device_id: str = "") -> dict[str, str]:
    """The props of a session that say what it belongs to."""
    platform, system = next(
        ((platform, system) for platform, system, form in _SYSTEMS if form.search(user_agent)), ("unknown", "unknown")
    )
    found = ((name, form.search(user_agent)) for name, form in _PROGRAMS)
    program = next((f"{name}/{match[1][:32]}" for name, match in found if match), "unknown")
    mobile = bool(device_id) or program.startswith("Mobile App")
    return {
        "platform": platform,
        "os": system,
        "browser": program,
        "isMobile": "true" if mobile else "false",
    }
