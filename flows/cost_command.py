"""`dw cost`: what a month of an environment costs, and what of it weighs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.table import Table

from contracts.registry import Registry
from flows import names
from flows.screen import console, print_json
from tasks import cost as work
from tasks.cost import Line, Measured, Prices, Used, by_component
from tasks.settings import Settings


def cost(environment: str | None, rows_per_day: float | None, bytes_per_day: float | None, *, as_json: bool) -> None:
    """Print a month's bill of one environment, item by item, or of all."""
    settings = Settings()
    root = settings.repository
    prices, metrics = work.read_prices(root), work.metric_count(Registry.read(root))
    measured = work.measure(settings)
    known = work.environments(root)
    if environment and environment not in known:
        raise names.unknown("environment", environment, known, "--environment")
    found: dict[str, tuple[Used, list[Line]]] = {}
    for name in [environment] if environment else known:
        described = work.read_environment(root, name)
        used = work.with_volume(described.used, rows_per_day, bytes_per_day, measured)
        found[name] = used, work.estimate(work.Environment(described.built, described.modules, used), prices, metrics)
    if as_json:
        print_json(_as_dict(found, prices, measured))
        return
    for name, (used, lines) in sorted(found.items(), key=lambda item: sum(line.usd for line in item[1][1])):
        _print(name, used, lines, detailed=environment is not None)
    _print_basis([line for _, lines in found.values() for line in lines], prices, measured)


def _print(name: str, used: Used, lines: list[Line], *, detailed: bool) -> None:
    total, parts = sum(line.usd for line in lines), by_component(lines)
    table = Table(title=f"{name}: {total:,.0f} USD a month", title_justify="left")
    table.add_column("component", no_wrap=True)
    if detailed:
        for column in ("item", "quantity", "unit"):
            table.add_column(column, justify="right" if column == "quantity" else "left", no_wrap=True)
    table.add_column("USD", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    for component, usd in parts.items():
        mine = [line for line in lines if line.component == component and (line.usd or not detailed)]
        if not usd:
            continue
        if not detailed:
            weak = sum(line.usd for line in mine if not line.is_confirmed)
            table.add_row(component, _usd(usd, weak < usd / 20), _share(usd, total))
            continue
        for line in mine:
            said = (line.item, f"{line.quantity:,.2f}", line.unit, _usd(line.usd, line.is_confirmed))
            table.add_row(component if line is mine[0] else "", *said, _share(line.usd, total))
    console.print(table)
    largest, weight = next(iter(parts.items()))
    rows, delivered = f"{used.rows_per_day:,.0f} rows", f"{used.bytes_per_day / 1e6:,.1f} MB"
    console.print(
        f"{largest} is {_share(weight, total)} of it. A day brings {rows}, {delivered}; {used.history_days} days have "
        "piled up.",
        soft_wrap=True,
    )


def _print_basis(lines: list[Line], prices: Prices, measured: Measured | None) -> None:
    if measured:
        console.print(
            f"Bytes per row are those of {measured.where}: {measured.rows:,} rows; {measured.delivered_bytes:,} bytes "
            f"delivered, {measured.lake_bytes:,} in the lake, {measured.warehouse_bytes:,} in DuckDB's file (mostly "
            "half-empty blocks while it is small).",
            markup=False,
            soft_wrap=True,
        )
    else:
        console.print("Bytes per row are assumed (infra/cost/): there is no local warehouse to measure.")
    weak = sorted({line.price for line in lines if line.usd and not line.is_confirmed})
    if weak:
        total = sum(line.usd for line in lines)
        share = sum(line.usd for line in lines if not line.is_confirmed)
        console.print(
            f"~ {len(weak)} prices could not be confirmed for {prices.region}; {_share(share, total)} of the sum rests "
            f"on them: {', '.join(weak)}. infra/prices.yaml says what each is taken from.",
            markup=False,
            soft_wrap=True,
        )
    console.print("Without taxes, free tiers, discounts, and what analysts' queries and a person's console cost.")


def _usd(usd: float, is_confirmed: bool) -> str:
    return f"{'' if is_confirmed else '~'}{usd:,.2f}"


def _share(part: float, total: float) -> str:
    return f"{100 * part / total if total else 0:.0f}%"


def _as_dict(found: dict[str, tuple[Used, list[Line]]], prices: Prices, measured: Measured | None) -> dict[str, Any]:
    return {
        "region": prices.region,
        "measured": asdict(measured) if measured else None,
        "environments": {
            name: {
                "usd": sum(line.usd for line in lines),
                "components": by_component(lines),
                "used": used.model_dump(),
                "lines": [asdict(line) for line in lines],
            }
            for name, (used, lines) in found.items()
        },
        "prices": {name: price.model_dump() for name, price in prices.prices.items()},
    }
