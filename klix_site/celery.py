"""The task queue. Tasks take ids, claim rows, and may run twice."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klix_site.settings")

app = Celery("klix")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
