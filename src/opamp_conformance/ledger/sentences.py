"""The sentences of the specification, and how the ledger finds those that have changed.

The ledger has a short hash of each sentence, because the text is not part of this project.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opamp_conformance.ledger.ledger import Ledger, Requirement

_KEYWORD = re.compile(r"\b(MUST|SHALL|SHOULD|REQUIRED|RECOMMENDED|MAY|OPTIONAL)\b")
_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)\s+(?=[^a-z])")
_HEADING = re.compile(r"#{1,6}\s+(.*)")
_LIST_ITEM = re.compile(r"\s*([-*+]|\d+\.|- \(\d+\)|\(\d+\))\s+")
_COMMENT = re.compile(r"\s*//\s?(.*)")
_BOILERPLATE = "interpreted as described in"


@dataclass(frozen=True)
class Sentence:
    """One sentence, with its first and last line, and the anchor of its section (empty in a .proto file)."""

    text: str
    section: str
    first_line: int
    last_line: int

    @property
    def hash(self) -> str:
        """The hash that the ledger has; line breaks and the markup of links do not change it."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    @property
    def is_normative(self) -> bool:
        return _KEYWORD.search(self.text) is not None and _BOILERPLATE not in self.text


def sentences(text: str) -> Iterator[Sentence]:
    """Split a Markdown text, or a .proto file, into the sentences of its paragraphs, list items and comments."""
    section, seen, in_comment = "", Counter[str](), False
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        heading, comment = _HEADING.fullmatch(line), _COMMENT.fullmatch(line)
        content = comment[1] if comment else line
        ends = heading is not None or not content.strip() or line.lstrip().startswith("```")
        if ends or _LIST_ITEM.match(content) or (comment is not None) != in_comment:
            yield from _split(block, section)
            block = []
        in_comment = comment is not None
        if heading is not None:
            anchor = _anchor(heading[1])
            section = f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
            seen[anchor] += 1
        elif not ends:
            block.append((number, content))


@dataclass(frozen=True)
class Difference:
    """How a document and the ledger differ in one place: a sentence is new, gone or changed.

    ``sentence`` is the new one.
    """

    kind: str
    where: str
    about: str
    sentence: Sentence | None = None

    def __str__(self) -> str:
        return f"{self.kind:<7}  {self.where}: {self.about}"


def compare(ledger: Ledger, specification: str, protos: Iterable[str]) -> list[Difference]:
    """Compare the hashes in the ledger with the sentences of the specification, and of .proto files if given."""
    found = list(sentences(specification))
    in_protos = [sentence for text in protos for sentence in sentences(text)]
    hashes = {sentence.hash for sentence in (*found, *in_protos)}
    wanted = {r: {*r.sentences, *(r.proto_sentences if in_protos else ())} for r in ledger.values()}
    known = {hash_ for hashes_ in wanted.values() for hash_ in hashes_}
    new = [sentence for sentence in (*found, *in_protos) if sentence.is_normative and sentence.hash not in known]
    gone = [requirement for requirement, of_it in wanted.items() if of_it - hashes]
    rewritten = Counter(sentence.section for sentence in new)
    differences = [
        Difference("changed" if rewritten[requirement.section] else "gone", f"#{requirement.section}", requirement.id)
        for requirement in gone
    ]
    # If n sentences of a section are gone, its first n new sentences are regarded as their new wording.
    replaced = Counter({section: len(hashes_) for section, hashes_ in _gone_from(gone, hashes).items()})
    for sentence in new:
        if replaced[sentence.section]:
            replaced[sentence.section] -= 1
        else:
            where = f"#{sentence.section} line {sentence.first_line}"
            differences.append(Difference("new", where, sentence.text[:100], sentence))
    return differences


def _gone_from(gone: Iterable[Requirement], hashes: set[str]) -> dict[str, set[str]]:
    """Return the hashes of sentences that no longer exist, by their section."""
    sections: dict[str, set[str]] = {}
    for requirement in gone:
        sections.setdefault(requirement.section, set()).update(set(requirement.sentences) - hashes)
    return sections


def _split(block: list[tuple[int, str]], section: str) -> Iterator[Sentence]:
    """Split one paragraph, whose lines have numbers."""
    text, starts = "", []
    for number, line in block:
        starts.append((len(text), number))
        text += line.strip() + " "
    position = 0
    for part in _END.split(text.strip()):
        start = text.index(part, position)
        position = start + len(part)
        plain = _plain(part)
        if plain:
            yield Sentence(plain, section, _line_at(starts, start), _line_at(starts, position - 1))


def _line_at(starts: list[tuple[int, int]], position: int) -> int:
    return max(number for start, number in starts if start <= position)


def _plain(text: str) -> str:
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\s+", " ", _LIST_ITEM.sub("", text, count=1)).strip()


def _anchor(heading: str) -> str:
    """Return the anchor of a heading on GitHub."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")
