"""Public ids: the document's own pairs, and that each stands for one database id."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.public_ids import decode, encode


@pytest.mark.parametrize(("database_id", "public_id"), [(1, 383064256), (2, 449274139), (4, 48468653), (6, 177194047)])
def test_the_documents_pairs(database_id: int, public_id: int) -> None:
    assert encode(database_id) == public_id
    assert decode(public_id) == database_id


@given(st.integers(0, 2**31 - 1))
def test_there_and_back(number: int) -> None:
    assert decode(encode(number)) == number
    assert encode(decode(number)) == number
    assert 0 <= encode(number) < 2**31


@given(st.integers(2**31, 2**63 - 1))
def test_large_ids_stand_as_they_are(number: int) -> None:
    assert encode(number) == decode(number) == number
