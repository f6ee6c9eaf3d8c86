"""The documentation as a site, and the manual page: `sphinx-build -W docs SITE`, `sphinx-build -b man docs FOLDER`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "opamp-conformance"
author = "the opamp-conformance authors"
copyright = author  # noqa: A001 # Sphinx's name
extensions = ["myst_parser", "sphinx_click", "requirement_pages"]
nitpicky = True
# A mermaid diagram is text on the site, and a picture where the page is read on the web.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = "opamp-conformance"
html_copy_source = False
man_pages = [("cli", "opamp-conformance", "grades servers of OpAMP by its specification", author, 1)]

myst_enable_extensions = ["attrs_block"]
myst_heading_anchors = 3
linkcheck_anchors_ignore_for_url = [r"https://github\.com/.*"]  # drawn by scripts
linkcheck_ignore = [r"http://127\.0\.0\.1.*", r"https://.*\.example\.com.*"]
smartquotes = False  # it would turn the two dashes of an option into one


def setup(app):
    app.connect("sphinx-click-process-description", examples_as_code)


def examples_as_code(_app, _context, lines):
    """Show the commands at the end of a description as such: sphinx-click would make a line block of them."""
    told = list(lines)
    first = next((number for number, line in enumerate(told) if line.startswith("| opamp-conformance")), len(told))
    code = [f"   {line.removeprefix('| ')}" for line in told[first:] if line.startswith("|")]
    lines[:] = [*told[:first], *([".. code-block:: console", "", *code, ""] if code else [])]
