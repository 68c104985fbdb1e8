"""A plain training loop of `transformers` on a GPU: bf16 weights, fused AdamW, microbatches of 4, on what `adamllm bench train
--write-inputs` wrote. usage: speed_transformers.py INPUTS OUTPUT.json --steps N"""
import argparse, pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peers"))
import torch
import transformers_inputs as own
from transformers_train import Collator, MICRO, Rows, model_class

BATCH = 16


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("inputs")
    parser.add_argument("output")
    parser.add_argument("--steps", type=int, default=4)
    asked = parser.parse_args()
    folder = asked.inputs + "/model"
    image_token, samples = own.read(asked.inputs, "samples")
    model = model_class(folder).from_pretrained(folder, dtype=torch.bfloat16).cuda().train()
    collator, rows = Collator(own.Pictures(folder, image_token, torch.bfloat16)), Rows(samples)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    losses, tokens, marks = [], [], []
    for step in range(asked.steps):
        torch.cuda.synchronize()
        marks.append(own.Usage())
        batch = [rows[index] for index in range(step * BATCH, (step + 1) * BATCH)]
        # A label is learned where the token before it is seen.
        learned = sum(label != own.INDEX for row in batch for label in row["labels"][1:])
        total = 0.0
        for at in range(0, BATCH, MICRO):
            inputs = {name: value.cuda() for name, value in collator(batch[at:at + MICRO]).items()}
            loss = model(**inputs, num_items_in_batch=torch.tensor(learned, device="cuda")).loss
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(total)
        tokens.append(sum(len(row["input_ids"]) for row in batch))
    torch.cuda.synchronize()
    marks.append(own.Usage())
    taken = marks[-1].since(marks[1])
    own.write(asked.output, {**taken, "tokens": sum(tokens[1:]), "tokens_per_second": sum(tokens[1:]) / taken["seconds"], "losses": losses,
                             "peak_gpu_bytes": torch.cuda.max_memory_allocated()})


if __name__ == "__main__":
    main()
