"""Fluent Great Expectations datasources for data that our engines measure: `context.data_sources.add_polars(…)`.

The metaclass of `Datasource` makes the `add_<type>` method. The batch parameter must be called `dataframe`: Great
Expectations leaves out that one, and only that one, when it copies and prints batch requests.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from great_expectations.core.batch import LegacyBatchDefinition
from great_expectations.core.batch_spec import RuntimeDataBatchSpec
from great_expectations.core.id_dict import IDDict
from great_expectations.datasource.fluent.batch_identifier_util import make_batch_identifier
from great_expectations.datasource.fluent.batch_request import BatchRequest
from great_expectations.datasource.fluent.constants import _DATA_CONNECTOR_NAME
from great_expectations.datasource.fluent.interfaces import Batch, DataAsset, Datasource

from expectations.flat_engine import BatchData, FlatEngine
from expectations.polars_engine import PolarsExecutionEngine
from expectations.warehouse_engine import WarehouseExecutionEngine


class _InMemoryAsset(DataAsset):  # type: ignore[type-arg]
    """An asset whose batch is handed in: `{"dataframe": BatchData}`."""

    def test_connection(self) -> None: ...

    def get_batch_parameters_keys(self, partitioner: Any = None) -> tuple[str, ...]:
        return ("dataframe",)

    def get_batch_identifiers_list(self, batch_request: Any) -> list[dict[str, Any]]:
        return [IDDict(batch_request.options)]

    def build_batch_request(self, options: Any = None, batch_slice: Any = None, partitioner: Any = None) -> Any:
        if batch_slice is not None or partitioner is not None:
            raise ValueError("data in memory are one batch: no slices, no partitions")
        request = BatchRequest(datasource_name=self.datasource.name, data_asset_name=self.name, options=options or {})
        self._validate_batch_request(request)
        return request

    def _validate_batch_request(self, batch_request: Any) -> None:
        if not isinstance(batch_request.options.get("dataframe"), BatchData) or len(batch_request.options) != 1:
            raise ValueError("the batch parameters are exactly {'dataframe': PolarsBatch or RelationBatch}")

    def get_batch(self, batch_request: Any) -> Batch:
        self._validate_batch_request(batch_request)
        spec = RuntimeDataBatchSpec(batch_data=batch_request.options["dataframe"])
        data, markers = self.datasource.get_execution_engine().get_batch_data_and_markers(batch_spec=spec)
        definition = LegacyBatchDefinition(
            datasource_name=self.datasource.name,
            data_connector_name=_DATA_CONNECTOR_NAME,
            data_asset_name=self.name,
            batch_identifiers=make_batch_identifier(batch_request.options),
            batch_spec_passthrough=None,
        )
        return Batch(
            datasource=self.datasource,
            data_asset=self,
            batch_request=batch_request,
            data=data,
            batch_markers=markers,
            batch_spec=spec,
            batch_definition=definition,
        )


class FrameAsset(_InMemoryAsset):
    """A Polars frame."""

    type: Literal["polars_frame"] = "polars_frame"


class RelationAsset(_InMemoryAsset):
    """A relation of the warehouse."""

    type: Literal["warehouse_relation"] = "warehouse_relation"


# Inside the classes below `type` is a field.
_Assets = list[type[DataAsset]]  # type: ignore[type-arg]
_Engine = type[FlatEngine]


class _InMemoryDatasource(Datasource):  # type: ignore[type-arg]
    def test_connection(self, test_assets: bool = True) -> None: ...

    def add_data_asset(self, name: str) -> Any:
        """Add an asset whose batches are handed in."""
        asset: Any = self.asset_types[0]
        return self._add_asset(asset(name=name))


class PolarsDatasource(_InMemoryDatasource):
    """Frames of the lake, on the Polars engine."""

    asset_types: ClassVar[_Assets] = [FrameAsset]
    type: Literal["polars"] = "polars"
    assets: list[FrameAsset] = []  # noqa: RUF012 (a pydantic field)

    @property
    def execution_engine_type(self) -> _Engine:
        return PolarsExecutionEngine


class WarehouseDatasource(_InMemoryDatasource):
    """Relations of the warehouse, on the engine that asks in one SELECT."""

    asset_types: ClassVar[_Assets] = [RelationAsset]
    type: Literal["warehouse"] = "warehouse"
    assets: list[RelationAsset] = []  # noqa: RUF012 (a pydantic field)

    @property
    def execution_engine_type(self) -> _Engine:
        return WarehouseExecutionEngine
