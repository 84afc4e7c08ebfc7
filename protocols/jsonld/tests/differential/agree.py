#!/usr/bin/env python3
"""What both references say about the fuzz documents, in one short line each.

    python3 fuzz.py 21 1500 > fuzz-documents.json
    python3 make.py fuzz-documents.json /tmp/p.json && node make.mjs fuzz-documents.json /tmp/j.json
    python3 agree.py /tmp/p.json /tmp/j.json > fuzz-agreed.json

SHA-256 of the N-Quads where both give the same, "refuse" where both refuse; the rest is left out.
"""

import hashlib
import json
import sys

pyld, js = (json.load(open(path)) for path in sys.argv[1:])
agreed = {}
for name, one in pyld.items():
    other = js[name]
    if "error" in one and "error" in other:
        agreed[name] = "refuse"
    elif one.get("nquads") == other.get("nquads"):
        agreed[name] = hashlib.sha256(one["nquads"].encode()).hexdigest()
json.dump(agreed, sys.stdout, indent=0)
print()
