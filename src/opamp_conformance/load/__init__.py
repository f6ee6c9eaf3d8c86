"""Load tests: a fleet of agents, driven by the users of Locust. Each user drives many agents.

Only ``locust_user`` and ``locust_session`` import Locust, because that changes the standard library of the process.
"""
