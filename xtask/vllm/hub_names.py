"""Copies a model folder and gives its CLIP tower the names of the hub, which vLLM asks for.

usage: hub_names.py FROM TO
The demo's base model has those of `transformers` 5, and one `model.safetensors`.
"""
import json, pathlib, shutil, struct, sys


def main():
    source, copy = map(pathlib.Path, sys.argv[1:3])
    shutil.copytree(source, copy)
    file = (source / "model.safetensors").read_bytes()
    length, = struct.unpack("<Q", file[:8])
    header = json.loads(file[8 : 8 + length])
    renamed = {name.replace("vision_tower.", "vision_tower.vision_model."): about for name, about in header.items()}
    text = json.dumps(renamed).encode()
    text += b" " * (-(8 + len(text)) % 64)
    (copy / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + file[8 + length :])


main()
