"""The harness of `make faults`, for a minute: one fault of most kinds, and nothing lost."""

import pytest

from tests.faults.harness.plan import SHORT
from tests.faults.harness.run import Options, run

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.slow]


@pytest.mark.timeout(300)
async def test_one_fault_of_most_kinds() -> None:
    """All that was said is kept, decided and told as the model says; the seed is fixed, so that
    it is the same run each time."""
    options = Options(seed=1, faults=len(SHORT), deck=SHORT, quiet_every=len(SHORT))
    report = await run(options, print)
    assert not report.differences, report
    assert not report.ended, report
    assert report.compared.persons > 300, report
    assert sum(report.struck.values()) == len(SHORT), report
