#!/bin/sh
# Makes .venv with the locked, hashed dependencies and egate itself. Plain pip is enough;
# uv is used where it is installed, because it is quicker.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "egate needs Python 3.11 or newer; $python is $("$python" --version 2>&1)." >&2
    echo "Name another one with: make PYTHON=/usr/bin/python3.12 setup" >&2
    exit 1
}

if [ ! -x .venv/bin/python ]; then
    echo "setup: making .venv"
    if command -v uv >/dev/null 2>&1; then
        uv venv -q --python "$python" .venv
    elif ! "$python" -m venv .venv 2>/dev/null; then
        rm -rf .venv
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        as_root=
        if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; fi
        echo "setup: this machine's Python cannot make virtual environments; installing $package"
        if $as_root apt-get update -qq && $as_root apt-get install -y -qq "$package"; then
            "$python" -m venv .venv
        else
            echo "setup: please run: sudo apt-get install $package   and then try again" >&2
            exit 1
        fi
    fi
fi

echo "setup: installing dependencies (about 600 MB unpacked; quick the second time)"
if command -v uv >/dev/null 2>&1; then
    VIRTUAL_ENV=.venv uv pip install -q --compile-bytecode --no-deps --require-hashes -r requirements.lock
    VIRTUAL_ENV=.venv uv pip install -q --no-deps --no-build-isolation -e . -e ./sim
else
    .venv/bin/python -m pip install -q --disable-pip-version-check \
        --no-deps --require-hashes -r requirements.lock
    # The build tool warns at length that our packages lie beside pyproject.toml: they do.
    PYTHONWARNINGS=ignore .venv/bin/python -m pip install -q --disable-pip-version-check \
        --no-deps --no-build-isolation -e . -e ./sim
fi
