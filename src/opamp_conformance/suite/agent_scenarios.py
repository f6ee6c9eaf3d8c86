"""Every scenario about agents as a test, with the steps that belong to them. ``run --agent`` runs it."""

from pathlib import Path

from opamp_conformance.ledger.ledger import Subject
from opamp_conformance.suite.collecting import steps_of, tests_of

globals().update(steps_of("agent_side"))
globals().update(tests_of(Subject.AGENT, Path(__file__)))
