"""Values that no field expects, and moments that no clock shows."""

import random
from collections.abc import Callable
from typing import Any

import orjson

from ops.generate.poison import identity_code

Make = Callable[[random.Random], Any]

_CODE = identity_code(random.Random(1))

TEXTS = (
    "",
    " ",
    "\t\n\r",
    "\0",
    "a\0b",
    "\\u0000",
    "\x7f\x80\x9f",
    "\ufeffBOM",
    "\ufffe\uffff",
    "\U0010ffff",
    "\u202eover",
    "e\u0301" * 200,
    "a" + "\u0301" * 254,
    "👩‍👩‍👧‍👦" * 10,
    "ß" * 255,
    "İ" * 255,
    "ﬃ" * 255,
    "x" * 254,
    "x" * 255,
    "x" * 256,
    "x" * 501,
    "null",
    "true",
    "NaN",
    "1e999",
    "-0",
    "%s%n{0}${x}",
    "'; drop table fact; --",
    "<script>",
    "../../etc/passwd",
    _CODE,
    f"x{_CODE}y",
    _CODE.lower(),
    "aino@example.fi",
    "AINO@EXAMPLE.FI",
    "aino+tag@example.fi",
    "a@b",
    "@",
    "aino@[127.0.0.1]",
    '"a b"@example.fi',
    "aino@xn--example-.fi",
    "äö@exämple.fi",
    "a@" + "x" * 63 + ".example.fi",
    "a@" + ".".join(["x" * 60] * 4) + ".fi",
    "ａｉｎｏ@ｅｘａｍｐｌｅ.ｆｉ",
    "ß@example.fi",
    "ŉ@example.fi",
    "a@ex\u00adample.fi",
    "+358401234567",
    "040 123 4567",
    "040-1234567;ext=99",
    "+" * 200,
    "(((((((((((((((((((((((((((((((((0401234567",
    "tel:+358401234567",
    "٠٤٠١٢٣٤٥٦٧",
    "+٣٥٨٤٠١٢٣٤٥٦٧",
    "+800 1234 5678",
    "112",
    "0112038-9",
    "112038-9",
    "٠١١٢٠٣٨-٩",
    "service_notice",
    "newsletter",
    "business",
    "FI",
)

NUMBERS = (
    0,
    -1,
    1,
    2**31,
    2**53 - 1,
    2**53,
    2**63,
    2**64 - 1,
    0.1,
    -0.0,
    1e308,
    5e-324,
    1.0,
    2490.0,
)

RAW = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"-1e999",
    b"1e-999",
    b"1" + b"0" * 30,
    b"9" * 5_000,
    b"0." + b"1" * 5_000,
    b"01",
    b"+1",
    b".5",
    b"0x10",
    b"1_000",
    b'"\\ud800"',
    b'"\\udfff\\ud800"',
    b'"\\ud83d\\ude00"',
    b'"\\u0000"',
    b'"\\U0041"',
    b'"\\x41"',
    b'"\\"',
    b'"\xff\xfe"',
    b'"\xc0\x80"',
    b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"',
    b'"tab\there"',
    b"'single'",
    b"undefined",
    b"None",
    b"// comment",
    b"",
    b",",
    b"}",
    b"]",
    b"{} {}",
)

TIMES = (
    "2026-03-01T12:00:00",
    "2026-03-01",
    "2026-03-01 12:00:00Z",
    "2026-03-01t12:00:00z",
    "2026-03-01T12:00:00.123456789123Z",
    "2026-03-01T12:00:00." + "9" * 60 + "Z",
    "2026-03-01T12:00:60Z",
    "2016-12-31T23:59:60Z",
    "2026-03-01T24:00:00Z",
    "2026-02-30T12:00:00Z",
    "2026-03-01T12:00:00+14:00",
    "2026-03-01T12:00:00-23:59",
    "2026-03-01T12:00:00+24:00",
    "2026-03-01T12:00:00+99:99",
    "2026-03-01T12:00:00+02",
    "2026-03-01T12:00:00+0200",
    "2026-03-01T12:00:00-00:00",
    "2026-03-01T12:00:00Zulu",
    "2026-W09-7T12:00:00Z",
    "0000-00-00T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "1899-12-31T23:59:59Z",
    "1900-01-01T00:00:00+14:00",
    "1900-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "2038-01-19T03:14:08Z",
    "2200-12-31T23:59:59-14:00",
    "2201-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z",
    "+002026-03-01T12:00:00Z",
    "-0001-03-01T12:00:00Z",
    "1772366400",
    "٢٠٢٦-٠٣-٠١T١٢:٠٠:٠٠Z",
    "now",
)

_UNFOLDED = "ΐΰὒὔὖᾷῇῒῗῢῧῷᾀᾁᾂᾃᾄᾅᾆᾇᾐᾑᾒᾓᾔᾕᾖᾗᾠᾡᾢᾣᾤᾥᾦᾧßŉǰẖẗẘẙẚﬀﬁﬂﬃﬄ"
"""Letters that are longer once their case is folded."""


def value(rng: random.Random) -> Any:
    """Something that the field is not."""
    made: Any = rng.choice(_MAKERS)(rng)
    return made


def nested(depth: int) -> orjson.Fragment:
    """So many lists in each other, or objects."""
    if depth % 2:
        return orjson.Fragment(b"[" * depth + b"]" * depth)
    return orjson.Fragment(b'{"a":' * depth + b"1" + b"}" * depth)


def text(rng: random.Random) -> str:
    """A text that is odd in some way."""
    return rng.choice(TEXT_MAKERS)(rng)


def _picked(rng: random.Random) -> str:
    return rng.choice(TEXTS)


def _long(rng: random.Random) -> str:
    # Mostly short enough to stay under the longest value: a million characters say little more.
    length = rng.choice((300, 2_000, 20_000)) if rng.random() < 0.98 else 1_000_001
    return rng.choice(("x", "ä", "\U0001f600", " ", "1", "0401234567 ")) * length


def _random_text(rng: random.Random) -> str:
    span = rng.choice((0x7F, 0x250, 0xD7FF, 0x10FFFF))
    codes = (rng.randrange(span) for _ in range(rng.randrange(1, 255)))
    return "".join(chr(code) for code in codes if not 0xD800 <= code <= 0xDFFF)


def _expanding(rng: random.Random) -> str:
    return "".join(rng.choices(_UNFOLDED, k=rng.randrange(1, 256)))


TEXT_MAKERS: tuple[Callable[[random.Random], str], ...] = (
    *(_picked, _picked, _picked),
    _long,
    _random_text,
    _expanding,
)

_MAKERS: tuple[Make, ...] = (
    text,
    text,
    text,
    lambda rng: rng.choice(NUMBERS),
    lambda rng: orjson.Fragment(rng.choice(RAW)),
    lambda rng: rng.choice(TIMES),
    lambda rng: nested(rng.choice((1, 2, 10, 120, 127, 199, 210, 253, 300, 1_020, 1_100, 20_000))),
    lambda _: None,
    lambda rng: rng.choice((True, False)),
    lambda _: [],
    lambda _: {},
    lambda rng: [text(rng)],
    lambda rng: {text(rng)[:300]: text(rng)},
    lambda rng: [[], {}, None, 1, "x"] * rng.choice((1, 21, 300)),
)
