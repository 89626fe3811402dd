"""A payout's process that dies by SIGKILL before or after one step: `python -m payments.tests.killed FUNCTION SIDE`.

Imports the product and wraps one of its functions; run by test_kills.py with the test's database in the environment.
"""

import os
import signal
import sys
from importlib import import_module
from typing import Any

import django
from django.conf import settings
from django.db import connections


def _use_test_database() -> None:
    for alias in ("default", "owner"):
        connections[alias].settings_dict["NAME"] = os.environ["SOKE_TEST_DATABASE"]
    for name in ("CHAIN_RECEIVING_ADDRESS", "CHAIN_HOT_WALLET_ADDRESS"):
        setattr(settings, name, os.environ[name])


def _deadly(place: str, side: str) -> None:
    """Wraps `module:name` or `module:Class.name`."""
    module, path = place.split(":")
    *way, name = path.split(".")
    owner: Any = import_module(module)
    for step in way:
        owner = getattr(owner, step)
    real = getattr(owner, name)

    def step(*args: Any, **kwargs: Any) -> Any:
        if side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(owner, name, step)


def main() -> None:
    django.setup()
    _use_test_database()
    from payments import services, tasks

    if len(sys.argv) > 1:
        _deadly(sys.argv[1], sys.argv[2])
    if os.environ.get("SOKE_UNTIL_DONE"):
        from payments.models import Withdrawal

        while Withdrawal.objects.filter(status__in=["review", "approved"]).exists():
            services.approve_automatically()
            services.pay()
    else:
        tasks.payouts()


if __name__ == "__main__":
    main()
