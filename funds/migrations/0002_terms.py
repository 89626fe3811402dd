from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("funds", "0001_initial")]

    operations = [
        migrations.RunSQL((Path(__file__).parent / "terms.sql").read_text(), migrations.RunSQL.noop),
    ]
