"""One file of many modules: each once, in order, with names of its own; what cannot be put together is refused."""

from pathlib import Path

import pytest
from django.conf import settings

from klix_site.script_bundle import BundleError, bundle
from klix_site.storage import ENTRIES


def built(entry: str, **modules: str) -> str:
    return bundle(f"{entry}.js", {f"{name}.js": text for name, text in modules.items()}.__getitem__)


def test_what_is_imported_stands_before_what_imports_it_and_once() -> None:
    text = built(
        "page",
        page='import { a } from "./a.js";\nimport { b } from "./b.js";\na(b);\n',
        a='import { b } from "./b.js";\nexport const a = () => b;\n',
        b="export const b = 1;\n",
    )
    assert text.count("const b = 1;") == 1
    assert text.index("const b = 1;") < text.index("const a = () => b;") < text.index("a(b);")


def test_a_name_that_was_taken_under_another_one_is_given_under_that_one() -> None:
    text = built("page", page='import { listen as hear } from "./a.js";\nhear();\n', a="export function listen() {}\n")
    assert "const {listen:hear}=m0;" in text.replace(" ", "").replace("const{", "const {")
    assert "return {listen};" in text


def test_a_module_that_only_acts_is_imported_without_names() -> None:
    text = built("page", page='import "./a.js";\ndone();\n', a="act();\n")
    assert text.index("act();") < text.index("done();")
    assert "import" not in text


def test_a_circle_is_refused_by_name() -> None:
    with pytest.raises(BundleError, match=r"a\.js imports itself by way of b\.js"):
        built("a", a='import { b } from "./b.js";\n', b='import { a } from "./a.js";\n')


@pytest.mark.parametrize(
    "line", ["export let count = 0;", "export default 1;", 'export { a } from "./a.js";', 'const a = import("./a.js");']
)
def test_what_would_mean_something_else_in_one_file_is_refused(line: str) -> None:
    with pytest.raises(BundleError, match="cannot be put into one file"):
        built("page", page=f"{line}\n")


@pytest.mark.parametrize("entry", ENTRIES)
def test_our_own_pages_can_be_put_into_one_file_each(entry: str) -> None:
    static = Path(settings.BASE_DIR) / "static"
    text = bundle(entry, lambda name: (static / name).read_text())
    assert "import " not in text.replace("@import ", "")
    assert "export " not in text
