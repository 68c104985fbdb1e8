"""Golden values of adapters for crates/model, made by peft 0.21.2 (transformers 5.17.0, torch 2.11.0) on CPU.

    python make_lora.py            writes lora/<family>-<case>.json
    python make_lora.py --check    remakes them in memory and compares

The base of a case is one of `make.py`'s small models. A and B are hashed from `peft`'s names by the same rule, B by a tenth
of it, so that no weights are stored and no gradient is zero. The oracle is `peft` in float64; what it loses in float32, and in
bfloat16 beside A and B in float32, is stored as the bar.
"""

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path

import peft
import torch
from peft import LoraConfig, get_peft_model
from safetensors import safe_open

import make
from make import FAMILIES, GRADIENTS, HERE, config_of, model_of, places, relative, same, sequences, short

assert peft.__version__ == "0.21.2", "see the first line"
LOGITS = 1000
TOWER = r".*(vision_tower|visual|vision_model|multi_modal_projector).*(q_proj|query|qkv|fc1|linear_1|merger\.mlp\.2|projector)"
ALL = dict(r=8, lora_alpha=16, use_rslora=True, target_modules="all-linear")
QV = dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])
PATTERNS = dict(r=3, lora_alpha=5, target_modules=["q_proj", "k_proj", "down_proj", "o_proj"], layers_to_transform=[1],
                exclude_modules=r".*(tower|visual|vision_model).*k_proj", rank_pattern={"down_proj": 6, r"layers\.\d+\.self_attn\.q_proj": 2},
                alpha_pattern={"q_proj": 12})

# Case: its base among those of `make.py`, and the settings of `LoraConfig`.
CASES = dict(
    llama=dict(
        qv=("grouped-tied", QV), all_rslora=("full-heads-biases", ALL),
        regex=("mistral", dict(r=2, lora_alpha=3, target_modules=r"model\.layers\.[01]\..*(up|o)_proj")), patterns=("odd-deep", PATTERNS)),
    llava=dict(
        qv=("clip", QV), all_rslora=("dino-tied", ALL), regex=("dino-other-size", dict(r=2, lora_alpha=3, target_modules=TOWER)),
        patterns=("clip-full-last", PATTERNS)),
    llava_next=dict(
        qv=("grouped-tied", QV), all_rslora=("biases-wide-heads-gelu", ALL),
        regex=("mistral-deep-cut", dict(r=2, lora_alpha=3, target_modules=TOWER)), patterns=("full-heads-padding-row", PATTERNS)),
    qwen2_vl=dict(
        qv=("grouped-tied", QV), all_rslora=("two-pictures", ALL), regex=("merge-three", dict(r=2, lora_alpha=3, target_modules=TOWER)),
        patterns=("wide-heads-nested", PATTERNS)),
    mllama=dict(
        qv=("padded-tiles", QV), all_rslora=("pictures-side-by-side", ALL),
        regex=("odd-tiles-all-outputs", dict(r=2, lora_alpha=3, target_modules=TOWER)),
        patterns=("no-padding-tokens", PATTERNS)),
)


def key(name):
    """The name that a parameter has in the file."""
    return name.replace(".default.", ".")


def value(name, shape):
    values = make.weight(name, shape)
    return values * 0.1 if "lora_B" in name else values


def adapted(family, base, settings, dtype):
    model = get_peft_model(model_of(family, config_of(base), dtype), LoraConfig(**settings)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                # The tenth is taken in float32, as everywhere.
                parameter.copy_(value(key(name), tuple(parameter.shape)))
    return model


def run(family, model, built, dtype):
    logits, loss, gradients = make.run(family, model, built, dtype)
    return logits, loss, {key(n): g for n, g in gradients.items() if "lora_" in n}


def merged_logits(family, model, built, dtype):
    with torch.no_grad():
        return run_logits_in(family, model.merge_and_unload(), built, dtype)


def golden(name, case):
    family, (base_case, settings) = FAMILIES[name], CASES[name][case]
    base, plan = family.cases()[base_case]
    built = sequences(family, config_of(base), base_case, plan)
    models = {d: adapted(family, base, settings, d) for d in (torch.float64, torch.float32, torch.bfloat16)}
    kinds = {d: {p.dtype for n, p in m.named_parameters() if "lora_" in n} for d, m in models.items()}
    assert kinds == {torch.float64: {torch.float64}, torch.float32: {torch.float32}, torch.bfloat16: {torch.float32}}, kinds
    with tempfile.TemporaryDirectory() as folder:
        models[torch.float32].save_pretrained(folder)
        config = json.loads(Path(folder, "adapter_config.json").read_text())
        with safe_open(f"{folder}/adapter_model.safetensors", "pt") as file:
            shapes = {k: file.get_slice(k).get_shape() for k in sorted(file.keys())}
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    logits, loss, gradients = run(family, models[torch.float64], built, torch.float64)
    logits32, loss32, gradients32 = run(family, models[torch.float32], built, torch.float32)
    with torch.no_grad():
        logits16 = run_logits_in(family, models[torch.bfloat16], built, torch.bfloat16)
    at = places(f"{case}/logits", LOGITS, logits.numel())
    stored, silent, errors = {}, [], []
    largest = max(g.norm().item() for g in gradients.values() if g is not None)
    for k, g in gradients.items():
        if g is None or g.norm().item() < 1e-12 * largest:
            silent.append(k)
            continue
        chosen = places(k, GRADIENTS, g.numel())
        scale = float(g.pow(2).mean().sqrt())
        errors.append(float((gradients32[k].double() - g).flatten()[chosen].div(scale).pow(2).mean()))
        stored[k] = dict(norm=short(g.norm().item()), values=[short(v) for v in g.flatten()[chosen].tolist()])
    merged = merged_logits(family, models[torch.float64], built, torch.float64)
    assert relative(merged, logits) < 1e-12
    merged32 = merged_logits(family, models[torch.float32], built, torch.float32)
    pick = lambda x: x.flatten()[at]
    return dict(
        base=base_case,
        adapter=config,
        shapes=shapes,
        logits=[short(v) for v in pick(logits).tolist()],
        loss=short(loss),
        gradients=stored,
        silent=silent,
        peft_f32=dict(logits=short(relative(pick(logits32), pick(logits))), loss=short(abs(loss32 - loss) / loss),
                      gradients=short(math.sqrt(sum(errors) / len(errors))), merged=short(relative(pick(merged32), pick(logits)))),
        peft_bf16=short(relative(pick(logits16), pick(logits))),
    )


def run_logits_in(family, model, built, dtype):
    return torch.cat([model(**make.inputs(family, model.config, *s, dtype)).logits[0] for s in built]).double()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    failed = False
    (HERE / "lora").mkdir(exist_ok=True)
    for name, cases in CASES.items():
        for case in cases:
            path, made = HERE / "lora" / f"{name}-{case}.json", golden(name, case)
            if not options.check:
                lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in made.items())
                path.write_text("{\n" + lines + "\n}\n")
            else:
                stored = json.loads(path.read_text())
                bars = [k for k in made if k.startswith("peft_")]
                if not same({k: v for k, v in made.items() if k not in bars}, {k: v for k, v in stored.items() if k not in bars}):
                    print(f"{path} differs from what is computed here")
                    failed = True
            print(name, case, len(made["shapes"]), made["peft_f32"], made["peft_bf16"], "silent", len(made["silent"]), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
