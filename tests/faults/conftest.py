"""Fixtures of the tests that stop and kill."""

from tests.integration.support.fixtures import deployment

__all__ = ["deployment"]
