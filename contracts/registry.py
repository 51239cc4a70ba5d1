"""All contracts of a repository, found by where they lie: `contracts/<layer>/<table>.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from contracts.ids import LAYERS, TableId
from contracts.model import Contract
from contracts.reader import read_contract
from contracts.source import ContractError

REPOSITORY = Path(__file__).resolve().parent.parent


class Registry(Mapping[TableId, Contract]):
    """Contracts by table; a table that has none is a ContractError that names those that come near."""

    def __init__(self, contracts: Mapping[TableId, Contract]) -> None:
        self._contracts = dict(sorted(contracts.items()))

    @classmethod
    def read(cls, root: Path = REPOSITORY, *, validate: bool = False) -> Registry:
        """Read every contract below `root/contracts`; raise one ContractError with the faults of all of them."""
        registry, faults = cls.read_sound(root, validate=lambda file: validate)
        faults += registry._dangling()
        if faults:
            raise ContractError(faults)
        return registry

    @classmethod
    def read_sound(cls, root: Path, *, validate: Callable[[str], bool]) -> tuple[Registry, list[str]]:
        """The contracts that can be read by themselves, and the faults of the others; files to validate by name."""
        contracts: dict[TableId, Contract] = {}
        faults: list[str] = []
        for layer in LAYERS:
            for path in sorted((root / "contracts" / layer).glob("*.yaml")):
                file = path.relative_to(root).as_posix()
                try:
                    contract = read_contract(path, file=file, validate=validate(file))
                except ContractError as error:
                    faults += error.faults
                    continue
                if str(contract.table.contract_file) != file:
                    faults.append(
                        f"{file}:1: the contract's id is {contract.table}; its file should be "
                        f"{contract.table.contract_file}"
                    )
                contracts[contract.table] = contract
        return cls(contracts), faults

    def _dangling(self) -> Iterator[str]:
        for contract in self.values():
            for reference in contract.references:
                target = self._contracts.get(reference.to)
                if target is None:
                    yield f"{reference.where}: a relationship names {reference.to}, which has no contract"
                    continue
                for column in reference.to_columns:
                    if column not in target.names:
                        yield f"{reference.where}: a relationship names {reference.to}.{column}, which does not exist"
            increment = contract.load.increment
            for source in increment.sources if increment else ():
                if TableId.parse(source) not in self._contracts:
                    yield f"{contract.file}:1: the increment names {source}, which has no contract"

    def layer(self, layer: str) -> list[Contract]:
        """The contracts of one layer, by name."""
        return [c for c in self.values() if c.table.layer == layer]

    def __getitem__(self, table: TableId) -> Contract:
        if table not in self._contracts:
            near = [str(t) for t in self._contracts if t.name == table.name or t.layer == table.layer]
            raise ContractError([f"{table.contract_file}:1: no such contract; there are {', '.join(near) or 'none'}"])
        return self._contracts[table]

    def __iter__(self) -> Iterator[TableId]:
        return iter(self._contracts)

    def __len__(self) -> int:
        return len(self._contracts)

    def __contains__(self, table: object) -> bool:
        return table in self._contracts
