"""Which identities are one person: a union of identities that share a match key (R50, R51)."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)


class Components(Generic[Node]):
    """Disjoint sets of nodes; joining never depends on the order (R52)."""

    def __init__(self) -> None:
        self._parents: dict[Node, Node] = {}
        self._members: dict[Node, list[Node]] = {}

    def add(self, node: Node) -> None:
        """Make the node known, alone unless it is known already."""
        if node not in self._parents:
            self._parents[node] = node
            self._members[node] = [node]

    def __contains__(self, node: Node) -> bool:
        return node in self._parents

    def root(self, node: Node) -> Node:
        """The node that stands for the node's set; raises `KeyError` for an unknown node."""
        while self._parents[node] != node:
            self._parents[node] = self._parents[self._parents[node]]
            node = self._parents[node]
        return node

    def join(self, nodes: Iterable[Node]) -> None:
        """Make one set of all the nodes' sets."""
        roots = list(dict.fromkeys(self.root(node) for node in nodes))
        if len(roots) < 2:
            return
        roots.sort(key=lambda root: len(self._members[root]))
        target = roots.pop()
        for root in roots:
            self._parents[root] = target
            self._members[target].extend(self._members.pop(root))

    def members(self, node: Node) -> list[Node]:
        """Every node of the node's set."""
        return self._members[self.root(node)]

    def sets_of(self, nodes: Iterable[Node]) -> list[list[Node]]:
        """The nodes' sets, each once."""
        return [self._members[root] for root in dict.fromkeys(map(self.root, nodes))]

    def nodes(self) -> Iterable[Node]:
        """Every node."""
        return self._parents.keys()

    def sets(self) -> list[list[Node]]:
        """All sets."""
        return list(self._members.values())
