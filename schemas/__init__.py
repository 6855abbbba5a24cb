"""The wire contract: every message the service reads or writes, as pydantic models.

`docs/contract.md` is the normative page; the JSON Schemas and the AsyncAPI document under
`docs/` are generated from these models by `python -m schemas.docs`.
"""
