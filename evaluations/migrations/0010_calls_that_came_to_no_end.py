from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

WHY = {
    "connection-lost": "The connection was lost during the call.",
    "abandoned": "The process that held the call ended.",
    "not-connected": "The call was not connected.",
    "operator-hung-up": "The call was ended from Klix.",
}


def call_them_errors(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Until now their verdicts alone told: what was kept by the time the line broke could pass."""
    alias = editor.connection.alias
    call, evaluation = (
        apps.get_model(app, name).objects.using(alias) for app, name in (("calls", "Call"), ("evaluations", "Evaluation"))
    )
    done = evaluation.filter(state="done")
    for ending, why in WHY.items():
        done.filter(call__ending=ending).update(outcome="error", cause="line", cause_reason=why)
    over = call.filter(status="completed", ending__in=WHY).exclude(outcome="error")
    newest = evaluation.filter(call=models.OuterRef("pk")).order_by("-number")
    told = over.annotate(told=models.Subquery(newest.values("outcome")[:1]))
    told.filter(models.Q(told="error") | models.Q(told=None)).update(outcome="error")


class Migration(migrations.Migration):
    dependencies = [("calls", "0008_outcome_of_calls"), ("evaluations", "0009_calls_that_a_provider_ended")]

    operations = [migrations.RunPython(call_them_errors, migrations.RunPython.noop, elidable=True)]
