"""Fixtures of the tests with real servers."""

from tests.integration.support.fixtures import deployment, running

__all__ = ["deployment", "running"]
