"""A first contract for data without one: what a file or a table holds, read strictly, each guess with its reason."""
