"""Digests are HMAC-SHA-256, as anybody else would make them from the same secret (R7)."""

import hmac

import pytest

from register.rules.digest import Digester


@pytest.mark.parametrize("length", [16, 63, 64, 65, 200])
def test_a_digest_is_an_hmac_under_the_secret(length: int) -> None:
    secret = bytes(range(length))
    for _ in range(2):  # what is kept of the key is not used up
        point = Digester(secret).phone("+358401234567")
        assert point.digest == hmac.digest(secret, b"+358401234567", "sha256")


def test_one_digester_gives_the_same_each_time() -> None:
    digester = Digester(b"a secret of the tests alone")
    assert digester.phone("+358401234567") == digester.phone("+358401234567")
    assert digester.phone("+358401234567") != digester.phone("+358401234568")
