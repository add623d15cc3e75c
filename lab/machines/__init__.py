"""The level `machines`: every server of a site file is a systemd machine with disks of its own behind the BMC of `lab.virtual`.

Root on Linux only; `edgewright lab doctor` says what a machine lacks. Read `doctor`, `images`, `drives`, `network`, `booting`,
`wires`, `speakers`, `plan_fabric`, `fabric`, `keeper`, `level` in this order.
"""
