#!/bin/sh
# Print the path of a Python that this project runs on (3.12 or 3.13), or say plainly what to install.
# A name on the PATH may be a shim that starts nothing, so each candidate is run before it is believed.
fits() {
    "$1" -c 'import sys, venv; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}
for candidate in "$PYTHON" python3.12 python3.13 python3 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python \
    /opt/homebrew/bin/python3.12 /opt/homebrew/bin/python3.13 /usr/local/bin/python3.12 /usr/local/bin/python3.13; do
    if [ -n "$candidate" ] && fits "$candidate"; then
        command -v "$candidate"
        exit 0
    fi
done
echo "vidmem needs Python 3.12 or 3.13 with venv, and found neither." >&2
echo "Install one (Debian/Ubuntu: apt install python3.12 python3.12-venv; others: pyenv install 3.12), or name it: make demo PYTHON=/path/to/python" >&2
exit 1
