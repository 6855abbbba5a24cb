"""The one error of the local stack."""


class StackError(Exception):
    """A server could not be installed, started or stopped.

    The message says what was wrong, where, and what to do about it; it is meant
    to be shown to a person as it is, without a traceback.
    """
