"""Quix Streams with its PostgreSQL sink: state in RocksDB, tables written by the sink."""
