"""Backups of the register with PostgreSQL's own tools, and bringing one back (S45, R66).

A backup folder holds base backups (`base/NAME`, as pg_basebackup makes them) and the archived
write-ahead log (`wal`). `python -m ops.backup` makes, restores and checks them; what has to
happen afterwards is in docs/operating.md.
"""
