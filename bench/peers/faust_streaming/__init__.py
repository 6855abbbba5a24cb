"""faust-streaming, a transaction per event."""
