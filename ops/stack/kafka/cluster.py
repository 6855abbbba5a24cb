"""A Kafka cluster of one or more nodes on loopback, for development and tests."""

import base64
import os
import secrets
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from string import Template

from ops.stack.kafka.jars import ensure_jars
from ops.stack.kafka.wire import ask_metadata, missing_from
from ops.stack.ports import LOOPBACK
from ops.stack.processes import Daemon
from ops.stack.progress import Progress, Silent
from ops.stack.state import State
from ops.stack.system import ensure_java, run

_HERE = Path(__file__).parent
_READY_S = 60.0
# kafka-server-start.sh's own choice, without JMX.
_JVM = ("-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true")  # fmt: skip


@dataclass(frozen=True, slots=True)
class KafkaNode:
    """One broker (and controller) of a cluster."""

    node_id: int
    daemon: Daemon
    data_dir: Path
    properties: Path
    _state: State = field(repr=False)

    @property
    def port(self) -> int:
        """The loopback port clients connect to."""
        return self._state.port(f"port-{self.node_id}")

    @property
    def controller_port(self) -> int:
        """The loopback port the nodes vote on."""
        return self._state.port(f"controller-port-{self.node_id}")

    @property
    def address(self) -> str:
        """`host:port` for clients."""
        return f"{LOOPBACK}:{self.port}"

    def pid(self) -> int | None:
        """The pid of the running node, or None."""
        return self.daemon.pid()


class KafkaCluster:
    """`nodes` brokers whose files live under `directory`.

    `settings` are added to every node's server.properties (and win over the template),
    `node_settings` to that of the node with the id; both may use the template's names.
    Starting is idempotent; data, ports and the cluster id survive `stop`.
    """

    def __init__(
        self,
        directory: Path,
        nodes: int = 1,
        *,
        settings: Mapping[str, str] | None = None,
        node_settings: Mapping[int, Mapping[str, str]] | None = None,
        progress: Progress | None = None,
    ) -> None:
        if nodes < 1:
            raise ValueError(f"a cluster has at least one node, not {nodes}")
        self._dir = directory.absolute()
        self._settings = dict(settings or {})
        self._node_settings = dict(node_settings or {})
        self._progress: Progress = progress or Silent()
        self._state = State(self._dir / "state.json")
        self.nodes = tuple(self._node(number) for number in range(1, nodes + 1))

    @property
    def bootstrap_servers(self) -> str:
        """`host:port,…` of all nodes, for clients."""
        return ",".join(node.address for node in self.nodes)

    def node(self, node_id: int) -> KafkaNode:
        """The node with that id (the first is 1)."""
        return self.nodes[node_id - 1]

    def start(self) -> None:
        """Start every node that does not run and wait until the cluster answers.

        Raises StackError with the end of the log when it does not come up.
        """
        started = [node for node in self.nodes if self._launch(node)]
        if started:
            with self._progress.step(f"Kafka: starting {len(started)} node(s)"):
                self._await_nodes(self.nodes)
        else:
            self._await_nodes(self.nodes)

    def start_node(self, node_id: int) -> None:
        """Start one node and wait until it knows every running node and a controller."""
        self._launch(self.node(node_id))
        self._await_nodes([self.node(node_id)])

    def stop(self) -> None:
        """Stop all nodes as an operator would; data stays."""
        # All at once: the last voter alone could not finish a controlled shutdown.
        for node in self.nodes:
            node.daemon.signal(signal.SIGTERM)
        for node in self.nodes:
            self.stop_node(node.node_id)

    def stop_node(self, node_id: int) -> None:
        """Stop one node: SIGTERM, and SIGKILL after 20 seconds."""
        self.node(node_id).daemon.stop((signal.SIGTERM, 20.0), (signal.SIGKILL, 10.0))

    def kill_node(self, node_id: int) -> None:
        """Kill one node (SIGKILL), as a crash would."""
        self.node(node_id).daemon.kill()

    def pids(self) -> dict[int, int]:
        """Node id to pid, of the nodes that run."""
        return {node.node_id: pid for node in self.nodes if (pid := node.pid()) is not None}

    def is_ready(self) -> bool:
        """Whether every node runs and answers now."""
        ids = frozenset(node.node_id for node in self.nodes)
        return all(self._missing(node, ids) is None for node in self.nodes)

    def _node(self, number: int) -> KafkaNode:
        home = self._dir / f"kafka-{number}"
        properties = home / "server.properties"
        daemon = Daemon(
            name=f"Kafka node {number}",
            pid_file=self._dir / f"kafka-{number}.pid",
            log_file=home / "server.log",
            marker=f"kafka.Kafka {properties}",
        )
        return KafkaNode(number, daemon, home / "data", properties, self._state)

    def _launch(self, node: KafkaNode) -> bool:
        """Start the node's process unless it runs; True when it was started now."""
        if node.pid() is not None:
            return False
        java = ensure_java(self._progress)
        classpath = ":".join(map(str, ensure_jars(self._progress)))
        env = {**os.environ, "CLASSPATH": classpath}
        self._choose_ports()
        node.properties.parent.mkdir(parents=True, exist_ok=True)
        node.properties.write_text(self._render(node), encoding="utf-8")
        if not (node.data_dir / "meta.properties").exists():
            format_ = [java, "kafka.tools.StorageTool", "format", "--ignore-formatted"]
            arguments = ["-t", self._cluster_id(), "-c", str(node.properties)]
            run([*format_, *arguments], tell=lambda _: None, env=env)
        heap = "-Xmx512m" if len(self.nodes) == 1 else "-Xmx384m"
        log4j = f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}"
        log = f"-Dasiakasrekisteri.log={node.daemon.log_file}"
        node.daemon.start(
            [java, "-Xms256m", heap, *_JVM, log4j, log, "kafka.Kafka", str(node.properties)],
            cwd=node.properties.parent,
            env=env,
        )
        return True

    def _choose_ports(self) -> None:
        """Give every node its ports; a remembered port that another program took is replaced."""
        if self.pids():
            return  # the others already talk to each other on the remembered ones
        for node in self.nodes:
            for key in (f"port-{node.node_id}", f"controller-port-{node.node_id}"):
                self._state.choose_port(key, self._progress)

    def _render(self, node: KafkaNode) -> str:
        """The node's server.properties."""
        count = len(self.nodes)
        voters = ",".join(f"{n.node_id}@{LOOPBACK}:{n.controller_port}" for n in self.nodes)
        extra = {**self._settings, **self._node_settings.get(node.node_id, {})}
        # A repeated key's last value counts in Java properties.
        lines = "".join(f"{key}={value}\n" for key, value in extra.items())
        template = Template((_HERE / "server.properties").read_text(encoding="utf-8") + lines)
        return template.substitute(
            node_id=node.node_id,
            voters=voters,
            port=node.port,
            controller_port=node.controller_port,
            data_dir=node.data_dir,
            replication=min(3, count),
            min_isr=2 if count >= 3 else 1,
        )

    def _cluster_id(self) -> str:
        """The cluster's id, made once: 16 random bytes in URL-safe base64."""
        return self._state.remember("cluster-id", _random_uuid)

    def _await_nodes(self, nodes: Iterable[KafkaNode]) -> None:
        """Wait until these nodes run and know every running node and a controller."""
        nodes = tuple(nodes)
        wanted = frozenset(self.pids()) | {node.node_id for node in nodes}
        for node in nodes:
            ask = partial(self._missing, node, wanted)
            node.daemon.await_ready(ask, deadline_s=_READY_S)

    def _missing(self, node: KafkaNode, wanted: frozenset[int]) -> str | None:
        """What the node still lacks to be ready, in words; None when nothing."""
        if node.pid() is None:
            return "it does not run"
        try:
            return missing_from(ask_metadata(LOOPBACK, node.port), wanted)
        except OSError as error:
            return f"no answer on port {node.port}: {error}"


def _random_uuid() -> str:
    """A Kafka uuid; one that starts with "-" would look like an option."""
    while (uuid := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()[:22])[0] == "-":
        continue
    return uuid
