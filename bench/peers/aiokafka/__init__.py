"""aiokafka alone, a transaction per event."""
