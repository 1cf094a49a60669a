# shellcheck shell=sh
# Sourced by run, test and check, which set `root`: gives the checkout's .venv the extras named.
# Here a Python is found; scripts/bootstrap.py does the rest.

# Prints the Python to start with. `PYTHON` wins; else what made .venv; else the first on PATH that
# is new enough.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        if new_enough "$PYTHON"; then
            printf '%s\n' "$PYTHON"
            return
        fi
        refuse "PYTHON is $PYTHON, which is ${found:-no Python that starts}"
    fi
    too_old=
    for candidate in "$root/.venv/bin/python" python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
        too_old=${too_old:-${found:+$found ($(command -v "$candidate"))}}
    done
    refuse "found ${too_old:-no Python}"
}

# Whether $1 is a Python >= 3.11; `found` is what it says it is, empty if it does not start.
new_enough() {
    found=$("$1" -I -S -c 'import sys
print("Python %d.%d.%d" % sys.version_info[:3])
sys.exit(sys.version_info < (3, 11))' 2>/dev/null)
}

refuse() {
    echo "error: wantui needs Python 3.11 or newer, but $1; install one, or name one in PYTHON" >&2
    exit 1
}

bootstrap() {
    python=$(find_python) || exit 1
    "$python" -I -S "$root/scripts/bootstrap.py" "$@" || exit $?
}
