#!/bin/sh
# Makes .venv, if there is none, and installs one lock file into it: sh deploy/install.sh requirements.txt
# Uses uv where it is there, else Python's own venv and pip. PYTHON=… chooses the interpreter.
set -eu
lock=$1

suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if suits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "Klix needs Python 3.11, 3.12 or 3.13, and none of ${PYTHON:-python3, python3.13, python3.12, python3.11} is one." >&2
    echo "Install it (Debian: apt-get install python3 python3-venv) or name one: PYTHON=/path/to/python make run" >&2
    exit 1
}

make_venv() {
    python=$(find_python)
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --allow-existing --python "$(command -v "$python")" .venv
        return
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "$python cannot make a virtual environment: the Debian package python3-venv is missing." >&2
        echo "Install it as root, then run make again: apt-get install python3-venv (or python$version-venv)" >&2
        exit 1
    fi
    "$python" -m venv .venv
}

if ! [ -x .venv/bin/python ] || ! suits .venv/bin/python; then
    echo "Making .venv"
    make_venv
fi
echo "Installing $lock into .venv (the first time this takes a minute or two)"
if command -v uv >/dev/null 2>&1; then
    uv pip install --quiet --python .venv/bin/python --require-hashes -r "$lock"
else
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        .venv/bin/python -m ensurepip --upgrade >/dev/null
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
fi
