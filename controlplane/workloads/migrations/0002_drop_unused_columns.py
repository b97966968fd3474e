"""Two columns that nothing ever wrote or read."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("workloads", "0001_initial"),)
    operations = (
        migrations.RemoveField(model_name="container", name="sequence"),
        migrations.RemoveField(model_name="hostmirror", name="instance"),
    )
