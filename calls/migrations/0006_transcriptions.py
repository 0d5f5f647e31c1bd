import django.db.models.deletion
from django.db import migrations, models


def forget_given_words(apps, schema_editor):
    """They are turns by now; with the turns they shall be deleted."""
    apps.get_model("calls", "Transcription").objects.filter(state="done").update(turns=None)


class Migration(migrations.Migration):

    dependencies = [
        ('calls', '0005_imported_calls'),
    ]

    operations = [
        migrations.RenameModel(old_name='CallImport', new_name='Transcription'),
        migrations.AlterField(
            model_name='transcription',
            name='call',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='transcription', to='calls.call'),
        ),
        migrations.RunPython(forget_given_words, migrations.RunPython.noop),
    ]
