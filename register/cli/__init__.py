"""`register`: what customer service asks of the register on a command line."""

from register.cli.app import main

__all__ = ["main"]
