"""Asking a Kafka broker for its metadata, with nothing but a socket.

Readiness is asked for from ordinary (not async) code, also inside tests that have an
event loop running: one request of the oldest supported shape is simpler there than a
client library. Layout: https://kafka.apache.org/protocol#The_Messages_Metadata (v1).
"""

import socket
import struct
from dataclasses import dataclass
from io import BytesIO

_METADATA = 3
_VERSION = 1
_CLIENT = b"stack"
_NO_CONTROLLER = -1


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who is in the cluster: ids of live brokers and of the controller (-1: none)."""

    brokers: frozenset[int]
    controller: int


def ask_metadata(host: str, port: int, *, timeout_s: float = 2.0) -> Metadata:
    """Ask the broker who is in its cluster.

    Raises OSError (also TimeoutError) when it does not answer.
    """
    header = struct.pack(">hhih", _METADATA, _VERSION, 1, len(_CLIENT)) + _CLIENT
    no_topics = struct.pack(">i", 0)
    request = header + no_topics
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _read(connection, 4))
        return _parse(BytesIO(_read(connection, size)))


def _read(connection: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes; a closed connection is an OSError."""
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionResetError("the broker closed the connection")
        data += part
    return data


def _parse(body: BytesIO) -> Metadata:
    """Response v1: correlation id, [node id, host, port, rack], controller id, topics."""
    _, count = struct.unpack(">ii", body.read(8))
    brokers = []
    for _ in range(count):
        (node_id,) = struct.unpack(">i", body.read(4))
        _skip_string(body)
        body.read(4)
        _skip_string(body)
        brokers.append(node_id)
    (controller,) = struct.unpack(">i", body.read(4))
    return Metadata(frozenset(brokers), controller)


def _skip_string(body: BytesIO) -> None:
    """Skip a nullable string (length -1 means null)."""
    (length,) = struct.unpack(">h", body.read(2))
    body.read(max(length, 0))


def missing_from(metadata: Metadata, wanted: frozenset[int]) -> str | None:
    """What a ready cluster still lacks, in words; None when nothing."""
    if metadata.controller == _NO_CONTROLLER:
        return "there is no controller yet"
    if absent := wanted - metadata.brokers:
        return f"broker {', '.join(map(str, sorted(absent)))} has not joined yet"
    return None
