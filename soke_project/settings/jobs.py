"""Celery: Redis carries the tasks, beat's schedule is kept in the database."""

from typing import Any

from soke_project.settings.environment import env, required

REDIS_URL = required("REDIS_URL")

CELERY_BROKER_URL = REDIS_URL
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 600
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 900}
CELERY_BEAT_SCHEDULER = "operations.beat:Schedule"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1


def _settles(job: str, due: str) -> dict[str, Any]:
    """A job that settles: beat asks every minute whether its run is done that was due last at `due`, Asia/Shanghai."""
    return {
        "task": "operations.tasks.settle_due",
        "schedule": 60.0,
        "kwargs": {"job": job, "due": due},
        "options": {"expires": 60},
    }


# What operators change of it in the back office stays.
# A sweep that was not started before the next is due is dropped: the next does its work.
CELERY_BEAT_SCHEDULE = {
    "payments-scan": {
        "task": "payments.tasks.scan",
        "schedule": env.float("SOKE_SCAN_SECONDS", 1.0),
        "options": {"expires": 5},
    },
    "payments-payouts": {"task": "payments.tasks.payouts", "schedule": 1.0, "options": {"expires": 5}},
    "payments-watch": {"task": "payments.tasks.watch", "schedule": 60.0, "options": {"expires": 60}},
    "payments-expire": {"task": "payments.tasks.expire", "schedule": 30.0, "options": {"expires": 30}},
    "accounts-prune": {"task": "accounts.tasks.prune", "schedule": 300.0, "options": {"expires": 300}},
    "operations-prune": {"task": "operations.tasks.prune", "schedule": 3600.0, "options": {"expires": 3600}},
    "operations-alerts": {"task": "operations.tasks.send_alerts", "schedule": 5.0, "options": {"expires": 5}},
    "indexes-prune": {"task": "indexes.tasks.prune", "schedule": 3600.0, "options": {"expires": 3600}},
    "contracts-expire": {"task": "contracts.tasks.expire", "schedule": 2.0, "options": {"expires": 2}},
    "backoffice-sample": {"task": "backoffice.tasks.sample", "schedule": 30.0, "options": {"expires": 30}},
    "backoffice-sum-up": {"task": "backoffice.tasks.sum_up", "schedule": 300.0, "options": {"expires": 300}},
    "backoffice-reconcile": {
        "task": "backoffice.tasks.reconcile",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "market-making-count-leaving": {
        "task": "market_making.tasks.count_leaving",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "funds-redeem": {"task": "funds.tasks.redeem", "schedule": 2.0, "options": {"expires": 2}},
    "funds-pay-waiting": {"task": "funds.tasks.pay_waiting", "schedule": 30.0, "options": {"expires": 30}},
    "settle-funds": _settles("funds", "00:02"),
    "settle-pledges": _settles("pledges", "00:05"),
    "settle-power": _settles("power", "00:10"),
}
