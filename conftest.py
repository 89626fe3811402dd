"""Fixtures of the whole project. The engines are real; `make test` starts them and sets the environment."""

import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from django.conf import settings as project_settings
from django.core.management import call_command
from django.db import connections
from psycopg2 import sql as identifiers

from common.redis import client as redis_client

ROOT = Path(__file__).parent
APPS = ROOT / "soke_project" / "settings" / "apps.py"
# Makes and drops databases; the owner may, where no superuser is named.
ADMIN_URL = os.environ.get("DATABASE_ADMIN_URL") or os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
TEST_DATABASE = f"soke_test_{os.getpid()}"


def _admin(*statements: identifiers.Composable) -> None:
    connection = psycopg2.connect(ADMIN_URL)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()


def _exists(name: str) -> bool:
    connection = psycopg2.connect(ADMIN_URL)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            return cursor.fetchone() is not None
    finally:
        connection.close()


def _use(name: str) -> None:
    """Points both roles' connections at a database."""
    for alias in ("default", "owner"):
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
        project_settings.DATABASES[alias]["NAME"] = name


@functools.cache
def _template() -> str:
    """A migrated database to clone, kept until a migration changes."""
    digest = hashlib.sha256()
    for path in sorted([*ROOT.glob("*/migrations/*"), *ROOT.glob("*/models*"), ROOT / "requirements.txt", APPS]):
        if path.is_file():
            digest.update(path.read_bytes())
    name = f"soke_template_{digest.hexdigest()[:16]}"
    if not _exists(name):
        owner = identifiers.Identifier(project_settings.DATABASES["owner"]["USER"])
        making = f"{name}_{os.getpid()}"
        _admin(identifiers.SQL("CREATE DATABASE {} OWNER {}").format(identifiers.Identifier(making), owner))
        _use(making)
        call_command("migrate", database="owner", interactive=False, verbosity=0)
        connections["owner"].close()
        connections["default"].close()
        if not _exists(name):
            rename = identifiers.SQL("ALTER DATABASE {} RENAME TO {}")
            _admin(rename.format(identifiers.Identifier(making), identifiers.Identifier(name)))
    return name


def _drop() -> None:
    _admin(identifiers.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifiers.Identifier(TEST_DATABASE)))


def _clone(template: str) -> None:
    _drop()
    make = identifiers.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
    owner = identifiers.Identifier(project_settings.DATABASES["owner"]["USER"])
    _admin(make.format(identifiers.Identifier(TEST_DATABASE), owner, identifiers.Identifier(template)))


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker) -> Iterator[None]:
    """One migrated database a run, owned by the owner's role and used by the application's."""
    with django_db_blocker.unblock():
        _clone(_template())
        _use(TEST_DATABASE)
    yield
    with django_db_blocker.unblock():
        connections.close_all()
        _drop()


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker) -> Iterator[None]:
    """For tests that commit, or use several connections, threads or processes: the database is made anew
    afterwards, because the ledger refuses to be emptied."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()
        _clone(_template())


@pytest.fixture(autouse=True)
def unshared(settings) -> None:
    """No test is refused for what another has asked, or answered from what another has read."""
    settings.MARKET_CACHE_SECONDS = 0
    # Each test's handler would search all static files anew.
    settings.WHITENOISE_USE_FINDERS = False
    for pattern in ("soke:throttle:*", "soke:answer:*"):
        for key in redis_client().scan_iter(pattern, count=1000):
            redis_client().delete(key)
