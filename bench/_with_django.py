"""`python -m bench._with_django MODULE ARGUMENT…`: sets Django up, then calls `main` of bench.MODULE.

Such a module imports models at its top, for which Django has to be set up. BENCH_CORE pins the process to one core
before it has any thread.
"""

import importlib
import os
import sys

import django


def main() -> None:
    if core := os.environ.get("BENCH_CORE"):
        os.sched_setaffinity(0, {int(core)})
    django.setup()
    name, *arguments = sys.argv[1:]
    importlib.import_module(f"bench.{name}").main(*arguments)


main()
