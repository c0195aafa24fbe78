"""What DeepXDE makes of a case, seen from inside a process of its own, since it has one backend per process.

Run as `python -m tests.examples.deepxde_inside QUESTION`: a JSON object on standard input, one line of JSON in answer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import backends
import problems
from backends.base import Context
from backends.operations import jax_operations, torch_operations
from benchmarks.plugins import load_plugins
from problems.base import PDE

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = [ROOT / "examples/plugins/deepxde_pinn.py", ROOT / "tests/plugins/grids.py"]
PLUGINS += [ROOT / "tests/plugins/manufactured.py"]


def losses(session: Any, problem: PDE, ops: Any, factor: float) -> list[float]:
    model = session._model

    def exact(inputs: Any, outputs: Any) -> Any:
        columns = [inputs[..., k : k + 1] for k in range(inputs.shape[-1])]
        d = problem.dimension
        fields = problem.exact(ops, columns[:d], 0.0 if problem.steady else columns[d])
        return session._data.calculus.beside([factor * u + 0.0 * outputs[..., :1] for u in fields])

    model.net.apply_output_transform(exact)
    inputs, targets, _ = model.data.train_next_batch()
    return [float(part) for part in model._outputs_losses(True, inputs, targets, None)[1]]


def ask_losses(request: dict[str, Any]) -> dict[str, Any]:
    """Losses where the network is replaced by the exact solution, and by 1.1 times that, for every problem."""
    ops = jax_operations() if request["solver"] == "deepxde-jax" else torch_operations()
    answer: dict[str, Any] = {}
    for name, parameters in request["problems"]:
        problem = problems.REGISTRY.get(name).create(parameters)
        solver = backends.REGISTRY.get(request["solver"]).create(request["parameters"])
        assert solver.unsupported(problem) is None, name
        answer[name] = []
        for factor in (1.0, 1.1):
            session = solver.begin(problem, Context(precision=request["precision"]))
            answer[name].append(losses(session, problem, ops, factor))
    return answer


def ask_rates(request: dict[str, Any]) -> dict[str, Any]:
    """Learning rate after 5 and after 10 of 10 iterations, for every way in which it falls."""
    answer: dict[str, Any] = {}
    for decay in request["decays"]:
        optimizer = {"rate": 0.02, "decay": decay, "final_fraction": 0.1}
        solver = backends.REGISTRY.get(request["solver"]).create({"iterations": 10, "optimizer": optimizer})
        model = solver.begin(problems.REGISTRY.get("decay").create({}), Context(precision="float32"))._model
        answer[decay] = []
        for _ in range(2):
            model.train(iterations=5, verbose=0)
            if request["solver"] == "deepxde-torch":
                answer[decay].append(model.opt.param_groups[0]["lr"])
            else:
                # Where the rate never changes, optax keeps no count of its own beside Adam's.
                schedule = _jax_schedule(solver)
                count = int(model.opt_state[0].count)
                answer[decay].append(float(schedule(count)) if callable(schedule) else schedule)
    return answer


def _jax_schedule(solver: Any) -> Any:
    from deepxde.optimizers.jax.optimizers import _get_learningrate

    return _get_learningrate(solver.optimizer.rate, sys.modules[type(solver).__module__].learning_rate_decay(solver))


def main() -> None:
    request = json.loads(sys.stdin.read())
    load_plugins(PLUGINS)
    answer = {"losses": ask_losses, "rates": ask_rates}[sys.argv[1]](request)
    print("\n" + json.dumps(answer))


if __name__ == "__main__":
    main()
