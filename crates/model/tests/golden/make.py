"""Golden values for crates/model, made by transformers 5.17.0 with torch 2.11.0 on CPU.

    python make.py [FAMILY..]   writes <family>/*.json
    python make.py --check      remakes them in memory and compares; then opens the folders that the Rust test
                                saved (give their parent with --saved) and compares keys and logits

Weights and pixels are hashed from names (the same rule as model::init::hashed), so no weights are stored. The oracle
is transformers in float64. What it casts to float32 by hand (RMS norms, the rotation of Qwen2-VL's vision tower) is
patched here to stay in float64; rotary angles stay in float32 as transformers always computes them.
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
from transformers import AutoConfig, LlamaForCausalLM, LlavaForConditionalGeneration, LlavaNextForConditionalGeneration
from transformers import MistralForCausalLM, MllamaForConditionalGeneration, Qwen2VLForConditionalGeneration
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.llava_next.modeling_llava_next import get_anyres_image_grid_shape, unpad_image
from transformers.models.mistral.modeling_mistral import MistralRMSNorm
from transformers.models.mllama import modeling_mllama
from transformers.models.mllama.processing_mllama import convert_sparse_cross_attention_mask_to_dense, get_cross_attention_token_mask
from transformers.models.qwen2_vl import modeling_qwen2_vl

assert transformers.__version__ == "5.17.0" and torch.__version__.startswith("2.11.0"), "see the first line"
torch.set_num_threads(1)
HERE = Path(__file__).parent
# 2,500 logits of each of four configurations or more: at least 10,000 a family.
LOGITS, GRADIENTS, STEPS, REQUESTS = 2500, 12, 64, 100


def rms_norm(self, x):
    if x.dtype != torch.float64:
        x32 = x.float()
        return self.weight * (x32 * torch.rsqrt(x32.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)).to(x.dtype)
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


LlamaRMSNorm.forward = MistralRMSNorm.forward = rms_norm
modeling_qwen2_vl.Qwen2VLRMSNorm.forward = modeling_mllama.MllamaTextRMSNorm.forward = rms_norm
rotate_in_f32 = modeling_qwen2_vl.apply_rotary_pos_emb_vision


def rotate(q, k, cos, sin):
    if q.dtype != torch.float64:
        return rotate_in_f32(q, k, cos, sin)
    cos, sin = cos.unsqueeze(-2).double(), sin.unsqueeze(-2).double()
    half = modeling_qwen2_vl.rotate_half
    return q * cos + half(q) * sin, k * cos + half(k) * sin


modeling_qwen2_vl.apply_rotary_pos_emb_vision = rotate

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


def pixels_of(name, shape):
    return torch.from_numpy(hashed(name, math.prod(shape)).astype(np.float32)).reshape(shape)


TEXT = dict(model_type="llama", vocab_size=96, hidden_size=32, intermediate_size=56, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, max_position_embeddings=256,
            bos_token_id=1, eos_token_id=2)
VISION = dict(model_type="clip_vision_model", hidden_size=24, intermediate_size=40, num_hidden_layers=3,
              num_attention_heads=2, image_size=12, patch_size=4, projection_dim=24)
GRID = [[12, 12], [12, 24], [24, 12], [24, 24], [36, 12], [12, 36]]
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)


class LlavaNext:
    """Sequences are lists of (number of text tokens | picture size in pixels)."""
    model = LlavaNextForConditionalGeneration

    @staticmethod
    def config(text=None, vision=None, **top):
        return dict(architectures=["LlavaNextForConditionalGeneration"], model_type="llava_next", image_token_index=3,
                    image_grid_pinpoints=GRID, tie_word_embeddings=False, vision_feature_layer=-2,
                    vision_feature_select_strategy="default", text_config=TEXT | (text or {}), vision_config=VISION | (vision or {})) | top

    @staticmethod
    def picture(config, name, size):
        side = config.vision_config.image_size
        rows, columns = get_anyres_image_grid_shape(size, config.image_grid_pinpoints, side)
        shape = [rows * columns + 1, 3, side, side]
        patches = side // config.vision_config.patch_size
        shown = unpad_image(torch.zeros(1, rows * patches, columns * patches), size).shape
        tokens = patches * patches + shown[1] * (shown[2] + 1)
        return dict(name=name, shape=shape, original=list(size), tiles=[rows, columns], num_tokens=tokens)

    @staticmethod
    def inputs(config, ids, images, dtype):
        pixels = [pixels_of(i["name"], i["shape"]) for i in images]
        most = max(p.shape[0] for p in pixels)
        padded = [torch.cat([p, p.new_zeros(most - p.shape[0], *p.shape[1:])]) for p in pixels]
        return dict(pixel_values=torch.stack(padded).to(dtype), image_sizes=torch.tensor([i["original"] for i in images]))

    @classmethod
    def cases(cls):
        llava = cls.config
        return {
            "grouped-tied": (llava(tie_word_embeddings=True), [[5, (11, 23), 9], [7], [(30, 30), 6]]),
            "full-heads-padding-row": (
                llava(dict(num_key_value_heads=4, num_hidden_layers=4, hidden_act="silu", pad_token_id=7), dict(num_hidden_layers=5)),
                [[3, (17, 40), 4, (33, 9), 8], [12, (21, 19), 1]],
            ),
            "one-key-head-llama3": (
                llava(dict(num_key_value_heads=1, num_attention_heads=8, max_position_embeddings=512,
                           rope_parameters=LLAMA3 | dict(rope_theta=10000.0))),
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


class Llama:
    model = LlamaForCausalLM

    @staticmethod
    def config(**top):
        return dict(architectures=["LlamaForCausalLM"], tie_word_embeddings=False) | TEXT | top

    @classmethod
    def cases(cls):
        llama = cls.config
        return {
            "grouped-tied": (llama(tie_word_embeddings=True), [[15], [7], [30]]),
            "one-key-head-llama3": (
                llama(num_key_value_heads=1, num_attention_heads=8, max_position_embeddings=512,
                      rope_parameters=LLAMA3 | dict(rope_theta=500000.0)),
                [[70], [41], [3]],
            ),
            "full-heads-biases": (
                llama(num_key_value_heads=4, attention_bias=True, mlp_bias=True, head_dim=12, hidden_act="gelu", num_hidden_layers=3,
                      pad_token_id=7, rope_theta=100000.0),
                [[33], [2], [21]],
            ),
            "odd-deep": (
                llama(hidden_size=30, intermediate_size=37, num_attention_heads=3, num_key_value_heads=3, num_hidden_layers=6,
                      vocab_size=101, rms_norm_eps=1e-6),
                [[40], [12]],
            ),
            "mistral": (
                llama(architectures=["MistralForCausalLM"], model_type="mistral", sliding_window=None, num_attention_heads=6,
                      num_key_value_heads=2, hidden_size=36, rope_theta=1000000.0),
                [[26], [9], [14]],
            ),
        }


class Qwen2Vl:
    """Pictures are (rows, columns) of patches."""
    model = Qwen2VLForConditionalGeneration

    @staticmethod
    def config(vision=None, **text):
        own = dict(hidden_size=32, num_hidden_layers=2, intermediate_size=56, num_attention_heads=4, num_key_value_heads=2,
                   vocab_size=96, max_position_embeddings=512, rms_norm_eps=1e-6, rope_theta=1000000.0, bos_token_id=1, eos_token_id=2,
                   rope_scaling=dict(type="mrope", mrope_section=[1, 1, 2])) | text
        tower = dict(depth=2, embed_dim=32, hidden_size=own["hidden_size"], num_heads=4, mlp_ratio=2, patch_size=4, spatial_merge_size=2,
                     temporal_patch_size=2, hidden_act="quick_gelu") | (vision or {})
        return dict(architectures=["Qwen2VLForConditionalGeneration"], model_type="qwen2_vl", image_token_id=3, video_token_id=0,
                    vision_start_token_id=1, vision_end_token_id=2, tie_word_embeddings=False, use_sliding_window=False,
                    vision_config=tower) | own

    @staticmethod
    def nested(flat):
        """As later versions save it."""
        outer = ["architectures", "model_type", "tie_word_embeddings", "vision_config"]
        top = {k: v for k, v in flat.items() if k in outer or k.startswith(("image_", "video_", "vision_"))}
        return top | dict(text_config={k: v for k, v in flat.items() if k not in top} | dict(model_type="qwen2_vl_text"))

    @staticmethod
    def picture(config, name, grid):
        side, merge = config.vision_config.patch_size, config.vision_config.spatial_merge_size
        shape = [grid[0] * grid[1], 3, side, side]
        return dict(name=name, shape=shape, patches=list(grid), num_tokens=grid[0] * grid[1] // merge**2)

    @staticmethod
    def inputs(config, ids, images, dtype):
        frames = config.vision_config.temporal_patch_size
        pixels = [pixels_of(i["name"], i["shape"]).unsqueeze(2).expand(-1, -1, frames, -1, -1).flatten(1) for i in images]
        grids = torch.tensor([[1] + i["patches"] for i in images])
        return dict(pixel_values=torch.cat(pixels).to(dtype), image_grid_thw=grids,
                    mm_token_type_ids=(torch.tensor([ids]) == config.image_token_id).int())

    @classmethod
    def cases(cls):
        qwen = cls.config
        return {
            "grouped-tied": (qwen(tie_word_embeddings=True), [[5, (4, 6), 9], [7], [(2, 2), 6]]),
            "two-pictures": (
                qwen(dict(depth=3, num_heads=2, hidden_act="gelu"), num_key_value_heads=4, num_hidden_layers=3, pad_token_id=7),
                [[3, (6, 2), 4, (2, 8), 8], [2, (4, 4), 1]],
            ),
            "merge-three": (
                qwen(dict(spatial_merge_size=3, patch_size=3, embed_dim=24, num_heads=2, temporal_patch_size=1), num_key_value_heads=1,
                     rope_scaling=dict(type="mrope", mrope_section=[2, 1, 1])),
                [[4, (9, 3), 4], [1, (3, 6), 11]],
            ),
            "wide-heads-nested": (
                cls.nested(qwen(dict(depth=1, mlp_ratio=4), num_attention_heads=2, num_key_value_heads=1, num_hidden_layers=4,
                                rope_scaling=dict(type="mrope", mrope_section=[2, 3, 3]), intermediate_size=41, rope_theta=10000.0)),
                [[(8, 10), 12], [40], [6, (2, 6), 3]],
            ),
        }


class Llava:
    model = LlavaForConditionalGeneration

    @staticmethod
    def config(text=None, vision=None, **top):
        return dict(architectures=["LlavaForConditionalGeneration"], model_type="llava", image_token_index=3, tie_word_embeddings=False,
                    vision_feature_layer=-2, vision_feature_select_strategy="default", text_config=TEXT | (text or {}),
                    vision_config=VISION | (vision or {})) | top

    @staticmethod
    def picture(config, name, size):
        patch = config.vision_config.patch_size
        full = config.vision_feature_select_strategy == "full"
        return dict(name=name, shape=[1, 3, *size], num_tokens=(size[0] // patch) * (size[1] // patch) + full)

    @staticmethod
    def inputs(config, ids, images, dtype):
        return dict(pixel_values=torch.cat([pixels_of(i["name"], i["shape"]) for i in images]).to(dtype))

    @classmethod
    def cases(cls):
        llava = cls.config
        dino = dict(model_type="dinov2", hidden_size=24, num_hidden_layers=3, num_attention_heads=2, mlp_ratio=2, image_size=12, patch_size=4)
        tile = (12, 12)
        return {
            "clip": (llava(), [[5, tile, 9], [7], [tile, 6]]),
            "clip-full-last": (
                llava(dict(num_key_value_heads=4, num_hidden_layers=3), dict(hidden_act="gelu", num_hidden_layers=2), vision_feature_layer=-1,
                      vision_feature_select_strategy="full", multimodal_projector_bias=False, projector_hidden_act="relu"),
                [[3, tile, 4, tile, 8], [2]],
            ),
            "dino-tied": (
                llava(dict(num_key_value_heads=1, num_attention_heads=8), dino, tie_word_embeddings=True, vision_feature_layer=-1),
                [[2, tile, 6], [9]],
            ),
            "dino-other-size": (
                llava(dict(hidden_size=30, intermediate_size=33, num_attention_heads=3, num_key_value_heads=3),
                      dino | dict(image_size=20, use_mask_token=False, qkv_bias=False, layer_norm_eps=1e-5)),
                [[2, tile, 6], [4, tile, 3, tile, 2]],
            ),
        }


class Mllama:
    """Pictures are (rows, columns) of tiles."""
    model = MllamaForConditionalGeneration

    @staticmethod
    def config(vision=None, text=None, **top):
        own = dict(model_type="mllama_text_model", vocab_size=96, hidden_size=32, intermediate_size=56, num_hidden_layers=4,
                   num_attention_heads=4, num_key_value_heads=2, cross_attention_layers=[1, 3], max_position_embeddings=256, rms_norm_eps=1e-5,
                   pad_token_id=0, bos_token_id=1, eos_token_id=2, rope_parameters=LLAMA3 | dict(rope_theta=500000.0)) | (text or {})
        tower = dict(model_type="mllama_vision_model", hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_global_layers=2,
                     attention_heads=2, image_size=12, patch_size=4, intermediate_layers_indices=[0, 2], max_num_tiles=4, vision_output_dim=72,
                     supported_aspect_ratios=[[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]) | (vision or {})
        return dict(architectures=["MllamaForConditionalGeneration"], model_type="mllama", image_token_index=own["vocab_size"],
                    text_config=own, vision_config=tower) | top

    @staticmethod
    def picture(config, name, tiles):
        side = config.vision_config.image_size
        return dict(name=name, shape=[tiles[0] * tiles[1], 3, side, side], canvas=list(tiles), num_tokens=1)

    @staticmethod
    def inputs(config, ids, images, dtype):
        vision = config.vision_config
        most = vision.max_num_tiles
        pixels = [pixels_of(i["name"], i["shape"]) for i in images]
        padded = torch.stack([torch.cat([p, p.new_zeros(most - p.shape[0], *p.shape[1:])]) for p in pixels])
        arrangements = torch.tensor([[vision.supported_aspect_ratios.index(i["canvas"]) + 1 for i in images]])
        tiles = [[p.shape[0] for p in pixels]]
        real = torch.tensor([[[int(t < n) for t in range(most)] for n in tiles[0]]])
        seen = convert_sparse_cross_attention_mask_to_dense([get_cross_attention_token_mask(ids, config.image_token_index)], tiles, most, len(ids))
        return dict(pixel_values=padded[None].to(dtype), aspect_ratio_ids=arrangements, aspect_ratio_mask=real,
                    cross_attention_mask=torch.from_numpy(seen))

    @classmethod
    def cases(cls):
        mllama = cls.config
        return {
            "padded-tiles": (mllama(), [[5, (1, 2), 9], [7], [(1, 1), 6]]),
            "pictures-side-by-side": (
                mllama(text=dict(num_key_value_heads=4, num_hidden_layers=5, cross_attention_layers=[1, 2, 4], pad_token_id=7)),
                [[1, (2, 2), (1, 1), 4, (3, 1), 8], [3, (1, 4), 2]],
            ),
            "odd-tiles-all-outputs": (
                mllama(dict(max_num_tiles=3, supported_aspect_ratios=[[1, 1], [1, 2], [1, 3], [2, 1], [3, 1]], image_size=14, patch_size=7,
                            num_hidden_layers=2, intermediate_layers_indices=[0, 1], num_global_layers=1, hidden_act="quick_gelu"),
                       dict(num_key_value_heads=1, num_attention_heads=8, vocab_size=101)),
                [[4, (3, 1), 4], [(1, 2), 11], [(2, 1), (1, 1), 3]],
            ),
            "no-padding-tokens": (
                # 15 patches and a class token need no filling up to a multiple of eight; one tile, no arrangement to tell.
                mllama(dict(image_size=16, patch_size=4, max_num_tiles=1, supported_aspect_ratios=[[1, 1]], intermediate_layers_indices=[1],
                            vision_output_dim=48),
                       dict(num_hidden_layers=3, cross_attention_layers=[1], rope_parameters=dict(rope_type="default", rope_theta=10000.0))),
                [[4, (1, 1), 12], [30], [6, (1, 1), 3]],
            ),
        }


FAMILIES = dict(llava_next=LlavaNext, llama=Llama, qwen2_vl=Qwen2Vl, llava=Llava, mllama=Mllama)


def image_token(config):
    return getattr(config, "image_token_index", getattr(config, "image_token_id", -1))


def sequences(family, config, case, plan):
    """Ids and pictures of each sequence of a plan."""
    vocabulary = config.get_text_config().vocab_size
    built = []
    for s, parts in enumerate(plan):
        ids, images, used = [], [], 0
        for p, part in enumerate(parts):
            if isinstance(part, int):
                unit = hashed(f"{case}/{s}", part, used)
                ids += [4 + int((u + 1.0) / 2.0 * (vocabulary - 4)) for u in unit]
                used += part
            else:
                images.append(family.picture(config, f"{case}/{s}/{p}", part))
                ids += [image_token(config)] * images[-1]["num_tokens"]
        built.append((ids, images))
    return built


def inputs(family, config, ids, images, dtype):
    given = dict(input_ids=torch.tensor([ids]))
    return given | family.inputs(config, ids, images, dtype) if images else given


def config_of(raw):
    raw = copy.deepcopy(raw)
    return AutoConfig.for_model(raw.pop("model_type"), **raw)


def model_of(family, config, dtype):
    cls = MistralForCausalLM if config.model_type == "mistral" else family.model
    model = cls(copy.deepcopy(config)).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weight(name, tuple(parameter.shape)))
    return model.to(dtype)


def run(family, model, built, dtype):
    """Logits of all sequences, loss in nats per target, gradients. Targets: each next token but image tokens."""
    model.zero_grad()
    rows, total, count = [], 0.0, 0
    for ids, images in built:
        logits = model(**inputs(family, model.config, ids, images, dtype)).logits[0]
        rows.append(logits.detach())
        targets = torch.tensor(ids[1:])
        targets[targets == image_token(model.config)] = -100
        total = total + torch.nn.functional.cross_entropy(logits[:-1], targets, ignore_index=-100, reduction="sum")
        count += int((targets != -100).sum())
    loss = total / count
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    return torch.cat(rows).double(), loss.item(), gradients


def greedy(family, model, ids, images, steps):
    """New ids, and the steps whose two best logits are closer than 1e-4 of the largest. The image token is never
    written, as in the program."""
    banned = image_token(model.config)
    ban = [[banned]] if 0 <= banned < model.config.get_text_config().vocab_size else None
    out = model.generate(**inputs(family, model.config, ids, images, torch.float64), do_sample=False, max_new_tokens=steps, eos_token_id=None,
                         pad_token_id=0, bad_words_ids=ban, output_scores=True, return_dict_in_generate=True)
    close = []
    for step, logits in enumerate(out.scores):
        best = logits[0].topk(2).values
        if (best[0] - best[1]) < 1e-4 * logits[0][logits[0].isfinite()].abs().max():
            close.append(step)
    return out.sequences[0, len(ids):].tolist(), close


def requests(family, case, number, plan):
    """Plans of greedy requests of mixed lengths: the shapes of the case's own sequences with other lengths of text."""
    draw = hashed(f"{case}/requests", 8 * number)
    out = []
    for r in range(number):
        parts = plan[r % len(plan)]
        text = lambda p: 1 + int((draw[8 * r + p % 8] + 1.0) * 8.0)
        out.append([text(p) if isinstance(part, int) else part for p, part in enumerate(parts)])
    return out


def relative(a, b):
    return float(((a - b).pow(2).mean() / b.pow(2).mean()).sqrt())


def short(x):
    return float(f"{x:.10g}")


def places(name, count, length):
    """Hashed indices below length."""
    return torch.from_numpy(((hashed(name, count) + 1.0) / 2.0 * length).astype(np.int64))


def make(family, case):
    cases = family.cases()
    raw, plan = cases[case]
    config = config_of(raw)
    built = sequences(family, config, case, plan)
    exact, single, half = (model_of(family, config, dtype) for dtype in (torch.float64, torch.float32, torch.bfloat16))
    logits, loss, gradients = run(family, exact, built, torch.float64)
    logits32, loss32, gradients32 = run(family, single, built, torch.float32)
    logits16 = run(family, half, built, torch.bfloat16)[0]
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
    number = REQUESTS // len(cases)
    asked = sequences(family, config, f"{case}/greedy", requests(family, case, number, plan))
    with torch.no_grad():
        written = [greedy(family, exact, ids, images, STEPS) for ids, images in asked]
    with tempfile.TemporaryDirectory() as folder:
        single.save_pretrained(folder)
        with safe_open(f"{folder}/model.safetensors", "pt") as file:
            names = sorted(file.keys())
    return dict(
        config=raw,
        sequences=[dict(ids=ids, images=images) for ids, images in built],
        greedy=[dict(ids=ids, images=images, new=new, close=close) for (ids, images), (new, close) in zip(asked, written)],
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
        transformers_bf16=short(relative(logits16.flatten()[chosen], logits.flatten()[chosen])),
    )


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a if not k.startswith("transformers_"))
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return math.isclose(a, b, rel_tol=1e-7, abs_tol=1e-9)
    return a == b


def open_saved(family, folder, golden, case):
    """A folder that the Rust test saved: all keys known, and the logits as computed."""
    cls = MistralForCausalLM if golden["config"]["model_type"] == "mistral" else family.model
    model, info = cls.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    bad = {key: value for key, value in info.items() if value}
    assert not bad, f"{folder}: {bad}"
    built = sequences(family, model.config, case, family.cases()[case][1])
    with torch.no_grad():
        logits = torch.cat([model(**inputs(family, model.config, *s, torch.float32)).logits[0] for s in built]).double()
    expected = torch.tensor(golden["logits"], dtype=torch.float64)
    error = relative(logits.flatten()[places(f"{case}/logits", LOGITS, logits.numel())], expected)
    assert error < 1e-5, f"{folder}: logits differ by {error}"
    print(f"{folder}: opens in transformers, no missing or unexpected keys, logits within {error:.1e}")


def full_size(folder):
    """What `examples/full_size.rs` saved: all keys known, and its logits of the last token up to what bf16 or f32 leave open."""
    proof = json.loads((folder / "proof.json").read_text())
    model, info = Qwen2VLForConditionalGeneration.from_pretrained(folder, dtype="auto", output_loading_info=True)
    bad = {key: value for key, value in info.items() if value}
    assert not bad, f"{folder}: {bad}"
    images = [dict(name="picture", shape=[192, 3, 14, 14], patches=[16, 12], num_tokens=48)]
    with torch.no_grad():
        given = inputs(Qwen2Vl, model.config, proof["ids"], images, model.dtype)
        logits = model(**given, logits_to_keep=1).logits[0, -1].double()
    expected = torch.tensor(proof["logits"], dtype=torch.float64)
    print(f"{folder}: opens in transformers as {model.dtype}, no missing or unexpected keys; logits of the last token differ by "
          f"{relative(logits, expected):.1e} (RMS, relative); largest at {int(logits.argmax())}, {int(expected.argmax())} here")


# The sizes that the published configurations state.
PUBLISHED = {
    "open-llava-next-llama3-8b": LlavaNext.config(
        dict(vocab_size=128320, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
             max_position_embeddings=8192, rope_theta=500000.0),
        dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=336, patch_size=14, projection_dim=768),
        image_token_index=128256, image_grid_pinpoints=[[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]),
    "qwen2-vl-2b-instruct": Qwen2Vl.config(
        dict(depth=32, embed_dim=1280, hidden_size=1536, num_heads=16, mlp_ratio=4, patch_size=14),
        hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12, num_key_value_heads=2, vocab_size=151936,
        max_position_embeddings=32768, rope_scaling=dict(type="mrope", mrope_section=[16, 24, 24]))
    | dict(tie_word_embeddings=True, image_token_id=151655, video_token_id=151656, vision_start_token_id=151652, vision_end_token_id=151653),
    "llama-3.2-11b-vision-instruct": Mllama.config(
        dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_global_layers=8, attention_heads=16, image_size=560, patch_size=14,
             intermediate_layers_indices=[3, 7, 15, 23, 30], vision_output_dim=7680),
        dict(vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=40, num_attention_heads=32, num_key_value_heads=8,
             cross_attention_layers=[3, 8, 13, 18, 23, 28, 33, 38], max_position_embeddings=131072, pad_token_id=128004, bos_token_id=128000,
             eos_token_id=128001,
             rope_parameters=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192,
                                  rope_theta=500000.0))),
}


def sizes():
    """Parameters of the published models by group, counted without memory."""
    out = {}
    for name, raw in PUBLISHED.items():
        config = config_of(raw)
        with torch.device("meta"):
            model = FAMILIES[raw["model_type"]].model(config)
        groups = dict(vision_tower=0, projector=0, language_model=0)
        for key, parameter in model.named_parameters():
            projector = "multi_modal_projector" in key or "image_newline" in key or ".merger." in key
            vision = ".vision_tower." in key or ".visual." in key or ".vision_model." in key
            groups["projector" if projector else "vision_tower" if vision else "language_model"] += parameter.numel()
        out[name] = dict(config=raw, groups=groups)
    return out


def gguf_file(path):
    """A file with a tensor of each type that is read, as llama.cpp's own package (gguf 0.19) writes it, and its values."""
    import gguf
    writer, values = gguf.GGUFWriter(path, "llama"), {}
    writer.add_context_length(128)
    writer.add_rope_freq_base(10000.0)
    writer.add_token_list(["a", "b", "é"])
    writer.add_token_types([1, 1, 3])
    for kind in ["F32", "F16", "BF16", "Q8_0", "Q4_1"]:
        exact = hashed(kind, 128).astype(np.float32).reshape(2, 64)
        stored = gguf.quants.quantize(exact, gguf.GGMLQuantizationType[kind])
        writer.add_tensor(kind, stored, raw_dtype=gguf.GGMLQuantizationType[kind])
        values[kind] = [float(v) for v in gguf.quants.dequantize(stored, gguf.GGMLQuantizationType[kind]).flatten()[::3]]
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return values


def rope_factors():
    """By what `transformers` divides the frequencies of Llama 3.1 and 3.2 text models; llama.cpp stores these numbers."""
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
    rows = []
    for width, factor in [(128, 8.0), (64, 32.0)]:
        settings = dict(rope_type="llama3", factor=factor, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)
        config = LlamaConfig(hidden_size=width, num_attention_heads=1, head_dim=width, max_position_embeddings=131072,
                             rope_parameters=settings | dict(rope_theta=500000.0))
        scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
        plain = 1.0 / 500000.0 ** (torch.arange(0, width, 2).float() / width)
        rows.append(dict(theta=500000.0, settings=settings, factors=[short(f) for f in (plain / scaled).tolist()]))
    return rows


PIECES = ["The quick brown fox jumps over the lazy dog.", "What is shown? A red apple on a white plate!", "the answer is 42, not 1234567",
          "  two blanks  inside ", "don't it's we'll", "two\nlines\tand a tab", "Hëllo ñandú, naïve café", "世界、こんにちは", "emoji 🍎🍏 and 👩‍🍳", "aaaa bbbb abababab",
          "plate plates plated plating", "x" * 30, "(a) [b] {c} <d> e/f", "مرحبا", "a", " ", "\n", "over and over again", "no no no", "3.14 + 2.72 = 5.86"]


def pieces_file(path, folder, prefix):
    """A BPE tokenizer that sentencepiece 0.2.3 trains, with the settings of Llama 2's; llama.cpp's package stores it. Gives
    texts with their ids."""
    import gguf, sentencepiece
    texts = folder / "texts.txt"
    texts.write_text("\n".join(t.replace("\n", " ") for t in PIECES * 3) + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=str(texts), model_prefix=str(folder / "pieces"), model_type="bpe", vocab_size=420, byte_fallback=True, character_coverage=0.98,
        normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=prefix, split_digits=True,
        allow_whitespace_only_pieces=True, num_threads=1, minloglevel=2)
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "pieces.model"))
    kind = lambda i: 2 if model.is_unknown(i) else 3 if model.is_control(i) else 6 if model.is_byte(i) else 1
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list([model.id_to_piece(i) for i in range(len(model))])
    writer.add_token_scores([model.get_score(i) for i in range(len(model))])
    writer.add_token_types([kind(i) for i in range(len(model))])
    writer.add_bos_token_id(model.bos_id())
    writer.add_eos_token_id(model.eos_id())
    writer.add_unk_token_id(model.unk_id())
    if not prefix:
        writer.add_add_space_prefix(False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    words = " ".join(PIECES).split(" ")
    mixed = [" ".join(words[int((hashed("pieces", 1, 8 * i + k)[0] + 1) / 2 * len(words))] for k in range(1 + i % 7)) for i in range(90)]
    return [[text, model.encode(text)] for text in [""] + PIECES + mixed]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("families", nargs="*", help="all when none is named")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--saved", type=Path, help="where the Rust test left its folders: target/tmp/golden")
    parser.add_argument("--full-size", type=Path, help="where examples/full_size.rs saved; nothing else is done")
    options = parser.parse_args()
    if options.full_size:
        return full_size(options.full_size)
    failed = False
    if not options.families and not options.saved:
        path, golden = HERE / "sizes.json", sizes()
        if not options.check:
            path.write_text(json.dumps(golden, indent=1) + "\n")
        elif golden != json.loads(path.read_text()):
            print(f"{path} differs from what is computed here")
            failed = True
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "types.gguf"
            values = json.dumps(gguf_file(made)) + "\n"
            contents = [(HERE / "types.gguf", made.read_bytes()), (HERE / "types.json", values.encode())]
            contents.append((HERE / "rope_factors.json", (json.dumps(rope_factors()) + "\n").encode()))
            ids = {}
            for name, prefix in [("pieces.gguf", True), ("pieces-bare.gguf", False)]:
                made = Path(folder) / name
                ids[name] = pieces_file(made, Path(folder), prefix)
                contents.append((HERE / name, made.read_bytes()))
            contents.append((HERE / "pieces.json", (json.dumps(ids, ensure_ascii=False, separators=(",", ":")) + "\n").encode()))
            for path, content in contents:
                if not options.check:
                    path.write_bytes(content)
                elif content != path.read_bytes():
                    print(f"{path} differs from what is made here")
                    failed = True
    for name in options.families or FAMILIES:
        family = FAMILIES[name]
        (HERE / name).mkdir(exist_ok=True)
        for case in family.cases():
            path = HERE / name / f"{case}.json"
            if options.saved:
                open_saved(family, options.saved / name / case, json.loads(path.read_text()), case)
                continue
            golden = make(family, case)
            if not options.check:
                lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in golden.items())
                path.write_text("{\n" + lines + "\n}\n")
            elif not same(golden, json.loads(path.read_text())):
                print(f"{path} differs from what is computed here")
                failed = True
            excuses = sum(len(r["close"]) for r in golden["greedy"])
            print(name, case, golden["transformers_f32"], golden["transformers_bf16"], "close", excuses, "unreachable", len(golden["unreachable"]), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
