"""The table of 01-step.sh: losses of two steps and the GPU's memory for each family and choice, from the files of this folder."""
import json, pathlib

for file in sorted(pathlib.Path(".").iterdir()):
    memory = file.with_name(file.name + ".mib")
    if not memory.exists():
        continue
    found = json.loads(file.read_text())
    losses = ", ".join("%.4f" % loss for loss in found["losses"])
    print("%-40s losses %s; %s MiB of the GPU" % (file.name, losses, memory.read_text().strip()))
