"""The copies of the normative pages in `docs/` are the pages themselves."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"


@pytest.mark.parametrize("name", ["contract.md", "rules.md", "obligations.md", "notice.fi.txt"])
def test_copy_equals_the_original(name: str) -> None:
    if not SHARED.is_dir():
        pytest.skip("the originals are not beside this checkout (../shared); nothing to compare")
    assert (ROOT / "docs" / name).read_bytes() == (SHARED / name).read_bytes()
