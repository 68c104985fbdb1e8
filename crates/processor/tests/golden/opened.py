"""Token ids of conversations that go on after a header of the asker's choice, from transformers; called by make.py.

`open/<folder>.jinja` are the templates that `processor::prepare_synthesizer` writes; its test compares them. Here transformers
renders them with and without the variable `open`. `toy` is the base model of the demo.
"""
import json, random

from transformers import AutoProcessor, AutoTokenizer

from families import ids as ids_of

FOLDERS = ["llama", "inst", "text", "qwen", "canvas", "toy"]
# Texts that no tokenizer of these folders reads a control token from.
TEXTS = ["What is this?", "A red apple on a plate.", "  blanks around \n", "世界、こんにちは。", "two\n\nparagraphs\n", "it's don't WE'LL", "{{ braces }}", "user"]


def make(root, here, conversation, digest, picture, messages_of):
    draw = random.Random(29)
    rows = []
    for name in FOLDERS:
        place = here / "../../../../assets/demo/base-model" if name == "toy" else here / name
        tool = (AutoTokenizer if name == "text" else AutoProcessor).from_pretrained(place)
        if name == "inst":
            # What files of older checkpoints do not say.
            tool.patch_size, tool.vision_feature_select_strategy, tool.num_additional_image_tokens = 12, "default", 1
        tool.chat_template = (here / "open" / f"{name}.jinja").read_text()
        for index in range(40):
            turns, sizes = conversation(draw, TEXTS, name != "inst", name != "text")
            if index % 4 == 0:
                turns = turns[:-1]
            sizes = sizes[: sum(turn["text"].count("<image>") for turn in turns if turn.get("marks"))]
            row = {"folder": name, "turns": turns, "sizes": sizes}
            for open in ["user", "assistant", "none"]:
                given = ids_of(tool, turns, sizes, picture, messages_of, open=open, add_generation_prompt=draw.random() < 0.5)
                if open != "user":
                    assert given == ids_of(tool, turns, sizes, picture, messages_of, add_generation_prompt=open == "assistant")
                row[open] = [len(given), digest(given)]
            rows.append(row)
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (root / "open.json").write_text('{"conversations": [\n' + lines + "\n]}\n")
