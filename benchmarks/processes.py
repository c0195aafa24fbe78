"""The processes of one worker: one, or as many as an MPI launcher in its command prefix has started.

    DEBENCH_PYTHON_FENICS="mpirun -n 2 /usr/bin/python3"

All of them run the same case; only the first reads the request and speaks. Nothing is imported for a single process.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

LAUNCHERS = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS")
"""Variables in which Open MPI, MPICH and its relatives tell how many processes they have started."""


def launched_together() -> bool:
    """Whether an MPI launcher has started this process beside others.

    Slurm's `srun --mpi=pmix` sets none of `LAUNCHERS`: PMIx tells a process its rank alone, and Slurm tells all that it
    starts, whether they speak MPI or not, how many they are.
    """
    slurm = ("SLURM_STEP_NUM_TASKS",) if "PMIX_RANK" in os.environ else ()
    return any(os.environ.get(variable, "1") != "1" for variable in LAUNCHERS + slurm)


class Processes:
    """`count` processes, of which this one has the number `rank`."""

    def __init__(self) -> None:
        self._comm: Any = None
        self.rank, self.count = 0, 1
        if launched_together():
            from mpi4py import MPI

            self._comm, self._finalise = MPI.COMM_WORLD, MPI.Finalize
            self.rank, self.count = self._comm.rank, self._comm.size

    @property
    def first(self) -> bool:
        """Whether this one reads and speaks."""
        return self.rank == 0

    def share(self, value: Any) -> Any:
        """The first one's `value`."""
        return value if self._comm is None else self._comm.bcast(value)

    def gather(self, value: Any) -> list[Any]:
        """The values of all, on each."""
        return [value] if self._comm is None else self._comm.allgather(value)

    def wait(self) -> None:
        """Until all have come here."""
        if self._comm is not None:
            self._comm.barrier()

    def own_processors(self, there: set[int], threads: int) -> set[int]:
        """The last `threads` of the processors that this process may use.

        They are others than its neighbours' where the launcher has left all processes the same ones.
        """
        ordered = sorted(there)
        places = self.gather((os.uname().nodename, ordered))
        sharing = [rank for rank, place in enumerate(places) if place == places[self.rank]]
        end = len(ordered) - threads * sharing.index(self.rank)
        return set(ordered[end - threads : end] if end >= threads else ordered[-threads:])

    def leave(self) -> None:
        """Say good-bye to the launcher, which otherwise takes an end for a failure."""
        if self._comm is not None:
            with contextlib.suppress(Exception):
                self._finalise()
