"""Ten steps of training, made by transformers 5.17.0 with torch 2.11.0 on CPU.

    python make.py            writes curve.json
    python make.py --check    remakes it in memory and compares
"""

import copy
import importlib.util
import json
import sys
from pathlib import Path

import torch
from transformers import LlavaNextConfig, get_cosine_with_min_lr_schedule_with_warmup

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("golden_of_models", HERE.parents[2] / "model/tests/golden/make.py")
golden_of_models = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden_of_models)

CASE = "train"
FAMILY = golden_of_models.LlavaNext
RAW = FAMILY.config(tie_word_embeddings=True)
# Numbers of text tokens and picture sizes; the texts after the last picture are learned, of the first plan all but 4.
PLANS = [[9], [3, (11, 23), 8], [2, (30, 30), 3], [21], [1, (12, 12), 5], [4, (20, 9), 6, (5, 5), 7]]
SETTINGS = dict(
    batch_size=3, steps=10, warmup=2, min_lr=0.1, weight_decay=0.1, betas=[0.9, 0.95], eps=1e-6, max_grad_norm=6.0,
    learning_rate=dict(vision_tower=1e-3, projector=4e-3, language_model=2e-3),
)


def group(name):
    if "vision_tower" in name:
        return "vision_tower"
    return "projector" if "projector" in name or "newline" in name else "language_model"


def samples(config):
    token = golden_of_models.image_token(config)
    for ids, images in golden_of_models.sequences(FAMILY, config, CASE, PLANS):
        start = len(ids) - ids[::-1].index(token) if images else 4
        yield ids, [i >= start for i in range(len(ids))], images


def train(config, dtype):
    model = golden_of_models.model_of(FAMILY, config, dtype)
    sets = {}
    for name, parameter in model.named_parameters():
        sets.setdefault((group(name), parameter.dim() > 1), []).append(parameter)
    optimizer = torch.optim.AdamW(
        [dict(params=p, lr=SETTINGS["learning_rate"][g], weight_decay=SETTINGS["weight_decay"] * decay)
         for (g, decay), p in sets.items()],
        betas=SETTINGS["betas"], eps=SETTINGS["eps"], foreach=False,
    )
    schedule = get_cosine_with_min_lr_schedule_with_warmup(
        optimizer, SETTINGS["warmup"], SETTINGS["steps"], min_lr_rate=SETTINGS["min_lr"])
    data, steps = list(samples(config)), []
    for step in range(SETTINGS["steps"]):
        start = step * SETTINGS["batch_size"] % len(data)
        batch = data[start:start + SETTINGS["batch_size"]]
        count = sum(sum(learn[1:]) for _, learn, _ in batch)
        total = 0.0
        for ids, learn, images in batch:
            logits = model(**golden_of_models.inputs(FAMILY, config, ids, images, dtype)).logits[0]
            targets = torch.tensor([i if l else -100 for i, l in zip(ids, learn)][1:])
            total = total + torch.nn.functional.cross_entropy(logits[:-1], targets, reduction="sum")
        loss = total / count
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), SETTINGS["max_grad_norm"])
        rates = {g: p["lr"] for (g, _), p in zip(sets, optimizer.param_groups)}
        steps.append(dict(loss=loss.item(), grad_norm=norm.item(), learning_rate=rates))
        optimizer.step()
        schedule.step()
    # Keys' biases have no gradient but rounding, which AdamW blows up; they change nothing.
    weights = {}
    for name, parameter in model.named_parameters():
        if "k_proj.bias" not in name:
            at = golden_of_models.places(name, 4, parameter.numel())
            weights[name] = parameter.detach().flatten()[at].double().tolist()
    return steps, weights


def make():
    config = LlavaNextConfig(**copy.deepcopy(RAW))
    steps, weights = train(config, torch.float64)
    steps32, weights32 = train(config, torch.float32)
    short = golden_of_models.short
    worst = lambda key: max(abs(a[key] - b[key]) / abs(b[key]) for a, b in zip(steps32, steps))
    pairs = [(a, b) for name in weights for a, b in zip(weights32[name], weights[name])]
    return dict(
        config=RAW,
        settings=SETTINGS,
        samples=[dict(ids=ids, learn=[int(l) for l in learn], images=[{k: v for k, v in i.items() if k != "shape"} for i in images])
                 for ids, learn, images in samples(config)],
        steps=[dict(loss=short(s["loss"]), grad_norm=short(s["grad_norm"]),
                    learning_rate={g: short(r) for g, r in s["learning_rate"].items()}) for s in steps],
        weights={name: [short(v) for v in values] for name, values in weights.items()},
        transformers_f32=dict(loss=short(worst("loss")), grad_norm=short(worst("grad_norm")),
                              weights=short(max(abs(a - b) for a, b in pairs))),
    )


if __name__ == "__main__":
    golden, path = make(), HERE / "curve.json"
    print(golden["transformers_f32"], [round(s["loss"], 4) for s in golden["steps"]], [round(s["grad_norm"], 3) for s in golden["steps"]])
    if "--check" in sys.argv:
        sys.exit(not golden_of_models.same(golden, json.loads(path.read_text())))
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in golden.items())
    path.write_text("{\n" + lines + "\n}\n")
