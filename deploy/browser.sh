#!/bin/sh
# The browser tests use the system's Chromium. On Debian, as root, install it where it is missing; elsewhere the tests
# that need it are reported as skipped (and with CI=true a skipped browser test fails).
set -u
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing chromium for the browser tests"
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; then
        exit 0
    fi
    echo "chromium could not be installed: the browser tests are skipped." >&2
else
    echo "There is no chromium here: the browser tests are skipped (Debian: apt-get install chromium)." >&2
fi
exit 0
