"""What a synchronisation costs, measured on this machine: `python -m benchmarks`, or `make bench`."""
