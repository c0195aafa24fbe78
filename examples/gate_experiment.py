"""How often the regression gate errs: `gate_experiment.py FOLDER [SCENARIO …]`.

A clone of this repository gets a commit for each scenario that makes every solver slower or less accurate. The suite
`gate.toml` is run with the code as it is and with that commit, one run after the other, and `debench compare
--measure-again` says what got worse. One case is one comparison; how many were called worse is printed, with the 95 %
interval of Clopper and Pearson, and kept in FOLDER/outcome.json. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

from scipy import stats

ROOT = Path(__file__).resolve().parent.parent
WORKER = "benchmarks/worker.py"
SOLVE = "        session.solve()\n        processes.wait()\n"
SLOWER = """        began = time.perf_counter()
        session.solve()
        enough = began + {factor} * (time.perf_counter() - began)
        while time.perf_counter() < enough:
            pass
        processes.wait()
"""
ANSWER = "        answer = session.solution(points)\n"
COARSER = """        exact = problem.reference(points)
        answer = exact + {factor} * (session.solution(points) - exact)
"""
SCENARIOS = {
    "unchanged": ("", "", 20),
    "slower-2": (SOLVE, SLOWER.format(factor=2.0), 10),
    "slower-1.3": (SOLVE, SLOWER.format(factor=1.3), 10),
    "error-1.5": (ANSWER, COARSER.format(factor=1.5), 10),
}
"""What is replaced in the worker by what, and on how many seeds."""


def clone(folder: Path) -> None:
    """This repository's last commit, with its history, in `folder`."""
    git(ROOT, "clone", "--quiet", "--shared", str(ROOT), str(folder))


def git(folder: Path, *words: str) -> None:
    """Run git there."""
    author = ("-c", "user.name=experiment", "-c", "user.email=experiment@localhost")
    subprocess.run(["git", *author, *words], cwd=folder, check=True)


def change(folder: Path, old: str, new: str) -> None:
    """Commit a change of the worker, or an empty commit.

    Raises:
        ValueError: if the worker does not have the lines that are to be replaced, exactly once.

    """
    path = folder / WORKER
    text = path.read_text(encoding="utf-8")
    if old:
        if text.count(old) != 1:
            raise ValueError(f"{WORKER} does not have these lines once: {old!r}")
        path.write_text(text.replace(old, new), encoding="utf-8")
    git(folder, "commit", "--quiet", "--all", "--allow-empty", "--message", "Change")


def run(folder: Path, suite: Path, name: str, seeds: int) -> None:
    """Run the suite in a clone, as a user does."""
    words = ["run", str(suite), "--seeds", f"0-{seeds - 1}", "--no-memory", "--out", f"results/{name}"]
    debench(folder, *words, allowed=(0,))


def debench(folder: Path, *words: str, allowed: tuple[int, ...]) -> None:
    """The command line of a clone; what it prints is shown only if it fails."""
    done = subprocess.run([sys.executable, "-m", "benchmarks", *words], cwd=folder, capture_output=True, text=True)
    if done.returncode not in allowed:
        raise RuntimeError(f"debench {' '.join(words)} failed:\n{done.stdout}\n{done.stderr}")


def weigh(folder: Path, base: str, head: str) -> dict[str, object]:
    """Compare two runs in a clone: how many cases there were, and which of them were called worse."""
    junit = folder / "results" / "gate.xml"
    debench(folder, "compare", base, head, "--measure-again", "--junit", str(junit), allowed=(0, 1))
    cases = list(ET.parse(junit).getroot())
    worse = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    interval = stats.binomtest(len(worse), len(cases)).proportion_ci(method="exact")
    messages = [f"{case.get('classname')} · {case.get('name')}: {case[0].get('message')}" for case in worse]
    return {
        "comparisons": len(cases),
        "worse": len(worse),
        "interval": [interval.low, interval.high],
        "messages": messages,
    }


def main() -> None:
    """Run the scenarios that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the outcome is kept")
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=f"of {', '.join(SCENARIOS)}")
    parser.add_argument("--seeds", type=int, help="seeds per scenario")
    parser.add_argument("--suite", type=Path, default=ROOT / "examples" / "gate.toml")
    asked = parser.parse_args()
    unknown = set(asked.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"unknown scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    asked.folder.mkdir(parents=True, exist_ok=True)
    kept = asked.folder / "outcome.json"
    outcome = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for name in asked.scenarios or SCENARIOS:
        old, new, seeds = SCENARIOS[name]
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="debench-gate-") as folder:
            place = Path(folder) / "clone"
            clone(place)
            run(place, asked.suite.resolve(), "base", asked.seeds or seeds)
            change(place, old, new)
            run(place, asked.suite.resolve(), "head", asked.seeds or seeds)
            found = weigh(place, "base", "head")
        outcome[name] = {**found, "minutes": (time.monotonic() - begun) / 60}
        kept.write_text(json.dumps(outcome, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        low, high = (100 * share for share in found["interval"])  # type: ignore[attr-defined]
        print(
            f"{name}: {found['worse']} of {found['comparisons']} called worse ({low:.1f} to {high:.1f} %)", flush=True
        )


if __name__ == "__main__":
    main()
