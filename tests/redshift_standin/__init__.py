"""A stand-in for Amazon Redshift: the wire, the dialect and the refusals of Redshift in front of a real PostgreSQL.

PostgreSQL, because it is an engine of its own: the text that the warehouse sends runs on DuckDB (transpiled) and here,
and what both give is compared. README.md says what is as on Redshift and what is not.
"""

from redshift_standin.faults import Faults
from redshift_standin.server import Logged, Standin

__all__ = ["Faults", "Logged", "Standin"]
