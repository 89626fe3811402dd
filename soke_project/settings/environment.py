"""Where configuration comes from: the environment, then, in development, what `make run` wrote down.

The launcher keeps the addresses and secrets of the engines it started in `environment.json`, so that
`manage.py` finds the same engines without being told.
"""

import json
import os
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()

SOKE_ENV = env.str("SOKE_ENV", "development")
if SOKE_ENV not in ("development", "production"):
    raise ImproperlyConfigured("SOKE_ENV is development or production.")
DEVELOPMENT = SOKE_ENV == "development"
DATA_DIR = Path(env.str("SOKE_DATA_DIR", "var"))
if not DATA_DIR.is_absolute():
    DATA_DIR = BASE_DIR / DATA_DIR

_written = DATA_DIR / "environment.json"
if DEVELOPMENT and _written.is_file():
    for _name, _value in json.loads(_written.read_text()).items():
        os.environ.setdefault(_name, _value)


def required(name: str) -> str:
    """The value of `name`; stops the start with a sentence where it is missing."""
    value: str = env.str(name, "")
    if not value:
        hint = " Start the engines with `make run` or `make engines`, or set it." if DEVELOPMENT else ""
        raise ImproperlyConfigured(f"{name} is not set.{hint}")
    return value
