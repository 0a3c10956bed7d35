"""The load test: simulated people, bots and crowds on any server that speaks API v4, run by Locust.

make loadtest          two minutes against a server of its own; README.md says the rest

locustfile.py          what Locust loads; options.py has the options, conductor.py runs a test
users.py               the kinds of users; person.py is one of them with its client (client.py: REST and socket)
behaviours/            what they do, one module per kind of action; mix.py says how often
world.py, filling.py   the data that tests run on: the plan, and making it over the API; probes.py: what servers lack
deliveries.py          does every post arrive everywhere, once, and when
rules.py, report.py    stop rules and the table at the end; cpu.py counts the server's CPU
shapes.py, capacity.py how the number of users goes; finding out how many a server carries
"""
