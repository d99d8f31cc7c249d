# Sourced by the scripts beside it: makes .venv with the package installed, once per setup.py.
# usage: need_env EXTRAS   (EXTRAS is empty or a bracketed list such as [dev])
need_env() {
    local python=${PYTHON:-python3} stamp
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "bt_gex needs Python 3.11 or newer; set PYTHON to one" >&2
        exit 1
    }
    stamp="$(cksum <setup.py) $PWD $1"
    if [ ! -x .venv/bin/python ]; then
        echo "making .venv"
        "$python" -m venv .venv
    fi
    if ! grep -qxF -- "$stamp" .venv/installed 2>/dev/null; then
        echo "installing bt_gex$1 into .venv"
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".$1"
        echo "$stamp" >>.venv/installed
    fi
}
