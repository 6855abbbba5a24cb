"""What the tests of the pure rules share.

`events` writes what channels say, `register` is a register in memory around the rules,
`naive` is a second, slow reading of the rules to hold them against, `compare` puts the two
side by side.
"""
