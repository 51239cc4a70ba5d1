"""The command line `dw`: the panels of its help in their order, and how it ends."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import warnings
from contextlib import suppress
from importlib import import_module

from flows.commands import app, complete
from flows.prefect_defaults import let_go

# The panels of `dw --help`, in its order; importing one declares its commands.
for _panel in ("load", "look", "quarantine", "define", "operate"):
    import_module(f"flows.commands.{_panel}")


def command() -> None:
    """`dw` as a process of its own: when all is done it ends at once. To take its modules apart would take seconds."""
    status: int | str | None = 1

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # whoever read it has gone
                stream.flush()
        os._exit(status if isinstance(status, int) else int(status is not None))

    # Registered first, called last: what others have still to write at the end is written.
    atexit.register(leave)
    try:
        main()
        status = 0
    except SystemExit as end:
        status = end.code
        raise


def main() -> None:
    """Run `dw`; every failure is one clear paragraph on standard error and a non-zero exit: 2 for a wrong use."""
    is_typing = "_DW_COMPLETE" in os.environ
    if is_typing:
        complete.convert_nothing()
    debug = bool(os.environ.get("DW_DEBUG"))
    if not debug:
        warnings.simplefilter("ignore")
        # Prefect logs a failure twice, with its traceback, before it raises it to us.
        logging.disable(logging.ERROR)
    try:
        if not is_typing:
            _tell_unknown_settings()
        code = app(standalone_mode=False) or 0
        message = "stopped; what was published stays, the rest is taken up by the next run" if code == 130 else ""
    except KeyboardInterrupt:
        message, code = "stopped; what was published stays, the rest is taken up by the next run", 130
    except Exception as error:
        from flows import failures

        if (misuse := failures.misuse(error, app, sys.argv[1:])) is not None:
            message, code = misuse, 2
        elif debug:
            raise
        else:
            message, code = failures.paragraph(error), 1
            let_go(error)
    if message:
        sys.stderr.write(f"dw: {message}\n")
    if code:
        sys.exit(code)


def _tell_unknown_settings() -> None:
    """A setting that is misspelt is told before anything is done; without any, nothing is imported for it."""
    if any(name.startswith("DW_") and name not in ("DW_HOME", "DW_REPOSITORY", "DW_DEBUG") for name in os.environ):
        from flows.failures import unknown_settings

        for line in unknown_settings():
            sys.stderr.write(f"dw: {line}\n")


if __name__ == "__main__":
    command()
