"""`python -m bench` lists the benchmarks, `python -m bench NAME [options]` runs one and prints its table.

`--json` prints the figures as one JSON line last.
"""

import argparse
import importlib
import json
import pkgutil
import sys

import bench


def benchmarks() -> dict[str, str]:
    """Name → first line of what it measures."""
    found = {}
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith("_"):
            doc = importlib.import_module(f"bench.{module.name}").__doc__ or ""
            found[module.name] = doc.strip().splitlines()[0]
    return found


def main() -> int:
    known = benchmarks()
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print("Benchmarks (python -m bench NAME [--help]):")
        for name, summary in known.items():
            print(f"  {name:<18} {summary}")
        return 0
    name = sys.argv[1]
    if name not in known:
        print(f"There is no benchmark {name!r}. Known: {', '.join(known)}.", file=sys.stderr)
        return 2
    module = importlib.import_module(f"bench.{name}")
    parser = argparse.ArgumentParser(prog=f"python -m bench {name}", description=module.__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line last")
    module.add_arguments(parser)
    options = parser.parse_args(sys.argv[2:])
    rows, figures = module.run(options)
    print_table(rows)
    if options.json:
        print(json.dumps(figures))
    return 0


def print_table(rows: list[dict[str, object]]) -> None:
    if not rows:
        return
    names = list(rows[0])
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    print("  ".join(name.rjust(width) for name, width in zip(names, widths, strict=True)))
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else "" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main())
