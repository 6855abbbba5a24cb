"""The only SQL: migrations, the batch read and the batch write, the outbox, the offsets.

`queries.sql` holds every statement by name, `sql.py` loads them, `reading` and `writing` run
them for a batch, `batch` is the one transaction that ties them to the pure rules.
"""
