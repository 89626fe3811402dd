"""What may stand in the way of a call: asked before its own code runs, once it is known who calls.

A higher room signs up in its `apps.py`.
"""

from collections.abc import Callable
from typing import Any

from rest_framework.request import Request

# (request, viewset); raises the Problem that takes the place of the answer.
Gate = Callable[[Request, Any], None]

_gates: list[Gate] = []


def register(gate: Gate) -> None:
    if gate not in _gates:
        _gates.append(gate)


def check(request: Request, view: Any) -> None:
    for gate in _gates:
        gate(request, view)
