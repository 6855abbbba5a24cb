"""`python -m bench.soak`: the register under load for an hour, and what grows that should not."""
