"""A house of things whose storage lies in a bucket."""

from __future__ import annotations

from pathlib import Path

from house_of_things import House

from tasks.settings import Settings
from tasks.workspace import Workspace


class HouseOnS3(House):
    """A house whose inbox lies in a bucket, and its lake there or at `lake_url`; DuckDB stands in for Redshift."""

    def __init__(self, folder: Path, bucket: str, lake_url: str = "") -> None:
        super().__init__(folder)
        self.settings = Settings(
            mode="aws", home=self.home, repository=self.root, threads=1, glue_job="j", redshift_secret="s",
            inbox_url=f"s3://{bucket}/inbox", lake_url=lake_url or f"s3://{bucket}/lake",
        )  # fmt: skip

    def open(self) -> Workspace:
        space = Workspace.open(self.settings)
        space.deliveries.take_over(self.home / "inbox")
        return space
