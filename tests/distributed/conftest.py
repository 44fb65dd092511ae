"""Functions called in several connected processes."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.processes import Group


@pytest.fixture(scope="session")
def ranks() -> Callable[..., list[Any]]:
    """Call a function of a test module in several connected processes; what each returns, in rank order."""

    def call(size: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        with Group(size, function, *arguments) as group:
            return group.results()

    return call
