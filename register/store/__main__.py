"""`python -m register.store migrate`: bring the database at DATABASE_URL up to date."""

import os
import sys

from register.store.migrate import LockedOut, migrate


def main() -> int:
    """Run the one command; exit code 1: nobody let it; 2: the call is wrong."""
    if sys.argv[1:] != ["migrate"]:
        print("usage: python -m register.store migrate", file=sys.stderr)
        return 2
    url = os.environ.get("DATABASE_URL")
    if not url:
        print("DATABASE_URL is not set; run: set -a; . .local/env", file=sys.stderr)
        return 2
    try:
        migrate(url, lambda line: print(f"register.store: {line}", flush=True))
    except LockedOut as error:
        print(f"register.store: {error}", file=sys.stderr)
        return 1
    print("register.store: the database has the newest schema")
    return 0


if __name__ == "__main__":
    sys.exit(main())
