"""The functions behind the inbox: each delivered file is checked where it lands, then started on or turned away.

They run on AWS Lambda, called by the state machine of `infra/terraform/modules/landing`, and import neither Prefect nor
Great Expectations nor DuckDB. `tasks/landing_package.py` makes their package.
"""
