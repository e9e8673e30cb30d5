"""The cost of CORS, beside the peers: `python -m tests.benchmarks`."""
