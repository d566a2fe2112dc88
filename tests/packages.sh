#!/bin/sh
# Installs the Debian packages that some tests need, where that is allowed, and the extra
# egate[pcsc], which is built with them. Where it is not allowed, those tests are skipped with
# a message that names the package; under CI=true they fail.
set -u
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin
missing=
programs="chromium:chromium chromedriver:chromium-driver openssl:openssl gcc:gcc swig:swig
    pkg-config:pkg-config mbpoll:mbpoll socat:socat
    mosquitto:mosquitto mosquitto_sub:mosquitto-clients
    nfc-list:libnfc-bin mrtdreader:mrtdreader pcscd:pcscd opensc-tool:opensc"
files="/usr/include/eac/eac.h:libeac-dev /usr/include/modbus/modbus.h:libmodbus-dev
    /usr/lib/python3/dist-packages/gi/__init__.py:python3-gi
    /usr/share/doc/gir1.2-gst-rtsp-server-1.0:gir1.2-gst-rtsp-server-1.0
    /usr/share/doc/gstreamer1.0-plugins-good:gstreamer1.0-plugins-good
    /usr/share/doc/gstreamer1.0-plugins-base:gstreamer1.0-plugins-base
    /usr/include/openssl/evp.h:libssl-dev
    /usr/include/PCSC/winscard.h:libpcsclite-dev /usr/include/stdlib.h:libc6-dev
    /usr/lib/pcsc/drivers/serial/libifdvpcd.so:vsmartcard-vpcd"
for pair in $programs; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
for pair in $files; do
    [ -e "${pair%%:*}" ] || missing="$missing ${pair##*:}"
done
header=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
if [ ! -e "$header" ]; then
    missing="$missing $(.venv/bin/python -c \
        'import sys; print("python%d.%d-dev" % sys.version_info[:2])')"
fi
# Not in PATH on Debian: the server's programs are per version.
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
as_root=
if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; fi
if [ -n "$missing" ] && $as_root true 2>/dev/null; then
    echo "tests: installing$missing"
    # shellcheck disable=SC2086
    $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
elif [ -n "$missing" ]; then
    echo "tests: not allowed to install$missing; the tests that need them will be skipped"
    echo "tests: to run them too: sudo apt-get install$missing"
fi
if ! .venv/bin/python -c 'import smartcard' 2>/dev/null && [ -e /usr/include/PCSC/winscard.h ]; then
    echo "tests: building pyscard"
    if command -v uv >/dev/null 2>&1; then
        VIRTUAL_ENV=.venv uv pip install -q --no-deps --no-build-isolation --require-hashes \
            -r requirements-pcsc.lock
    else
        .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps \
            --no-build-isolation --require-hashes -r requirements-pcsc.lock
    fi
fi
exit 0
