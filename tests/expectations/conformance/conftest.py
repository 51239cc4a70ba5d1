"""The engines, asked once: Great Expectations takes seconds to import, and a context seconds to make."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from conformance.cases import asked_on
from conformance.comparison import Answers


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from conformance.engines import Engines

    return Engines(tmp_path_factory.mktemp("conformance"))


@pytest.fixture(scope="session")
def theirs(engines: Any) -> Answers:
    from conformance.engines import COMPLETE

    return cache(lambda frame: engines.theirs(asked_on(frame), frame, COMPLETE))


@pytest.fixture(scope="session")
def ours(engines: Any) -> Answers:
    from conformance.engines import COMPLETE

    return cache(lambda frame: engines.ours(asked_on(frame), frame, COMPLETE))
