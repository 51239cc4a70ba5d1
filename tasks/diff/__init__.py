"""What changed between two revisions of contracts and SQL, whom it reaches, and which version that asks for."""
