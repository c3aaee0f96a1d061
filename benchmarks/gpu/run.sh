#!/bin/sh
# Times ours and PyTorch on a graphics card in one run, and appends to results/DATE.md.
#
#   benchmarks/gpu/run.sh [OPTION…]        options: see compare.py
#
# Builds ours in release mode with the features in XRDMATCH_GPU_FEATURES (default `wgpu`; `wgpu,cuda`
# adds CUDA, whose build fetches LLVM), and sets up PyTorch with CUDA in benchmarks/gpu/.venv (several
# GB; XRDMATCH_PEER_VENV names an environment that is already there).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${XRDMATCH_PEER_VENV:-$here/.venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "$here/../peers/requirements.txt"
fi
cd "$here/../.."
cargo build --release --package convnet --features "${XRDMATCH_GPU_FEATURES:-wgpu}" --example peer_timing
target=${CARGO_TARGET_DIR:-target}
exec "$venv/bin/python" -W ignore "$here/compare.py" --ours "$target/release/examples/peer_timing" "$@"
