"""Secrets at rest: that the key is the one of this database, and that everything that stands there is sealed with it.

`service.py` looks at each start whether the key fits and seals what is there before the first one; `queries.py` knows
the columns that hold secrets. Beside its own row in `systems` it writes those columns of other features, each only
from one form of the same secret to another, and only while nobody else has changed it. No events.
"""
