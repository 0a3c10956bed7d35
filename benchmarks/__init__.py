"""Programs that measure; every one says at its top how it is started and what its figures mean.

`python -m benchmarks` is the table of README (`make bench`): `works.py` lists its rows, which `delivering.py`,
`requesting.py`, `idling.py` and `floor.py` measure; `report.py` prints them beside `figures.json`, `mattermost.json`.
They and the other programs stand on `service.py` (a service of one's own), `people.py` and `world.py` (who is there),
`posting.py` and `rest.py` (what is asked), `sockets.py` and `receiving.py` (who listens), `meter.py` (what it cost).
"""
