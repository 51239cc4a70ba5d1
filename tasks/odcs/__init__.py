"""Contracts as others write and read them: plain ODCS out, foreign ODCS in, and nothing lost on the way unseen."""
