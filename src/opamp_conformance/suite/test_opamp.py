"""Every scenario about servers as a test, with the steps that belong to them."""

from pathlib import Path

from opamp_conformance.ledger.ledger import Subject
from opamp_conformance.suite.collecting import steps_of, tests_of

globals().update(steps_of(""))
globals().update(tests_of(Subject.SERVER, Path(__file__)))
