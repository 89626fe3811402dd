from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("market_making", "0001_initial"), ("ledger", "0002_guard")]

    operations = [
        migrations.RunSQL((Path(__file__).parent / "solvency.sql").read_text(), migrations.RunSQL.noop),
        migrations.RunSQL("INSERT INTO market_making_pool (id) VALUES (1)", migrations.RunSQL.noop),
    ]
