"""Tests against real Kafka and PostgreSQL servers."""
