"""Greedy answers of given lengths with `transformers` on what `adamllm bench generate --write-inputs` wrote.

A batch goes on until its longest answer is done, which is what `generate` does; tokens beyond a request's own length are
computed and not counted.

usage: transformers_generate.py INPUTS OUTPUT.json [--sort prompt|answer] [--batch N] [--dtype f32|bf16] [--threads N]
"""
import argparse

import torch
import transformers
import transformers_inputs as own
from transformers_train import model_class


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("inputs")
    parser.add_argument("output")
    parser.add_argument("--sort", choices=["prompt", "answer"], default="prompt")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    folder = asked.inputs + "/model"
    image_token, requests = own.read(asked.inputs, "requests")
    dtype = torch.bfloat16 if asked.dtype == "bf16" else torch.float32
    model = model_class(folder).from_pretrained(folder, dtype=dtype).eval()
    pictures = own.Pictures(folder, image_token, dtype)
    key = (lambda r: len(r["ids"])) if asked.sort == "prompt" else (lambda r: r["max_new_tokens"])
    requests = sorted(requests, key=key)
    # The picture's token is never written by ours either: its embedding would be asked for a picture.
    never = [image_token] if image_token >= 0 else None
    answers = {}

    def answer(rows, length):
        ids = own.padded([r["ids"] for r in rows], 1, left=True)
        mask = own.padded([[1] * len(r["ids"]) for r in rows], 0, left=True)
        with torch.inference_mode():
            return model.generate(
                input_ids=ids, attention_mask=mask, **pictures.inputs([r["images"] for r in rows], ids), do_sample=False,
                max_new_tokens=length, min_new_tokens=length, suppress_tokens=never, eos_token_id=None, pad_token_id=1)[:, ids.shape[1]:]

    answer(requests[:1], 2)
    before = own.Usage()
    for at in range(0, len(requests), asked.batch):
        rows = requests[at:at + asked.batch]
        written = answer(rows, max(r["max_new_tokens"] for r in rows))
        for row, ids in zip(rows, written.tolist()):
            answers[row["id"]] = ids[:row["max_new_tokens"]]
    taken = own.Usage().since(before)
    new = sum(r["max_new_tokens"] for r in requests)
    own.write(asked.output, {
        **taken, "requests": len(requests), "new_tokens": new, "prompt_tokens": sum(len(r["ids"]) for r in requests),
        "new_tokens_per_second": new / taken["seconds"], "peak_rss_bytes": own.peak_rss_bytes(), "answers": answers,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__}})


if __name__ == "__main__":
    main()
