"""What commands import, and what they read first."""

import pytest_bdd.plugin  # noqa: F401

import opamp_conformance.actions.context
import opamp_conformance.cli.agent
import opamp_conformance.cli.listing
import opamp_conformance.cli.load
import opamp_conformance.cli.reports
import opamp_conformance.cli.run
import opamp_conformance.cli.serve
import opamp_conformance.runner.pytest_plugin  # noqa: F401
from opamp_conformance.ledger.ledger import Subject
from opamp_conformance.suite.catalogue import load_catalogue

for subject in (Subject.SERVER, Subject.AGENT):
    load_catalogue(subject)
