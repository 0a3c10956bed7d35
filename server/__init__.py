"""Hubbub: a real-time team messaging server that speaks the Mattermost API v4.

The folders are the road a message travels: http, access, features, bus, gateway; `app.py` joins them.
"""

__version__ = "0.1.0"
