"""The rules R1 to R66, pure: no clock, no network, no database, nothing of Kafka.

Read in this order: `intake` turns a readable event into a fact, `fold` turns a person's facts
into a state, `bans` says what stands in the ban register, `decide` turns a state into cells,
`register` ties them together for a batch.
"""
