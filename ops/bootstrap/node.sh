#!/usr/bin/env bash
# Makes sure that node (18 or newer) and npm are there: tests/unit/test_asyncapi.py runs the
# official AsyncAPI parser with them. Installs Debian's packages when root; says what to run
# otherwise. Does nothing, and prints nothing, where both are there.
set -euo pipefail

have_node() {
  command -v npm >/dev/null && command -v node >/dev/null &&
    node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)'
}

if have_node; then exit 0; fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "node: node 18 or newer and npm are needed; on Debian run:" >&2
  echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends nodejs npm" >&2
  exit 1
fi

echo "node: installing Debian's nodejs and npm"
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends nodejs npm
have_node || { echo "node: still not there, or older than 18: $(node --version 2>&1)" >&2; exit 1; }
