"""A fuzzer of the way in: believable events, spoilt in every way that a sender could think of.

`python -m tests.fuzz` runs it for long; `test_fuzz.py` a short version of the same.
"""
