from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def name_the_caller(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    evaluations = apps.get_model("evaluations", "Evaluation").objects.using(editor.connection.alias)
    evaluations.filter(cause="caller").update(cause="simulated caller")


class Migration(migrations.Migration):
    dependencies = [("evaluations", "0004_indexes_of_long_lists")]

    operations = [
        migrations.AlterField(
            model_name="evaluation",
            name="cause",
            field=models.CharField(blank=True, db_index=True, max_length=20),
        ),
        migrations.RunPython(name_the_caller, migrations.RunPython.noop),
    ]
