"""Opens in peft 0.21.2 (transformers 5.17.0, torch 2.11.0) the adapters that the Rust tests wrote: all keys known and none
missing, the same settings layer by layer, and the logits of the golden files.

    cargo test -p adamllm-model lora_golden
    python check_lora.py TARGET/tmp/lora
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import torch
from peft import PeftModel

import make
from make import FAMILIES, HERE, config_of, model_of, places, relative, sequences
from make_lora import CASES, LOGITS, adapted, run_logits_in


def layers(model):
    return {n: (m.r["default"], m.scaling["default"]) for n, m in model.named_modules() if hasattr(m, "lora_A") and "default" in m.lora_A}


def check(name, case, folder):
    family, (base_case, settings) = FAMILIES[name], CASES[name][case]
    base, plan = family.cases()[base_case]
    with warnings.catch_warnings():
        # A missing or an unexpected key is a warning of `peft`.
        warnings.simplefilter("error")
        model = PeftModel.from_pretrained(model_of(family, config_of(base), torch.float32), folder).eval()
    expected = layers(adapted(family, base, settings, torch.float32))
    assert layers(model) == expected, f"{folder}: other layers, ranks or scales than peft's own"
    golden = json.loads((HERE / "lora" / f"{name}-{case}.json").read_text())
    built = sequences(family, config_of(base), base_case, plan)
    with torch.no_grad():
        logits = run_logits_in(family, model, built, torch.float32)
    exact = torch.tensor(golden["logits"], dtype=torch.float64)
    error = relative(logits.flatten()[places(f"{case}/logits", LOGITS, logits.numel())], exact)
    assert error < 1e-5, f"{folder}: logits differ by {error}"
    targets = json.loads((folder / "adapter_config.json").read_text())["target_modules"]
    print(f"{folder.name}: opens in peft, {len(expected)} layers, no missing or unexpected keys, logits within {error:.1e}; "
          f"target_modules {targets if len(targets) < 8 else len(targets)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", type=Path, help="where the Rust test left its adapters: TARGET/tmp/lora")
    options = parser.parse_args()
    for name, cases in CASES.items():
        for case in cases:
            check(name, case, options.folders / f"{name}-{case}")
    sys.exit(0)


if __name__ == "__main__":
    main()
