from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("contracts", "0003_marks"), ("indexes", "0001_initial")]

    operations = [
        migrations.RunSQL((Path(__file__).parent / "contract_size.sql").read_text(), migrations.RunSQL.noop),
    ]
