"""One file for each step of our tables, oldest first."""
