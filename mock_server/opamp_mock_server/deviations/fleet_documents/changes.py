"""Changes of documents, for the deviations of this chapter."""

import json


def changed(document: str, **fields: object) -> str:
    """Return a document, as JSON, with other values of some fields."""
    return json.dumps({**json.loads(document), **fields})
