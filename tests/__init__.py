"""Tests: unit (pure, fast), scenarios, integration (real servers), faults."""
