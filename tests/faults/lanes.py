"""A lane that runs inside the test, so that the test can do to it what the group does."""

from prometheus_client import CollectorRegistry

from tests.integration.support.deployment import Deployment
from workers.ingest import Ingest
from workers.lanes import BULK, Lane
from workers.metrics import Metrics
from workers.settings import Settings


def bulk_lane(deployment: Deployment, **settings: str) -> Ingest:
    """The bulk lane of a worker of the deployment; whoever takes it starts and stops it."""
    chosen = {name.lower(): value for name, value in deployment.settings().items()}
    return Ingest(
        Lane.BULK.value,
        Settings.model_validate({**chosen, **settings}),
        BULK,
        Metrics(CollectorRegistry()),
    )
