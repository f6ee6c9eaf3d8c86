"""The ledger's own forms: the entry that a new sentence needs, and the frozen lines of a version."""

import json
import re
from collections.abc import Iterator
from typing import Final

from opamp_conformance.ledger.ledger import Ledger
from opamp_conformance.ledger.sentences import Sentence
from opamp_conformance.ledger.versions import SpecVersion

_LEVELS: Final = (
    (re.compile(r"\b(MUST|SHALL) NOT\b"), "MUST-NOT"),
    (re.compile(r"\b(MUST|SHALL|REQUIRED)\b"), "MUST"),
    (re.compile(r"\b(SHOULD NOT|NOT RECOMMENDED)\b"), "SHOULD-NOT"),
    (re.compile(r"\b(SHOULD|RECOMMENDED)\b"), "SHOULD"),
    (re.compile(r"\b(MAY|OPTIONAL)\b"), "MAY"),
)


def entry_to_do(sentence: Sentence, version: SpecVersion) -> str:
    """Return the entry of a new sentence in the ledger's form; a person fills in its id, subject and statement."""
    level = next((level for pattern, level in _LEVELS if pattern.search(sentence.text)), "implied")
    lines = {sentence.first_line, sentence.last_line}
    entry = {
        "level": level,
        "subject": "TO DO: server, agent or both",
        "section": sentence.section or "proto:TO DO",
        "line": "-".join(str(line) for line in sorted(lines)),
        "since": str(version),
        "statement": "TO DO: in our own words",
    }
    hashes = "sentences" if sentence.section else "proto_sentences"
    written = [f"{name} = {json.dumps(value)}" for name, value in entry.items()]
    return "\n".join(['["TO DO"]', *written, f'{hashes} = ["{sentence.hash}"]'])


def frozen_lines(ledger: Ledger) -> Iterator[str]:
    """Yield the statements of a ledger as JSON, sorted by id: what "conformant to this version" means."""
    for name in sorted(ledger):
        requirement = ledger[name]
        yield json.dumps(
            {
                "id": name,
                "level": requirement.level,
                "counts_as": requirement.counts_as or requirement.level,
                "subject": requirement.subject,
                "status": requirement.status,
                "section": requirement.section,
                "statement": requirement.statement,
            },
            ensure_ascii=False,
        )
