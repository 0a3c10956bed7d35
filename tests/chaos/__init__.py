"""Faults under load: what is promised about every post that was answered, checked while things break.

`installation.py` is three nodes as processes over engines of their own; `people.py` who lives on them; `listener.py`
and `posting.py` are clients that do what good clients do; `talk.py` lets them talk while a fault happens and says
afterwards what was lost, doubled or swapped; `faults/` holds one module for each kind of fault, each with a long form
(`make chaos`, which prints a table) and a short one (in the suite).
"""
