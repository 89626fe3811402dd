from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("contracts", "0001_initial"), ("ledger", "0002_guard")]

    operations = [
        migrations.RunSQL((Path(__file__).parent / "order_context.sql").read_text(), migrations.RunSQL.noop),
    ]
