from django.apps import AppConfig


class KlixSiteConfig(AppConfig):
    name = "klix_site"
    verbose_name = "Access"

    def ready(self) -> None:
        from klix_site import checks  # noqa: F401  (registers the system checks)
