"""Makes a random model folder one whose greedy answers are texts: its vocabulary is cut to what its tokenizer can write, and its
weights are drawn anew, so wide that tokens differ in likelihood.

usage: sharpen.py FOLDER [SEED]
The folder holds `config.json`, `tokenizer.json` and one `model.safetensors` in f32, as `adamllm bench generate --write-inputs` leaves it.
"""
import json, pathlib, sys
import numpy as np
from safetensors.numpy import load_file, save_file


def drawn(name, tensor, draw):
    if tensor.ndim == 1:
        # Norms stay near one, biases near zero.
        return tensor + draw.normal(0, 0.1, tensor.shape).astype(np.float32)
    if "embed" in name or "lm_head" in name:
        return draw.normal(0, 1 if "embed_tokens" in name else 0.12, tensor.shape).astype(np.float32)
    width = np.prod(tensor.shape[1:])
    return draw.normal(0, 1.5 / np.sqrt(width), tensor.shape).astype(np.float32)


def main():
    folder, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    config = json.loads((folder / "config.json").read_text())
    text = config.get("text_config", config)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    size = 1 + max([*tokenizer["model"]["vocab"].values(), *(token["id"] for token in tokenizer["added_tokens"])])
    rows, text["vocab_size"] = text["vocab_size"], size
    draw = np.random.default_rng(seed)
    # This program's engine never writes a picture's token, so no model here shall want to.
    pictures = [config[key] for key in ["image_token_index", "image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"] if key in config]
    tensors = {}
    for name, tensor in sorted(load_file(folder / "model.safetensors").items()):
        if tensor.shape[0] == rows and ("embed_tokens" in name or "lm_head" in name):
            tensor = tensor[:size]
        tensors[name] = np.ascontiguousarray(drawn(name, tensor, draw))
        if "lm_head" in name:
            tensors[name][pictures] = 0
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


main()
