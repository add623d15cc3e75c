"""Alembic's environment and the versions of our tables, shipped in the wheel."""
