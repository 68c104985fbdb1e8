"""Golden values for crates/model, made by transformers 5.17.0 with torch 2.11.0 on CPU.

    python make.py            writes llava_next/*.json
    python make.py --check    remakes them in memory and compares; then opens the folders that the Rust test
                              saved (give their parent with --saved) and compares keys and logits

Weights and pixels are hashed from names (the same rule as model::init::hashed), so no weights are stored. The oracle
is transformers in float64. Its RMS norm casts to float32 by hand, which is patched here to float64; rotary angles stay
in float32 as transformers always computes them.
"""

import argparse
import copy
import json
import math
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors import safe_open
from transformers import LlavaNextConfig, LlavaNextForConditionalGeneration
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.llava_next.modeling_llava_next import get_anyres_image_grid_shape, unpad_image
from transformers.models.mistral.modeling_mistral import MistralRMSNorm

assert transformers.__version__ == "5.17.0" and torch.__version__.startswith("2.11.0"), "see the first line"
torch.set_num_threads(1)
HERE = Path(__file__).parent / "llava_next"
LOGITS, GRADIENTS, STEPS = 1200, 12, 24


def rms_norm(self, x):
    if x.dtype != torch.float64:
        x32 = x.float()
        return self.weight * (x32 * torch.rsqrt(x32.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)).to(x.dtype)
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


LlamaRMSNorm.forward = MistralRMSNorm.forward = rms_norm

MASK = (1 << 64) - 1


def hashed(name, count, start=0):
    """Numbers in [-1, 1) from FNV-1a of the name and splitmix64 of the index."""
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = ((key ^ byte) * 0x100000001B3) & MASK
    with np.errstate(over="ignore"):
        x = np.uint64(key) + (np.arange(start, start + count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(40)).astype(np.float64) / float(1 << 23) - 1.0


def weight(name, shape):
    unit = hashed(name, math.prod(shape))
    if len(shape) == 1:
        norm = name.endswith("norm.weight") or "norm1.weight" in name or "norm2.weight" in name
        values = 1.0 + 0.3 * unit if norm else 0.3 * unit
    else:
        values = unit * math.sqrt(3.0 / math.prod(shape[1:])) * 1.5
    return torch.from_numpy(values.astype(np.float32)).reshape(shape)


TEXT = dict(model_type="llama", vocab_size=96, hidden_size=32, intermediate_size=56, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, max_position_embeddings=256,
            bos_token_id=1, eos_token_id=2)
VISION = dict(model_type="clip_vision_model", hidden_size=24, intermediate_size=40, num_hidden_layers=3,
              num_attention_heads=2, image_size=12, patch_size=4, projection_dim=24)
GRID = [[12, 12], [12, 24], [24, 12], [24, 24], [36, 12], [12, 36]]


def llava(text=None, vision=None, **top):
    config = dict(architectures=["LlavaNextForConditionalGeneration"], model_type="llava_next", image_token_index=3,
                  image_grid_pinpoints=GRID, tie_word_embeddings=False, vision_feature_layer=-2,
                  vision_feature_select_strategy="default", text_config=TEXT | (text or {}), vision_config=VISION | (vision or {}))
    return config | top


# Sequences are lists of (number of text tokens | picture size in pixels).
CASES = {
    "grouped-tied": (llava(tie_word_embeddings=True), [[5, (11, 23), 9], [7], [(30, 30), 6]]),
    "full-heads-padding-row": (
        llava(dict(num_key_value_heads=4, num_hidden_layers=4, hidden_act="silu", pad_token_id=7), dict(num_hidden_layers=5)),
        [[3, (17, 40), 4, (33, 9), 8], [12, (21, 19), 1]],
    ),
    "one-key-head-llama3": (
        llava(dict(num_key_value_heads=1, num_attention_heads=8, max_position_embeddings=512,
                   rope_parameters=dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0,
                                        high_freq_factor=4.0, original_max_position_embeddings=32))),
        [[70], [41], [3]],
    ),
    "biases-wide-heads-gelu": (
        llava(dict(head_dim=12, attention_bias=True, mlp_bias=True, rope_theta=500000.0, num_hidden_layers=3,
                   rope_scaling=dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=2.0,
                                     original_max_position_embeddings=64)),
              dict(image_size=14, hidden_act="gelu", num_attention_heads=3), vision_feature_layer=-1,
              image_grid_pinpoints=[[14, 28], [28, 28], [42, 14]]),
        [[2, (100, 99), 6], [4, (5, 50), 3, (61, 20), 5]],
    ),
    "mistral-deep-cut": (
        llava(dict(model_type="mistral", sliding_window=None, num_attention_heads=6, num_key_value_heads=3, hidden_size=36,
                   rope_theta=1000000.0), dict(num_hidden_layers=4, patch_size=3), vision_feature_layer=-4,
              multimodal_projector_bias=False, tie_word_embeddings=True),
        [[1, (24, 24), 2], [9, (479, 640), 9]],
    ),
}


def picture(config, name, size):
    """Tiles, grid and number of image tokens of a hashed picture of a stated size in pixels."""
    side = config.vision_config.image_size
    rows, columns = get_anyres_image_grid_shape(size, config.image_grid_pinpoints, side)
    shape = (rows * columns + 1, 3, side, side)
    pixels = torch.from_numpy(hashed(name, math.prod(shape)).astype(np.float32)).reshape(shape)
    patches = side // config.vision_config.patch_size
    shown = unpad_image(torch.zeros(1, rows * patches, columns * patches), size).shape
    tokens = patches * patches + shown[1] * (shown[2] + 1)
    return pixels, dict(name=name, original=list(size), tiles=[rows, columns], num_tokens=tokens)


def sequences(config, case, plan):
    built = []
    for s, parts in enumerate(plan):
        ids, pixels, images, used = [], [], [], 0
        for p, part in enumerate(parts):
            if isinstance(part, int):
                unit = hashed(f"{case}/{s}", part, used)
                ids += [4 + int((u + 1.0) * 46.0) for u in unit]
                used += part
            else:
                values, image = picture(config, f"{case}/{s}/{p}", part)
                pixels.append(values)
                images.append(image)
                ids += [config.image_token_id] * image["num_tokens"]
        built.append((ids, pixels, images))
    return built


def inputs(ids, pixels, images, dtype):
    given = dict(input_ids=torch.tensor([ids]))
    if pixels:
        most = max(p.shape[0] for p in pixels)
        padded = [torch.cat([p, p.new_zeros(most - p.shape[0], *p.shape[1:])]) for p in pixels]
        given |= dict(pixel_values=torch.stack(padded).to(dtype), image_sizes=torch.tensor([i["original"] for i in images]))
    return given


def model_of(config, dtype):
    model = LlavaNextForConditionalGeneration(copy.deepcopy(config)).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weight(name, tuple(parameter.shape)))
    return model.to(dtype)


def run(model, built, dtype, image_token):
    """Logits of all sequences, loss in nats per target, gradients. Targets: each next token but image tokens."""
    model.zero_grad()
    rows, total, count = [], 0.0, 0
    for ids, pixels, images in built:
        logits = model(**inputs(ids, pixels, images, dtype)).logits[0]
        rows.append(logits.detach())
        targets = torch.tensor(ids[1:])
        targets[targets == image_token] = -100
        total = total + torch.nn.functional.cross_entropy(logits[:-1], targets, ignore_index=-100, reduction="sum")
        count += int((targets != -100).sum())
    loss = total / count
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    return torch.cat(rows).double(), loss.item(), gradients


def greedy(model, ids, pixels, images, dtype):
    """New ids, and the first step whose two best logits are closer than 1e-4 of the largest."""
    out = model.generate(**inputs(ids, pixels, images, dtype), do_sample=False, max_new_tokens=STEPS, eos_token_id=None,
                         pad_token_id=0, output_logits=True, return_dict_in_generate=True)
    close = None
    for step, logits in enumerate(out.logits):
        best = logits[0].topk(2).values
        if close is None and (best[0] - best[1]) < 1e-4 * logits.abs().max():
            close = step
    return out.sequences[0, len(ids):].tolist(), close


def relative(a, b):
    return float(((a - b).pow(2).mean() / b.pow(2).mean()).sqrt())


def short(x):
    return float(f"{x:.10g}")


def places(name, count, length):
    """Hashed indices below length."""
    return torch.from_numpy(((hashed(name, count) + 1.0) / 2.0 * length).astype(np.int64))


def make(case):
    raw, plan = CASES[case]
    config = LlavaNextConfig(**copy.deepcopy(raw))
    built = sequences(config, case, plan)
    exact, single = (model_of(config, dtype) for dtype in (torch.float64, torch.float32))
    logits, loss, gradients = run(exact, built, torch.float64, config.image_token_id)
    logits32, loss32, gradients32 = run(single, built, torch.float32, config.image_token_id)
    chosen = places(f"{case}/logits", LOGITS, logits.numel())
    largest = max(g.norm().item() for g in gradients.values() if g is not None)
    stored, unreachable, errors = {}, [], []
    for name, g in gradients.items():
        if g is None or g.norm().item() < 1e-12 * largest:
            unreachable.append(name)
            continue
        at = places(name, GRADIENTS, g.numel())
        scale = float(g.pow(2).mean().sqrt())
        errors.append(float((gradients32[name].double() - g).flatten()[at].div(scale).pow(2).mean()))
        stored[name] = dict(norm=short(g.norm().item()), values=[short(v) for v in g.flatten()[at].tolist()])
    with torch.no_grad():
        steps = [greedy(exact, *sequence, torch.float64) for sequence in built]
    with tempfile.TemporaryDirectory() as folder:
        single.save_pretrained(folder)
        with safe_open(f"{folder}/model.safetensors", "pt") as file:
            names = sorted(file.keys())
    return dict(
        config=raw,
        sequences=[dict(ids=ids, images=images, greedy=new, close=close)
                   for (ids, _, images), (new, close) in zip(built, steps)],
        logits=[short(v) for v in logits.flatten()[chosen].tolist()],
        loss=short(loss),
        gradients=stored,
        unreachable=unreachable,
        names=names,
        transformers_f32=dict(
            logits=short(relative(logits32.flatten()[chosen], logits.flatten()[chosen])),
            loss=short(abs(loss32 - loss) / loss),
            gradients=short(math.sqrt(sum(errors) / len(errors))),
        ),
    )


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a if k != "transformers_f32")
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return math.isclose(a, b, rel_tol=1e-7, abs_tol=1e-9)
    return a == b


def open_saved(folder, golden, case):
    """A folder that the Rust test saved: all keys known, and the logits as computed."""
    model, info = LlavaNextForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    bad = {key: value for key, value in info.items() if value}
    assert not bad, f"{folder}: {bad}"
    built = sequences(model.config, case, CASES[case][1])
    with torch.no_grad():
        logits = torch.cat([model(**inputs(*s, torch.float32)).logits[0] for s in built]).double()
    expected = torch.tensor(golden["logits"], dtype=torch.float64)
    error = relative(logits.flatten()[places(f"{case}/logits", LOGITS, logits.numel())], expected)
    assert error < 1e-5, f"{folder}: logits differ by {error}"
    print(f"{folder}: opens in transformers, no missing or unexpected keys, logits within {error:.1e}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--saved", type=Path, help="where the Rust test left its folders: target/tmp/golden")
    options = parser.parse_args()
    HERE.mkdir(exist_ok=True)
    failed = False
    for case in CASES:
        path, golden = HERE / f"{case}.json", make(case)
        if not options.check:
            lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in golden.items())
            path.write_text("{\n" + lines + "\n}\n")
        elif not same(golden, json.loads(path.read_text())):
            print(f"{path} differs from what is computed here")
            failed = True
        if options.saved:
            open_saved(options.saved / case, golden, case)
        print(case, golden["transformers_f32"], [s["close"] for s in golden["sequences"]], len(golden["unreachable"]))
    sys.exit(failed)


if __name__ == "__main__":
    main()
