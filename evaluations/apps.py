from django.apps import AppConfig


class EvaluationsConfig(AppConfig):
    name = "evaluations"

    def ready(self) -> None:
        from calls.signals import call_ended
        from evaluations.tasks import evaluate_when_ended

        call_ended.connect(evaluate_when_ended, dispatch_uid="evaluate-ended-call")
