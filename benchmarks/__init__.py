"""How fast it is, measured: each script runs alone (`python -m benchmarks.NAME --quick`); `make bench` runs all of them."""
