"""What is missing between the notice and the tests."""

from collections.abc import Iterator

from ops.traceability.sources import Served, Sources


def gaps(sources: Sources) -> list[str]:
    """Everything that is mapped wrongly or not tested, one sentence each."""
    return [
        *_mapping_gaps(sources),
        *_untested_rules(sources),
        *_untested_obligations(sources),
        *_pending_gaps(sources),
    ]


def _mapping_gaps(sources: Sources) -> Iterator[str]:
    for name in sources.obligations.keys() - sources.served.keys():
        yield f"{name} is not in docs/traceability.toml"
    for name, served in sources.served.items():
        if name not in sources.obligations:
            yield f"{name} of docs/traceability.toml is not in docs/obligations.md"
        for rule in served.rules:
            if rule not in sources.rules:
                yield f"{name} names {rule}, which docs/rules.md does not have"
        if served.not_software and served.rules:
            yield f"{name} has rules and is marked as out of software's reach"
        if not (served.rules or served.how or served.not_software):
            yield f"{name} says neither rules nor how it is served"


def _untested_rules(sources: Sources) -> Iterator[str]:
    for rule in sources.rules:
        if not sources.tests_of(rule) and rule not in sources.pending:
            yield f"{rule} has no test that names it"


def _untested_obligations(sources: Sources) -> Iterator[str]:
    """An obligation counts as tested where a test names it or one of its rules."""
    for name, served in sources.served.items():
        if not served.not_software and not _is_tested(sources, name, served):
            yield f"{name} has no test that names it or one of its rules"


def _is_tested(sources: Sources, name: str, served: Served) -> bool:
    if any(sources.tests_of(one) for one in (name, *served.rules)):
        return True
    return bool(served.rules) and all(rule in sources.pending for rule in served.rules)


def _pending_gaps(sources: Sources) -> Iterator[str]:
    for rule in sources.pending:
        if sources.tests_of(rule):
            yield f"{rule} has tests now: take it out of `pending` in docs/traceability.toml"
