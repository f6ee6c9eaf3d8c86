"""Load tests: a fleet of agents that are played by Locust's users, many by each.

Nothing but ``user`` and ``session`` imports Locust, as that changes the standard library of the process that does.
"""
