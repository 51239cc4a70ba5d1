"""Start-up: imports make hundreds of thousands of objects that stay, and each collection looks at them all."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collections() -> Iterator[None]:
    """Collect no garbage while what comes to stay is imported, and never look through that later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        # DuckDB tells on standard error of what is still there when Python ends.
        atexit.unregister(gc.unfreeze)
        atexit.register(gc.unfreeze)
