"""Breaks a whole register over and over, under load, and counts what is left: `make faults`.

`plan` deals the faults from a seed, `site` is what they happen to, `steps` holds a worker still
at a named step of its work, `actions` strikes, `load` is what channels say meanwhile, `compare`
holds everything against the model at quiet points, `run` puts it together.
"""
