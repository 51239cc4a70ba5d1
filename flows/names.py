"""Names as people type them: what one means, or the exit with 2 that says what it could have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import typer

from contracts.ids import LAYERS, TableId
from contracts.model import Contract
from contracts.registry import Registry

_FEW = 8


def meant(name: str, known: Iterable[str], *, cutoff: float = 0.7) -> str:
    """`did you mean …?` with the names that come near, else those there are."""
    names = sorted(known)
    if near := difflib.get_close_matches(name, names, n=3, cutoff=cutoff):
        return f"did you mean {' or '.join(near)}?"
    more = " …" if len(names) > _FEW else ""
    return f"there are {', '.join(names[:_FEW])}{more}" if names else "there are none"


def unknown(what: str, name: str, known: Iterable[str], option: str | None = None) -> typer.BadParameter:
    """The error that no such thing is called so."""
    return typer.BadParameter(f"no {what} is called {name!r}; {meant(name, known)}", param_hint=option)


def table(registry: Registry, name: str, layers: Iterable[str] = LAYERS, option: str | None = None) -> Contract:
    """The contract of a table that is named `<layer>.<table>`, in one of these layers.

    Raises BadParameter, with the names that come near, for any other.
    """
    wanted = tuple(layers)
    known = {str(t): contract for t, contract in registry.items() if t.layer in wanted}
    if name in known:
        return known[name]
    of_other = {str(t) for t in registry} - known.keys()
    if name in of_other:
        said = f"{name} is of the layer {TableId.parse(name).layer}; this is for {' and '.join(wanted)}"
        near = [t for t in known if TableId.parse(t).name == TableId.parse(name).name]
        raise typer.BadParameter(said + (f": {', '.join(near)}" if near else ""), param_hint=option)
    # A name without its layer, or of another one: the table's own name says most.
    _, _, last = name.rpartition(".")
    same = [t for t in known if t.partition(".")[2] == last]
    if same:
        raise typer.BadParameter(f"no table is called {name!r}; did you mean {' or '.join(same)}?", param_hint=option)
    raise unknown("table", name, known, option)
