from django.apps import AppConfig


class EvaluationsConfig(AppConfig):
    name = "evaluations"

    def ready(self) -> None:
        from calls.signals import call_ended, transcription_wanted
        from evaluations.runs.tasks import settle_when_evaluated, tick_when_call_ended
        from evaluations.signals import evaluation_changed
        from evaluations.tasks import evaluate_when_ended, transcribe_when_wanted

        call_ended.connect(evaluate_when_ended, dispatch_uid="evaluate-ended-call")
        transcription_wanted.connect(transcribe_when_wanted, dispatch_uid="transcribe")
        call_ended.connect(tick_when_call_ended, dispatch_uid="tick-when-call-ended")
        evaluation_changed.connect(settle_when_evaluated, dispatch_uid="settle-when-evaluated")
