#!/bin/sh
# Times PyTorch and ours in one run, taking turns, and writes results/DATE.md.
#
#   benchmarks/peers/run.sh [SECTION…]     sections: see compare.py; all when none is named
#
# Sets up PyTorch in benchmarks/peers/.venv (a few GB; XRDMATCH_PEER_VENV names another place, and
# an environment that is already there is used as it is) and builds ours in release mode.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${XRDMATCH_PEER_VENV:-$here/.venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "$here/requirements.txt" \
        --extra-index-url https://download.pytorch.org/whl/cpu
fi
cd "$here/../.."
cargo build --release --package convnet --example peer_timing
target=${CARGO_TARGET_DIR:-target}
exec "$venv/bin/python" -W ignore "$here/compare.py" --ours "$target/release/examples/peer_timing" "$@"
