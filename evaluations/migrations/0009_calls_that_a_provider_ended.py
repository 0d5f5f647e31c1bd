from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def call_them_errors(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Until now their verdicts alone told: an apology could pass."""
    alias = editor.connection.alias
    call, evaluation = (
        apps.get_model(app, name).objects.using(alias) for app, name in (("calls", "Call"), ("evaluations", "Evaluation"))
    )
    done = evaluation.filter(state="done")
    ended = done.filter(call__ending="provider-failed")
    ended.filter(cause="").update(cause_reason="A speech or language provider failed during the call.")
    ended.update(outcome="error", cause="provider")
    done.filter(outcome="fail", cause="provider").update(outcome="error")
    newest = evaluation.filter(call=models.OuterRef("pk")).order_by("-number")
    failed = evaluation.filter(outcome="error").values("call")
    spoiled = call.filter(pk__in=failed).annotate(told=models.Subquery(newest.values("outcome")[:1])).filter(told="error")
    spoiled.exclude(outcome="error").update(outcome="error")
    unsaid = call.filter(ending="provider-failed", outcome="").exclude(models.Exists(newest))
    unsaid.update(outcome="error")


class Migration(migrations.Migration):
    dependencies = [("calls", "0008_outcome_of_calls"), ("evaluations", "0008_lists_by_outcome")]

    operations = [migrations.RunPython(call_them_errors, migrations.RunPython.noop, elidable=True)]
