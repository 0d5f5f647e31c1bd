"""Which of the installed apps' static files are collected: what a page asks for."""

from django.contrib.staticfiles.apps import StaticFilesConfig


class StaticFilesOfPages(StaticFilesConfig):
    """Not the REST framework's own pages, which are switched off, nor htmx's versions and extensions that no page uses.

    To hash and compress them would be most of the work of a first start.
    """

    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        "rest_framework",
        "django_htmx/*-4*.js",
        "django_htmx/htmx-2.js",
        "django_htmx/ext/hx-[!w]*",
        "django_htmx/ext/htmx-*",
        "*.map",
    ]
