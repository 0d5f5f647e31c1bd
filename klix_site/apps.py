from django.apps import AppConfig


class KlixSiteConfig(AppConfig):
    name = "klix_site"
    verbose_name = "Access"

    def ready(self) -> None:
        from django.contrib.admin.models import LogEntry
        from django.contrib.auth.models import User
        from django.contrib.auth.signals import user_logged_in, user_login_failed
        from django.db.models.signals import m2m_changed, post_migrate, post_save

        from calls.signals import call_ended
        from evaluations.runs.signals import run_changed
        from evaluations.signals import evaluation_changed
        from klix_site import audit, celery, checks, roles  # noqa: F401  (shared tasks bind to the app; checks register)
        from klix_site.live import show_evaluation
        from klix_site.webhooks import call_has_ended, evaluation_has_changed, run_has_changed

        evaluation_changed.connect(show_evaluation, dispatch_uid="show-evaluation")
        post_migrate.connect(roles.make_groups, sender=self, dispatch_uid="roles")
        m2m_changed.connect(roles.follow_groups, sender=User.groups.through, dispatch_uid="staff")
        user_logged_in.connect(audit.note_sign_in, dispatch_uid="audit")
        user_login_failed.connect(audit.note_failed_sign_in, dispatch_uid="audit")
        post_save.connect(audit.note_admin, sender=LogEntry, dispatch_uid="audit")
        call_ended.connect(call_has_ended, dispatch_uid="webhooks")
        evaluation_changed.connect(evaluation_has_changed, dispatch_uid="webhooks")
        run_changed.connect(run_has_changed, dispatch_uid="webhooks")
