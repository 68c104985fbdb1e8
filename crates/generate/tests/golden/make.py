"""What transformers 5.17.0 with torch 2.11.0 leaves of some logits.

    python make.py            writes decoding.json
    python make.py --check    remakes it in memory and compares
"""

import json
import math
import sys
from pathlib import Path

import torch
import transformers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

assert transformers.__version__ == "5.17.0" and torch.__version__.startswith("2.11.0"), "see the first line"
HERE = Path(__file__).parent
TOKENS = 24
SETTINGS = [
    dict(min_p=0.1),
    dict(min_p=1.0),
    dict(min_p=0.05, temperature=0.6),
    dict(min_p=0.02, temperature=1.7, top_k=9, top_p=0.9),
    dict(top_p=0.6, min_p=0.3),
    dict(repetition_penalty=1.3),
    dict(repetition_penalty=0.8, temperature=0.5),
    dict(repetition_penalty=2.0, min_p=0.04, top_k=12, top_p=0.97, temperature=1.2),
]


def processors(settings):
    """Those that `generate` would use, in its order."""
    config = LlamaConfig(vocab_size=TOKENS, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    wanted = GenerationConfig(do_sample=True, **(dict(top_k=0, top_p=1.0, temperature=1.0) | settings))
    return LlamaForCausalLM(config)._get_logits_processor(generation_config=wanted, input_ids_seq_length=6, device="cpu")


def make():
    random = torch.Generator().manual_seed(7)
    cases = []
    for settings in SETTINGS:
        logits = torch.randn(1, TOKENS, generator=random) * 2.0
        # A token that is there twice counts once.
        before = torch.randint(0, TOKENS, (1, 5), generator=random)
        before = torch.cat([before, before[:, :1]], 1)
        scores = processors(settings)(before, logits.clone())
        cases.append(dict(settings=settings, logits=logits[0].tolist(), before=before[0].tolist(),
                          probabilities=torch.softmax(scores.double(), -1)[0].tolist()))
    return cases


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)


if __name__ == "__main__":
    golden, path = make(), HERE / "decoding.json"
    print([sum(p > 0 for p in case["probabilities"]) for case in golden])
    if "--check" in sys.argv:
        sys.exit(not same(golden, json.loads(path.read_text())))
    path.write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in golden) + "\n]\n")
