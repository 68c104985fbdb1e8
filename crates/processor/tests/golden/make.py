"""Golden token ids, masks and pixels of the LLaVA-NeXT processor, from transformers.

Versions: torch 2.11.0, torchvision 0.26.0, transformers 5.17.0, tokenizers as they bring it, pillow.
usage: make.py [--check]
"""
import json, pathlib, sys
import numpy as np
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, decoders, trainers
from transformers import PreTrainedTokenizerFast
from transformers import LlavaNextImageProcessor

HERE = pathlib.Path(__file__).parent
FOLDER = HERE / "folder"
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<image>"]
TEXTS = ["A red apple on a plate.", "What is shown? Hëllo, 世界 🍎!", "The answer is 42.\n\nNext line", "system user assistant"]
TEMPLATE = (HERE / "../../src/templates/llama3.jinja").read_text()

CONVERSATIONS = [
    [("user", "What is this?"), ("assistant", "An apple.")],
    [("system", "Be brief."), ("user", "Hi"), ("assistant", ""), ("user", "  spaces  "), ("assistant", "ok")],
    [("user", "🍎 世界 Hëllo"), ("assistant", "two\n\nparagraphs")],
    [("user", "one"), ("assistant", "two"), ("user", "three"), ("assistant", "four"), ("user", "five"), ("assistant", "six")],
]
SIZES = [(72, 72), (50, 100), (100, 50), (33, 97), (200, 61), (7, 90), (144, 72)]
GRIDS = [[72, 72], [72, 144], [144, 72], [144, 144]]


def picture(width, height):
    y, x = np.mgrid[0:height, 0:width]
    # Without sharp edges: where a kernel overshoots, the order of the two clipped passes differs between libraries.
    channels = [40 + x * 150 // width, 60 + y * 120 // height, 50 + (x * 70 // width + y * 70 // height)]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def main():
    FOLDER.mkdir(exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=SPECIAL[0], eos_token="<|eot_id|>")
    conversations = []
    for turns in CONVERSATIONS:
        messages = [{"role": r, "content": c} for r, c in turns]
        ids = fast.apply_chat_template(messages, chat_template=TEMPLATE, tokenize=True, return_dict=False)
        head = fast.apply_chat_template(messages[:-1], chat_template=TEMPLATE, tokenize=True, add_generation_prompt=True, return_dict=False)
        conversations.append({"turns": [{"role": r, "text": c} for r, c in turns], "ids": ids, "head": head})
    typed = "<|eot_id|> and <image>"
    plain = Tokenizer.from_str(tokenizer.to_str())
    plain.encode_special_tokens = True
    config = {"do_convert_rgb": True, "size": {"shortest_edge": 72}, "crop_size": {"height": 72, "width": 72},
              "image_grid_pinpoints": GRIDS, "image_mean": [0.48145466, 0.4578275, 0.40821073],
              "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3}
    torchvision = LlavaNextImageProcessor(**config)
    pictures = []
    for width, height in SIZES:
        image = picture(width, height)
        values = np.asarray(torchvision(image, return_tensors="pt")["pixel_values"][0])
        step = max(1, values.size // 400)
        pictures.append({"width": width, "height": height, "shape": list(values.shape), "step": step,
                         "values": [round(float(v), 5) for v in values.reshape(-1)[::step]]})
    golden = {"conversations": conversations, "typed": {"text": typed, "ids": plain.encode(typed, add_special_tokens=False).ids},
              "pictures": pictures}
    files = {
        FOLDER / "tokenizer.json": tokenizer.to_str(),
        FOLDER / "tokenizer_config.json": json.dumps({"bos_token": SPECIAL[0], "eos_token": "<|eot_id|>", "chat_template": TEMPLATE}, indent=1),
        FOLDER / "preprocessor_config.json": json.dumps(config, indent=1),
        FOLDER / "config.json": json.dumps({"model_type": "llava_next", "image_token_index": 5, "vision_config": {"image_size": 72, "patch_size": 12},
                                            "vision_feature_select_strategy": "default", "image_grid_pinpoints": GRIDS}, indent=1),
        HERE / "golden.json": json.dumps(golden, ensure_ascii=False),
    }
    check = "--check" in sys.argv
    for path, text in files.items():
        if not check:
            path.write_text(text)
        elif path.read_text() != text:
            sys.exit(f"{path} differs from what this script makes")


main()
