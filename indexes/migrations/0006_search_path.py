from django.db import migrations

# What decides who leads must not be shadowed by a temporary table of the session.
FUNCTIONS = ["index_fence(text, bigint)", "index_fence_ticks()", "index_lead(text, text, interval)"]


class Migration(migrations.Migration):
    dependencies = [("indexes", "0005_inputs")]

    operations = [
        migrations.RunSQL(
            [f"ALTER FUNCTION {name} SET search_path = pg_catalog, public, pg_temp" for name in FUNCTIONS],
            migrations.RunSQL.noop,
        )
    ]
