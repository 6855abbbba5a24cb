"""Tests that stop and kill workers and servers, and then count what is left."""
