#!/usr/bin/env python3
"""Canonical N-Quads of the documents by pyld 3.3.0, the library that ACA-Py signs with.

    pip install pyld==3.3.0
    python3 make.py documents.json pyld.json

Contexts come from ../../contexts. pyld resolves relative IRIs against http://example.org/base/ when it is given no base.
"""

import json
import sys
from pathlib import Path

from pyld import jsonld

CONTEXTS = Path(__file__).resolve().parent / "../../contexts"
BY_URL = {
    entry["url"]: json.loads((CONTEXTS / entry["file"]).read_text())
    for entry in json.loads((CONTEXTS / "manifest.json").read_text())
}


def load(url, options):
    if url not in BY_URL:
        raise jsonld.JsonLdError(f"no document {url}", "jsonld.LoadDocumentError", code="loading document failed")
    return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": url, "document": BY_URL[url]}


def outcome(document):
    try:
        text = jsonld.normalize(
            document,
            {"algorithm": "URDNA2015", "format": "application/n-quads", "documentLoader": load},
        )
        return {"nquads": text}
    except jsonld.JsonLdError as error:
        while error.code is None and isinstance(error.__cause__, jsonld.JsonLdError):
            error = error.__cause__
        return {"error": error.code or error.type or "error"}
    except Exception as error:  # pyld fails in many ways on odd input
        return {"error": f"crash {type(error).__name__}"}


def main(source, target):
    documents = json.loads(Path(source).read_text())["documents"]
    results = {entry["name"]: outcome(entry["document"]) for entry in documents}
    Path(target).write_text(json.dumps(results, indent=0, ensure_ascii=True) + "\n")


main(*sys.argv[1:])
