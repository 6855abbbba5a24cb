"""`python -m ops.demo`: the register at work, from start to end, in one terminal."""
