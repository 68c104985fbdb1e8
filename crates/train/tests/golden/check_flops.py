"""Counts the operations of the suite's small model with PyTorch's own counter; no test runs it.

The numbers are those that `operations_are_those_of_the_shapes` (tests/suite/watching.rs) takes as given. PyTorch counts all pairs of
tokens and a head for every token; the trainer counts causal attention at half and learned tokens alone, so both are asked for apart.
"""

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM


def count(run):
    counter = FlopCounterMode(display=False)
    with counter:
        run()
    return counter.get_total_flops()


text = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, attn_implementation="eager",
    )
)
for tokens in (6, 15):
    ids = torch.arange(tokens)[None] + 3
    forward = count(lambda: text(ids))
    expected = tokens * 7_680 + tokens * tokens * 128 + tokens * 1_280
    # Positions are multiplied with frequencies, which the trainer does not count: 2 a position and frequency.
    positions = 2 * tokens * 2
    assert forward - expected in (0, positions), (tokens, forward, expected)
    both = count(lambda: text(ids).logits.sum().backward())
    print(f"{tokens} tokens: forward {forward} for {expected}, with backward {both / forward:.2f} times that")

tower = CLIPVisionModel(
    CLIPVisionConfig(
        hidden_size=12, intermediate_size=20, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4,
        attn_implementation="eager",
    )
)
forward = count(lambda: tower(torch.zeros(2, 3, 8, 8)))
# The class token is no patch: 5 places instead of 4 in the layer, of 2 tiles.
expected = 2 * (5 * 2_112 + 4 * 1_152 + 25 * 48)
assert forward == expected, (forward, expected)
patches = 8 * 3_264 + 8 * 4 * 48
print(f"2 tiles: forward {forward}, of which {patches} for the patches themselves")
