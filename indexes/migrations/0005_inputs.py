from pathlib import Path

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('indexes', '0004_shards'),
    ]

    operations = [
        migrations.AddField(
            model_name='indexstate',
            name='inputs',
            field=models.JSONField(
                help_text="Of the last seen second, as a tick's; only while the index is stale.",
                null=True,
                verbose_name='inputs',
            ),
        ),
        migrations.AlterField(
            model_name='tick',
            name='inputs',
            field=models.JSONField(
                help_text=(
                    "Basket, and for each symbol its price, the venues' quotes (price and time of the fetch), which "
                    'of them were clamped, and those left out with the reason.'
                ),
                verbose_name='inputs',
            ),
        ),
        migrations.RunSQL((Path(__file__).parent / "inputs.sql").read_text(), migrations.RunSQL.noop),
    ]
