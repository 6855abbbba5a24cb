"""FastStream with a batch subscriber, a transaction per batch."""
