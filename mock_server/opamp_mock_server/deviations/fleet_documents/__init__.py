"""Deviations from the documents of Fleet Server. They need a server that keeps agents in Elasticsearch."""

from opamp_mock_server.deviations.fleet_documents import configuration, description, enrollment, status

__all__ = ["configuration", "description", "enrollment", "status"]
