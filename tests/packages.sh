#!/bin/sh
# Installs the Debian packages that some tests need, where that is allowed. Where it is not,
# those tests are skipped with a message that names the package; under CI=true they fail.
set -u
missing=
for pair in chromium:chromium chromedriver:chromium-driver openssl:openssl \
    mosquitto:mosquitto mosquitto_sub:mosquitto-clients; do
    PATH="$PATH:/usr/sbin" command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
# Not in PATH on Debian: the server's programs are per version.
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -z "$missing" ] && exit 0
as_root=
if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; fi
if $as_root true 2>/dev/null; then
    echo "tests: installing$missing"
    $as_root apt-get update -qq || exit 0
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq $missing >/dev/null
else
    echo "tests: not allowed to install$missing; the tests that need them will be skipped"
    echo "tests: to run them too: sudo apt-get install$missing"
fi
exit 0
