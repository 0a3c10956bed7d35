"""Guests: people from outside, who are in single channels and know nothing else of the server.

`invites.py` invites them by mail, `service.py` makes members guests and guests members, and ends all guests when the
settings switch them off. What guests may is in their roles; whom they may know says users/visible.py. Writes no table
of its own, but the guests' flags through the queries of users, teams, channels and sessions. Events:
guests_deactivated. The surprise: public channels are to guests what private ones are to members: they know those that
they were put into.
"""
