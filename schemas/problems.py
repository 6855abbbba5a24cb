"""What can be wrong with a message.

ContractError
└── Unreadable      the message becomes a dead letter
"""


class ContractError(Exception):
    """A message does not follow the contract."""


class Unreadable(ContractError):
    """A message that cannot be read, with a reason that never holds a value of it.

    `code` is one of the reasons listed in `docs/publishing.md`; `field` is the path of the
    field, where one is to blame.
    """

    def __init__(self, code: str, field: str | None = None) -> None:
        super().__init__(code if field is None else f"{code}: {field}")
        self.code = code
        self.field = field

    @property
    def reason(self) -> str:
        """The text of the dead letter's `dlq-reason` header: `code` or `code: field`."""
        return str(self)
