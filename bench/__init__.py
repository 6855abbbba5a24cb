"""Benchmarks: the service's figures next to yardsticks of the same run (`bench/README.md`)."""
