"""The notebooks: as they lie in git, and run from the first cell to the last over a small shop."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from small_shop import query

from contracts.registry import REPOSITORY, Registry
from sql import ddl, portable
from sql.consumers import Query, read_notebooks
from sql.dialect import parse_select
from tasks.notebook_run import NotebookError, environment, is_installed, kernel, notebooks
from tasks.settings import Settings
from tasks.warehouse import open_warehouse

FOUND = notebooks(REPOSITORY)
NAMES = [path.stem for path in FOUND]
QUERIES = [query for consumer in read_notebooks(REPOSITORY) for query in consumer.queries]
MOST_CELLS = 25
needed = pytest.mark.skipif(not is_installed(), reason="the extra `notebooks` is not installed")


def test_there_are_notebooks() -> None:
    wanted = {"01_explore_the_star", "02_revenue_and_refunds", "03_customers_cohorts_rfm"}
    assert wanted | {"04_funnel_and_sessions", "05_inventory", "06_data_quality"} <= set(NAMES)
    assert len(QUERIES) > 20


# As they lie in git


@pytest.mark.parametrize("path", FOUND, ids=NAMES)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in body["cells"] if cell["cell_type"] == "code"]
    assert len(body["cells"]) <= MOST_CELLS
    assert [cell["outputs"] for cell in code] == [[]] * len(code), "make format takes them out"
    assert {cell["execution_count"] for cell in code} == {None}, "make format takes them out"
    assert body["metadata"].keys() <= {"kernelspec", "language_info"}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.where)
def test_a_question_keeps_to_the_portable_subset(query: Query) -> None:
    assert [f"{query.where}: {fault.rule}: {fault.message}" for fault in portable.faults(query.select)] == []


@needed
def test_no_question_names_a_personal_column() -> None:
    from tasks.notebook import personal_columns

    registry = Registry.read(REPOSITORY)
    assert {q.where: found for q in QUERIES if (found := list(personal_columns(q.select, registry)))} == {}


@needed
@pytest.mark.parametrize(
    ("select", "found"),
    [
        ("SELECT email FROM core.dim_customer", {"email"}),
        ("SELECT c.EMAIL AS x FROM core.dim_customer AS c", {"email"}),
        ("WITH c AS (SELECT first_name AS x FROM core.dim_customer) SELECT x FROM c", {"first_name"}),
        ("SELECT customer_id FROM core.dim_customer ORDER BY phone", {"phone"}),
        ("SELECT COUNT(DISTINCT email) AS n FROM core.dim_customer", set()),
        ("SELECT COUNT(*) AS n FROM core.dim_customer", set()),
        ("SELECT city FROM core.dim_customer", set()),
        ("SELECT email FROM mart.customer_360", set()),
    ],
)
def test_a_personal_column_is_found_by_its_name(select: str, found: set[str]) -> None:
    from tasks.notebook import personal_columns

    registry = Registry.read(REPOSITORY)
    shown = {name.rpartition(".")[2] for name in personal_columns(parse_select(select, "x"), registry)}
    assert shown == found


@needed
def test_a_star_names_every_personal_column() -> None:
    from tasks.notebook import personal_columns

    registry = Registry.read(REPOSITORY)
    for star in ("*", "c.*"):
        tree = parse_select(f"SELECT {star} FROM core.dim_customer AS c", "x")
        assert {"core.dim_customer.email", "core.dim_customer.birth_date"} <= set(personal_columns(tree, registry))


# Run


@pytest.fixture(scope="module")
def ran(site_home: Path) -> dict[str, list[dict[str, Any]]]:
    """The code cells of each notebook, as they were run for the site."""
    kept = {path.stem: json.loads(path.read_text()) for path in (site_home / "cache" / "notebooks").glob("*.json")}
    assert kept.keys() == set(NAMES)
    return {
        name: [cell for cell in kept[name]["notebook"]["cells"] if cell["cell_type"] == "code"] for name in sorted(kept)
    }


def outputs(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [output for cell in cells for output in cell["outputs"]]


def charts(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from tasks.notebook import VEGALITE

    return [output["data"][VEGALITE] for output in outputs(cells) if VEGALITE in output.get("data", {})]


def words(cells: list[dict[str, Any]]) -> list[str]:
    return [output["data"]["text/markdown"] for output in outputs(cells) if "text/markdown" in output.get("data", {})]


@needed
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_without_a_warning_and_says_what_it_found(ran: dict[str, Any], name: str) -> None:
    cells = ran[name]
    assert [o for o in outputs(cells) if o["output_type"] == "stream"] == []
    assert all(cell["execution_count"] for cell in cells)
    assert len(charts(cells)) >= 3
    assert len(words(cells)) >= 3
    said = " ".join(words(cells))
    assert not re.search(r"\b(nan|None|NaT|inf)\b", said), said


@needed
@pytest.mark.parametrize("name", NAMES)
def test_every_chart_has_a_title_and_rows(ran: dict[str, Any], name: str) -> None:
    for chart in charts(ran[name]):
        assert chart["title"]["text"], chart
        assert chart["title"]["subtitle"], chart
        assert any(chart["datasets"].values()), chart["title"]
        assert "http" not in json.dumps({**chart, "$schema": ""})


@needed
def test_figures_in_words_are_those_of_the_warehouse(ran: dict[str, Any], site_home: Path) -> None:
    (exact,) = query(site_home, "SELECT SUM(net_reporting_amount) AS s FROM core.fact_sales WHERE is_revenue")["s"]
    assert f"All five places say **INR {exact:,.2f}**." in words(ran["01_explore_the_star"])
    said = " ".join(words(ran["06_data_quality"]))
    aside = query(site_home, "SELECT SUM(quarantined_rows)::INT AS n FROM audit.load_ledger")["n"][0]
    assert "Every row is accounted for" in said
    assert f"{aside:,} are quarantined" in said


@needed
def test_little_data_is_said_to_be_little(ran: dict[str, Any]) -> None:
    assert "one month cannot tell" in " ".join(words(ran["03_customers_cohorts_rfm"]))
    assert "No day here has a year before it" in " ".join(words(ran["02_revenue_and_refunds"]))


# What a cell may do, and what happens when it fails


def written(folder: Path, *cells: str) -> Path:
    from nbformat.v4 import new_code_cell, new_notebook, writes

    path = folder / "a.ipynb"
    path.write_text(writes(new_notebook(cells=[new_code_cell(cell) for cell in cells])), encoding="utf-8")
    return path


@needed
def test_a_cell_that_fails_is_named_and_leaves_no_name_to_the_next_notebook(site_home: Path, tmp_path: Path) -> None:
    asks = "from tasks.notebook import ask\n"
    personal = written(tmp_path, "left = 1", asks + "ask('SELECT email FROM core.dim_customer')")
    with kernel(Settings(home=site_home)) as run:
        with pytest.raises(NotebookError, match=r"a\.ipynb, cell 2: PersonalData: .*core\.dim_customer\.email"):
            run(personal)
        with pytest.raises(NotebookError, match=r"a\.ipynb, cell 1: NameError: .*left"):
            run(written(tmp_path, "left"))
        with pytest.raises(NotebookError, match=r"cell 1: SqlError: .*a file holds one SELECT"):
            run(written(tmp_path, asks + "ask('DELETE FROM core.fact_sales')"))
        ran = run(written(tmp_path, asks + "ask('SELECT SUM(quantity) AS n FROM core.fact_sales')['n'].dtype"))
    assert ran["cells"][0]["outputs"][0]["data"]["text/plain"] == "Int64"


@needed
def test_a_warehouse_without_a_row_fails_no_notebook(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with open_warehouse(settings) as warehouse:
        for statement in ddl.create_all(Registry.read(REPOSITORY).values()):
            warehouse.execute(statement)
    with kernel(settings) as run:
        for path in FOUND:
            run(path)


def test_the_settings_of_a_source_are_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tasks.sources import settings_for

    wanted = settings_for("online-retail", Settings(home=tmp_path, threads=1))
    for name, value in environment(wanted).items():
        monkeypatch.setenv(name, value)
    again = Settings()
    assert settings_for(again.source, again) == wanted.model_copy(update={"source": "shop"})
