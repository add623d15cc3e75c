"""The program of the live image: says what a server is made of, tests it, writes an operating system to its disk, erases its drives.

It runs on the server that is worked on, from a boot medium, with nothing but Python 3.11 and Debian's tools; it imports nothing of
Edgewright. What it says and takes are the models of `domain.agent`; who speaks to it is `clients.agent`. Read `ticket`, `api`, `jobs`,
then what it can do: `inventory`, `drives`, `trials`, `installing`, `erasing`.
"""

VERSION = "1"
"""Counts up when the interface changes."""
