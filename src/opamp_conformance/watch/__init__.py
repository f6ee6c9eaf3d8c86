"""Stands between agents and a server, changes nothing, and judges both."""
