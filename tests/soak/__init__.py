"""The soak: everything that people do with three nodes, for hours at a moderate rate, and what may not grow by it.

`crowd.py` does what people and their programs do (`actions.py`), well and badly (`rudeness.py`), while the posters and
listeners of `tests/chaos` talk and account for every post. `sampling.py` reads what the nodes and engines hold,
`flatness.py` judges whether it grows, `soak.py` is the course of it and `report.py` the table. `make soak` takes two
hours; `test_soak.py` is five minutes of the same, beside the other tests.
"""
