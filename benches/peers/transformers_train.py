"""Training with `transformers`' Trainer on what `adamllm bench train --write-inputs` wrote.

usage: transformers_train.py INPUTS OUTPUT.json [--best] [--dtype f32|autocast|bf16] [--steps N] [--warm-up N] [--threads N]
"""
import argparse, tempfile

import torch
import transformers_inputs as own
from transformers import AutoConfig, Trainer, TrainerCallback, TrainingArguments, set_seed
import transformers

MICRO = 4


def model_class(folder):
    return getattr(transformers, AutoConfig.from_pretrained(folder).architectures[0])


class Rows(torch.utils.data.Dataset):
    def __init__(self, samples):
        self.rows = [{"input_ids": s["ids"], "labels": [i if l else own.INDEX for i, l in zip(s["ids"], s["learn"])],
                      "images": s["images"]} for s in samples]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


class Collator:
    def __init__(self, pictures):
        self.pictures, self.tokens, self.computed = pictures, [], []

    def __call__(self, rows):
        ids = own.padded([r["input_ids"] for r in rows], 1)
        lengths = [len(r["input_ids"]) for r in rows]
        mask = own.padded([[1] * length for length in lengths], 0)
        self.tokens.append(sum(lengths))
        self.computed.append(ids.numel())
        return {"input_ids": ids, "attention_mask": mask, "labels": own.padded([r["labels"] for r in rows], own.INDEX),
                **self.pictures.inputs([r["images"] for r in rows], ids)}


class Steps(TrainerCallback):
    def __init__(self):
        self.marks, self.losses, self.norms = [], [], []

    def on_train_begin(self, *_, **__):
        self.marks.append(own.Usage())

    def on_step_end(self, *_, **__):
        self.marks.append(own.Usage())

    def on_log(self, args, state, control, logs=None, **_):
        if logs and "loss" in logs:
            self.losses.append(float(logs["loss"]))
            self.norms.append(float(logs["grad_norm"]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("inputs")
    parser.add_argument("output")
    parser.add_argument("--best", action="store_true")
    parser.add_argument("--dtype", choices=["f32", "autocast", "bf16"], default="f32")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=1)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    set_seed(0)
    folder = asked.inputs + "/model"
    image_token, samples = own.read(asked.inputs, "samples")
    dtype = torch.bfloat16 if asked.dtype == "bf16" else torch.float32
    model = model_class(folder).from_pretrained(folder, dtype=dtype)
    collator, steps = Collator(own.Pictures(folder, image_token, dtype)), Steps()
    more = {"train_sampling_strategy": "group_by_length", "optim": "adamw_torch_fused"} if asked.best else {"train_sampling_strategy": "sequential"}
    with tempfile.TemporaryDirectory() as place:
        trainer = Trainer(
            model=model, train_dataset=Rows(samples), data_collator=collator, callbacks=[steps],
            args=TrainingArguments(
                output_dir=place, max_steps=asked.steps, per_device_train_batch_size=min(MICRO, asked.batch),
                gradient_accumulation_steps=max(1, asked.batch // MICRO), learning_rate=1e-4, logging_steps=1,
                save_strategy="no", report_to="none", remove_unused_columns=False, disable_tqdm=True, use_cpu=True,
                bf16=asked.dtype == "autocast", **more))
        trainer.train()
    each = [b.time - a.time for a, b in zip(steps.marks, steps.marks[1:])]
    micro = max(1, asked.batch // MICRO)
    # Batches are collated one ahead; which step each belongs to is its place.
    measured = slice(asked.warm_up * micro, asked.steps * micro)
    tokens, computed = sum(collator.tokens[measured]), sum(collator.computed[measured])
    taken = steps.marks[-1].since(steps.marks[asked.warm_up])
    own.write(asked.output, {
        **taken, "all_step_seconds": each, "tokens": tokens, "tokens_per_second": tokens / taken["seconds"],
        "samples": asked.batch * (asked.steps - asked.warm_up), "padding_share": 1 - tokens / computed,
        "losses": steps.losses, "gradient_norms": steps.norms, "peak_rss_bytes": own.peak_rss_bytes(),
        "page_faults_per_step": taken["page_faults"] / (asked.steps - asked.warm_up),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__}})


if __name__ == "__main__":
    main()
