"""`python -m benchmarks` is `debench`."""

from benchmarks.cli import main

if __name__ == "__main__":
    main(prog_name="debench")
