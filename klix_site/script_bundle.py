"""One file of a page's ES modules: a request each would be a score of them. Pure.

The sources stay one per behaviour, and a browser can load them as they are. Here each module becomes a function called
once, in the order of the imports, that returns what it exports. What this cannot do it refuses: see `BundleError`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from posixpath import dirname, join, normpath

IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"(\.[^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(const|function) ([\w$]+)", re.MULTILINE)
REFUSED = re.compile(r"^(?:export (?:default|let|var|\{|\*)|import (?!\{|\"\.))|\bimport\(", re.MULTILINE)
COMMENT = re.compile(r"^ *(?:/\*(?:[^*]|\*(?!/))*\*/|//.*)\n", re.MULTILINE)


class BundleError(ValueError):
    """A module imports in a circle, exports what may change later, or uses a form that is not read here."""


@dataclass(frozen=True, slots=True)
class Module:
    name: str
    imports: list[tuple[str, str]]  # (path, names as written between the braces)
    exports: list[str]
    body: str


def bundle(entry: str, read: Callable[[str], str]) -> str:
    """`entry` and all it imports, as the text of one module. `read` gives a module's source by its path."""
    modules = list(_in_order(entry, read))
    numbers = {module.name: number for number, module in enumerate(modules)}
    return "".join(_wrapped(module, numbers) for module in modules)


def _in_order(entry: str, read: Callable[[str], str]) -> Iterator[Module]:
    """What is imported comes before what imports it, each once."""
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> Iterator[Module]:
        if name in above:
            raise BundleError(f"{name} imports itself by way of {' and '.join(above[above.index(name) + 1 :])}.")
        if name in done:
            return
        module = _module(name, read(name))
        for path, _ in module.imports:
            yield from visit(path, (*above, name))
        done.add(name)
        yield module

    return visit(entry, ())


def _module(name: str, source: str) -> Module:
    if match := REFUSED.search(source):
        raise BundleError(f"{name}: {match[0]!r} cannot be put into one file.")
    imports = [(normpath(join(dirname(name), path)), names) for names, path in IMPORT.findall(source)]
    exports = [exported for _, exported in EXPORT.findall(source)]
    body = COMMENT.sub("", IMPORT.sub("", source))
    return Module(name, imports, exports, re.sub(r"^export ", "", body, flags=re.MULTILINE))


def _wrapped(module: Module, numbers: dict[str, int]) -> str:
    taken = "".join(
        f"const {{{names.replace(' as ', ':')}}}=m{numbers[path]};\n" for path, names in module.imports if names.strip()
    )
    given = f"return {{{','.join(module.exports)}}};\n" if module.exports else ""
    return f"const m{numbers[module.name]}=(()=>{{\n{taken}{module.body}{given}}})();\n"
