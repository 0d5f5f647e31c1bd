from django.apps import AppConfig


class KlixSiteConfig(AppConfig):
    name = "klix_site"
    verbose_name = "Access"

    def ready(self) -> None:
        from evaluations.signals import evaluation_changed
        from klix_site import checks  # noqa: F401  (registers the system checks)
        from klix_site.live import show_evaluation

        evaluation_changed.connect(show_evaluation, dispatch_uid="show-evaluation")
