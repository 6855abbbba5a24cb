"""Gets the Kafka client past header names that are no UTF-8.

Kafka takes any bytes for a name, and some clients send them. This one raises where it meets such a
name, and with it loses the rest of what its sender had put into one batch: every fetch after it
begins with that batch anew.
"""

from typing import Any, SupportsIndex, overload

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


def tolerate_header_names() -> None:
    """From now on every consumer of this process gives such names with surrogates for the bytes
    that are no text (PEP 383). Unpacking in Python takes longer, so not before one has come."""
    fetcher.MemoryRecords = _Records


class _Bytes(bytearray):
    """The client decodes nothing but names out of these."""

    @overload
    def __getitem__(self, key: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> "_Bytes": ...
    def __getitem__(self, key: SupportsIndex | slice) -> "int | _Bytes":
        if isinstance(key, slice):
            return _Bytes(super().__getitem__(key))
        return super().__getitem__(key)

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        return super().decode(encoding, errors)


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]
    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _Bytes(self._buffer)


class _Records(_MemoryRecordsPy):  # type: ignore[misc]
    def next_batch(self, *args: Any) -> Any:
        raw = self._next_slice
        batch = super().next_batch(*args)
        # Older formats have no headers.
        return _Batch(raw) if raw is not None and batch is not None and batch.magic >= 2 else batch
