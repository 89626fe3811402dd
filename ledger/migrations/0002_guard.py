from pathlib import Path

from django.db import migrations

GUARD = (Path(__file__).parent / "guard.sql").read_text()

PLATFORM = """
INSERT INTO ledger_account (id, floor)
SELECT 4611686018427387904 + n, CASE WHEN n = 0 THEN NULL ELSE 0 END FROM generate_series(0, 6) AS n
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        migrations.RunSQL(GUARD, migrations.RunSQL.noop),
        migrations.RunSQL(PLATFORM, migrations.RunSQL.noop),
    ]
