"""Every metric of a worker. Label values are bounded, and never a person."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_RECORDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)


class Metrics:
    """The worker's instruments, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every instrument; a registry takes them once."""
        self.registry = registry
        self.ready = Gauge(
            "register_ready",
            "1 while this worker's lanes take events in and its relay is connected, as /readyz",
            registry=registry,
        )
        self.lag = Gauge(
            "register_consumer_lag",
            "Records not yet fetched, of the partitions assigned to this worker",
            ["topic"],
            registry=registry,
        )
        self.events = Counter(
            "register_events",
            "Records by outcome: applied, refused, duplicate or dead",
            ["topic", "outcome"],
            registry=registry,
        )
        self.batch_records = Histogram(
            "register_batch_records", "Records per batch", buckets=_RECORDS, registry=registry
        )
        self.batch_seconds = Histogram(
            "register_batch_seconds",
            "Seconds from decoding a batch to its commit",
            buckets=_SECONDS,
            registry=registry,
        )
        self.batch_retries = Counter(
            "register_batch_retries",
            "Batches tried again: conflict with another batch, a lock held for long, or an outage",
            ["cause"],
            registry=registry,
        )
        self.event_latency = Histogram(
            "register_event_latency_seconds",
            "Seconds from an event's broker timestamp to its eligibility record's acknowledgement",
            buckets=_SECONDS,
            registry=registry,
        )
        self.ban_latency = Histogram(
            "register_ban_latency_seconds",
            "The same for bans and withdrawals only",
            buckets=_SECONDS,
            registry=registry,
        )
        self.eligibility_records = Counter(
            "register_eligibility_records",
            "Records acknowledged on marketing.eligibility",
            registry=registry,
        )
        self.published = Counter(
            "register_published", "Records acknowledged, by topic", ["topic"], registry=registry
        )
        self.outbox_depth = Gauge(
            "register_outbox_depth", "Messages committed and not published yet", registry=registry
        )
        self.outbox_age = Gauge(
            "register_outbox_age_seconds", "Age of the oldest such message", registry=registry
        )
        self.relay_leads = Gauge(
            "register_relay_leads", "1 while this worker publishes the outbox", registry=registry
        )
        self.output_held = Gauge(
            "register_output_held",
            "1 while this worker's relay leads and holds all output back after a restore (R66)",
            registry=registry,
        )
        self.schema_behind = Gauge(
            "register_schema_behind",
            "1 while this worker waits for migrations that the database lacks",
            registry=registry,
        )
        self.dead_letters = Counter(
            "register_dead_letters", "Dead letters by reason code", ["reason"], registry=registry
        )
        self.refusals = Counter(
            "register_refusals", "Refused events", ["rule", "reason"], registry=registry
        )
        self.dropped_fields = Counter(
            "register_dropped_party_fields",
            "Unknown fields of a party that were dropped (S7)",
            registry=registry,
        )
        self.customers = Gauge("register_customers", "Customers in the register", registry=registry)
        self.open_requests = Gauge(
            "register_requests_open", "Requests that wait (R61)", registry=registry
        )
        self.overdue_requests = Gauge(
            "register_requests_overdue", "Requests past their due date (R61)", registry=registry
        )
        self.sweep_failures = Counter(
            "register_sweep_failures",
            "Steps of the register's own work that failed, by work",
            ["work"],
            registry=registry,
        )
        self.possible_duplicates = Gauge(
            "register_possible_duplicates",
            "Customers who share an e-mail address or a phone number with another (R50)",
            registry=registry,
        )
        self.retained_out = Counter(
            "register_retention_erased",
            "Former customers erased because their time was over (R26)",
            registry=registry,
        )
        # Alerts look at the growth of these: they must be there before it happens.
        for cause in ("conflict", "lock", "outage"):
            self.batch_retries.labels(cause)
        self.dead_letters.labels("internal_error")
        for work in (
            "agreements",
            "disclosures",
            "retention",
            "rebuild-copy",
            "duplicates",
            "customers",
        ):
            self.sweep_failures.labels(work)
