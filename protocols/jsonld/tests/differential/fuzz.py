#!/usr/bin/env python3
"""Random documents: python3 fuzz.py <seed> <count> > fuzz-documents.json

Half of them hostile (most of those are refused), half with contexts that are mostly in order."""

import json
import random
import sys

KEYWORDS = ["@id", "@type", "@value", "@language", "@direction", "@index", "@list", "@set", "@graph", "@included",
            "@reverse", "@nest", "@none", "@context", "@foo"]
TERMS = ["a", "b", "c", "d", "type", "id", "ex:p", "urn:q", "http://x/y", "nest", "rev", "T", "U", "_:p", "rel/x", ""]
STRINGS = ["x", "", "T", "U", "ex:r", "urn:z", "_:b0", "_:b1", "@foo", "@json", "rel", "http://x/ y", "en", "en-US",
           "1.0", "2024-01-01", "did:example:1", "#f", "ltr"]
CONTAINERS = ["@list", "@set", "@index", "@language", "@id", "@type", "@graph", ["@graph", "@id"], ["@graph", "@index"],
              ["@index", "@set"], ["@language", "@set"], "@foo", None, ["@list", "@set"]]
TYPES = ["@id", "@vocab", "@json", "@none", "http://www.w3.org/2001/XMLSchema#double", "urn:dt", "ex:dt", "rel", "@foo", None]
V1 = "https://www.w3.org/2018/credentials/v1"
V2 = "https://www.w3.org/ns/credentials/v2"

r = random.Random()
gentle = False


def maybe(p):
    return r.random() < p


def orderly(depth):
    d = {"@id": r.choice(["urn:" + r.choice("klmn"), "ex:t"])}
    kind = r.random()
    if kind < 0.25:
        d["@type"] = r.choice(["@id", "@vocab", "@json", "@none", "http://www.w3.org/2001/XMLSchema#double", "ex:dt"])
        d["@container"] = r.choice(["@list", "@set"])
    elif kind < 0.6:
        d["@container"] = r.choice([c for c in CONTAINERS if c not in ("@foo", None, ["@list", "@set"])])
        if maybe(0.3) and "@index" in d["@container"] and "@graph" not in d["@container"]:
            d["@index"] = "ex:ix"
    elif kind < 0.8:
        d["@context"] = context(depth + 1)
    if maybe(0.15):
        d["@language"] = r.choice(["fr", None])
    if maybe(0.1):
        d["@protected"] = True
    if maybe(0.1):
        d = {"@reverse": "urn:rev"}
    return d


def definition(depth):
    if gentle:
        return r.choice(["urn:" + r.choice("klmn"), "ex:t", "http://x/t#"]) if maybe(0.4) else orderly(depth)
    kind = r.random()
    if kind < 0.35:
        return r.choice(["urn:" + r.choice("klmn"), "ex:t", "http://x/t#", "@type", "@id", "@nest", "@graph", "a", "@foo", "rel", "@value"])
    if kind < 0.40:
        return None
    if kind < 0.42:
        return r.choice([1, True, []])
    d = {}
    if maybe(0.8):
        d["@id"] = r.choice(["urn:" + r.choice("klmn"), "ex:t", "@type", "@id", "@nest", None, "@foo", "T"])
    elif maybe(0.3):
        d["@reverse"] = r.choice(["urn:rev", "ex:rev", "@foo", "rel"])
    if maybe(0.4):
        d["@type"] = r.choice(TYPES)
    if maybe(0.4):
        d["@container"] = r.choice(CONTAINERS)
    if maybe(0.1):
        d["@language"] = r.choice(["fr", None, 1])
    if maybe(0.08):
        d["@direction"] = r.choice(["rtl", None, "up"])
    if maybe(0.1):
        d["@index"] = r.choice(["urn:ix", "ex:ix", "@index", "a"])
    if maybe(0.2) and depth < 3:
        d["@context"] = context(depth + 1)
    if maybe(0.08):
        d["@prefix"] = r.choice([True, False, 1])
    if maybe(0.1):
        d["@protected"] = r.choice([True, False, "x"])
    if maybe(0.08):
        d["@nest"] = r.choice(["@nest", "nest", "@id"])
    if maybe(0.02):
        d["@unknown"] = 1
    return d


def context(depth=0):
    if maybe(0.05):
        return None
    if maybe(0.06):
        return r.choice([V1, V2])
    if maybe(0.1):
        return [context(depth + 1) for _ in range(r.randint(0, 2))] if depth < 3 else {}
    c = {}
    if gentle:
        c = {"ex": "http://ex/#", "type": "@type", "id": "@id", "nest": "@nest"}
        if maybe(0.6):
            c["@vocab"] = r.choice(["urn:v:", "http://v/"])
        if maybe(0.1):
            c["@propagate"] = r.choice([True, False])
        if maybe(0.1):
            c["@language"] = "EN-us"
        for _ in range(r.randint(1, 5)):
            c[r.choice(["a", "b", "c", "d", "T", "U"])] = definition(depth)
        return c
    if maybe(0.5):
        c["@version"] = r.choice([1.1] * 12 + [1.0])
    if maybe(0.35):
        c["@vocab"] = r.choice(["urn:v:", "http://v/", None, "", "ex:", "rel"])
    if maybe(0.5):
        c["ex"] = r.choice(["http://ex/#", "urn:ex:", {"@id": "urn:ex", "@prefix": True}])
    if maybe(0.1):
        c["@language"] = r.choice(["de", "EN-us", None])
    if maybe(0.05):
        c["@direction"] = r.choice(["ltr", None])
    if maybe(0.08):
        c["@base"] = r.choice(["http://base/x/", None, "rel"])
    if maybe(0.08):
        c["@propagate"] = r.choice([True, False])
    if maybe(0.1):
        c["@protected"] = True
    if maybe(0.4):
        c["nest"] = "@nest"
    if maybe(0.5):
        c["type"] = "@type"
    if maybe(0.5):
        c["id"] = "@id"
    for _ in range(r.randint(0, 4)):
        c[r.choice(TERMS[:-1] if maybe(0.97) else TERMS + KEYWORDS)] = definition(depth)
    return c


def scalar():
    kind = r.random()
    if kind < 0.7:
        return r.choice(STRINGS)
    return r.choice([1, 0, -1, 2.5, True, False, None, 10, 0.1])


def value(depth):
    kind = r.random()
    if gentle and kind < 0.1:
        return {k: value(depth + 1) for k in r.sample(["en", "x", "urn:i", "T", "@none"], 2)}
    if depth > 3 or kind < 0.45:
        return scalar()
    if kind < 0.6:
        return [value(depth + 1) for _ in range(r.randint(0, 3))]
    if kind < 0.7:
        v = {"@value": scalar()}
        if maybe(0.3):
            v["@language"] = r.choice(["en", "EN", "x y", 1])
        if maybe(0.3):
            v["@type"] = r.choice(["urn:dt", "@json", "rel", ["urn:dt"], None, "ex:dt"])
        if maybe(0.1):
            v["@index"] = "i"
        if maybe(0.05):
            v["a"] = 1
        return v
    if kind < 0.75:
        return {r.choice(["@list", "@set"]): value(depth + 1)}
    return node(depth + 1)


def tame(depth):
    n = {}
    if maybe(0.1) and depth:
        n["@context"] = context(1)
    if maybe(0.3):
        n["id"] = r.choice(["urn:z", "_:b0", "_:b1", "did:example:1", "ex:r"])
    if maybe(0.5):
        n["type"] = r.choice(["T", "U", ["T", "U"], "urn:T", "ex:T"])
    for _ in range(r.randint(1, 4)):
        n[r.choice(["a", "b", "c", "d", "ex:p", "urn:q"] + (["nest"] if maybe(0.05) else []))] = value(depth)
    return n


def node(depth=0):
    if gentle:
        return tame(depth)
    n = {}
    if maybe(0.15) and depth:
        n["@context"] = context(1)
    if maybe(0.3):
        n[r.choice(["@id", "id"])] = r.choice(STRINGS if maybe(0.9) else [1, None])
    if maybe(0.35):
        n[r.choice(["@type", "type"])] = r.choice(["T", "U", ["T", "U"], "urn:T", "rel", ["T"], "@foo", "ex:T"])
    for _ in range(r.randint(0, 4)):
        key = r.choice(TERMS if maybe(0.88) else KEYWORDS)
        if key not in n and key != "@context":
            n[key] = value(depth)
    return n


def main(seed, count):
    r.seed(int(seed))
    documents = []
    for i in range(int(count)):
        global gentle
        gentle = i % 2 == 1
        document = node()
        document["@context"] = context()
        documents.append({"name": f"{i:04}", "document": document})
    json.dump({"documents": documents}, sys.stdout, separators=(",", ":"))


main(*sys.argv[1:])
