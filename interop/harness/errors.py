"""The one exception that scenarios raise when an agent does not behave."""


class Mismatch(Exception):
    """What was expected did not happen; the text says what was seen instead."""


def expect(condition, text):
    if not condition:
        raise Mismatch(text)


def expect_equal(seen, wanted, what):
    if seen != wanted:
        raise Mismatch(f"{what}: expected {wanted!r}, saw {seen!r}")
