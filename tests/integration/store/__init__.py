"""The store with the rules on a real PostgreSQL, batch by batch, without Kafka."""
