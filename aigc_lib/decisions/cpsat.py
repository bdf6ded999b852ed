"""How CP-SAT runs here: one worker, a seed and a limit in its own time."""

from __future__ import annotations

from typing import Any

from ..runtime import optional


def solved(model: Any, effort: float, seed: int) -> tuple[Any, str]:
    """Solve a ``CpModel``; return the solver, and why there is no solution, or "".

    ``effort`` is in CP-SAT's deterministic seconds: the same call, the same answer.
    """
    cp = optional("ortools.sat.python.cp_model", install="ortools")
    solver = cp.CpSolver()
    solver.parameters.num_workers, solver.parameters.random_seed = 1, seed
    solver.parameters.max_deterministic_time = effort
    status = solver.solve(model)
    found = status in (cp.OPTIMAL, cp.FEASIBLE)
    return solver, "" if found else solver.status_name(status)
