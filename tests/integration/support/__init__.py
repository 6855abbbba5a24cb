"""What the tests with real servers share: a deployment of a test's own, and a model to judge it.

`deployment` runs workers as processes of their own on a database and topics of their own,
`broker` talks to Kafka through librdkafka, `events` says what channels say, `model` computes
from the records on the topics what the register must hold.
"""
