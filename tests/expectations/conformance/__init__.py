"""Conformance: each expectation of Great Expectations' core, on the same frames, through its own engine and ours."""
