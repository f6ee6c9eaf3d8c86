"""``python -m opamp_conformance``."""

from opamp_conformance.cli import main

main()
