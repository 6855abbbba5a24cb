"""Headers of a record as the outbox keeps them: bytes, since they may hold anything."""

from collections.abc import Sequence

import orjson

Headers = Sequence[tuple[str, bytes | None]]


def pack_headers(headers: Headers) -> bytes:
    """Names and values as JSON; a byte is a character of Latin-1 there."""
    return orjson.dumps(
        [[name, None if value is None else value.decode("latin-1")] for name, value in headers]
    )


def unpack_headers(packed: bytes) -> list[tuple[str, bytes | None]]:
    """The reverse."""
    return [
        (name, None if value is None else value.encode("latin-1"))
        for name, value in orjson.loads(packed)
    ]
