"""PostgreSQL: `default` is the application's role, `owner` owns and migrates the tables."""

from typing import Any

from soke_project.settings.environment import env, required

required("DATABASE_URL")


def _database(name: str) -> dict[str, Any]:
    return {
        **env.db_url(name),
        "ENGINE": "common.postgresql",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"application_name": "soke", "connect_timeout": 5},
    }


DATABASES = {"default": _database("DATABASE_URL")}
DATABASES["owner"] = _database("DATABASE_OWNER_URL" if env.str("DATABASE_OWNER_URL", "") else "DATABASE_URL")
# Both are one database; a test database is made by the owner and used by both.
DATABASES["owner"]["TEST"] = {"MIRROR": "default"}
