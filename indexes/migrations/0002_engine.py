from pathlib import Path

from django.db import migrations

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("indexes", "0001_initial")]

    operations = [
        migrations.RunSQL((HERE / "candles.sql").read_text(), migrations.RunSQL.noop),
        migrations.RunSQL((HERE / "engine.sql").read_text(), migrations.RunSQL.noop),
    ]
