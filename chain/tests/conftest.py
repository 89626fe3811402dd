import pytest

from chain import development
from chain.node import Node, node


@pytest.fixture(scope="session")
def token() -> str:
    """The test USDT's address; deployed unless the launcher has done so."""
    return development.deploy_token()


@pytest.fixture
def chain(token: str) -> Node:
    """The node of the settings, with the token on its chain."""
    return node()
