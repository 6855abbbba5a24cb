"""Fixtures of the tests with real servers."""

from tests.integration.support.fixtures import deployment

__all__ = ["deployment"]
