"""How it is measured: cases, worker processes, clocks, memory, errors, the store and the command line."""
