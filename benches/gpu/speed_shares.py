"""What 04-speed.sh measured, in shares of the matrix rate; reads and writes files of the present folder, and prints.

A training step's work is three times that of the forward pass: two operations a weight and token in the decoder, with half of the
score matrix in attention; the head for learned tokens alone; two operations a weight and patch in the tower."""
import json, pathlib

BATCH, WARM_UP = 16, 1


def read(name):
    path = pathlib.Path(name)
    return json.loads(path.read_text()) if path.exists() else None


def decoder(config):
    text = config.get("text_config") or config
    width, heads = text["hidden_size"], text["num_attention_heads"]
    shared = text.get("num_key_value_heads", heads) / heads
    each = width * width * (2 + 2 * shared) + 3 * width * text["intermediate_size"]
    return text["num_hidden_layers"], width, each, text["vocab_size"]


def tower(config):
    vision = config["vision_config"]
    if config["model_type"] == "qwen2_vl":
        width, inner, layers = vision["embed_dim"], vision["embed_dim"] * vision["mlp_ratio"], vision["depth"]
    else:
        # The layer behind the one whose output is taken does not run.
        width, inner, layers = vision["hidden_size"], vision["intermediate_size"], vision["num_hidden_layers"] - 1
    return layers, width, 4 * width * width + 2 * width * inner


def pictures(folder, config):
    """Patches of each picture, in the groups that attend to each other."""
    import sys

    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peers"))
    import transformers_inputs as own
    from PIL import Image
    from transformers.image_processing_utils import select_best_resolution

    _, samples = own.read(folder, "samples")
    for sample in samples:
        groups = []
        for name in sample["images"]:
            width, height = Image.open(name).size
            if config["model_type"] == "qwen2_vl":
                groups.append(4 * sample["ids"].count(config["image_token_id"]))
            else:
                side = config["vision_config"]["image_size"]
                rows, columns = select_best_resolution((height, width), config["image_grid_pinpoints"])
                groups += [(side // config["vision_config"]["patch_size"]) ** 2 + 1] * (1 + rows * columns // side**2)
        yield sample, groups


def work(folder):
    """Operations of the measured steps."""
    config = json.loads(pathlib.Path(folder, "model/config.json").read_text())
    layers, width, each, rows = decoder(config)
    deep, wide, block = tower(config)
    total = 0
    for sample, groups in list(pictures(folder, config))[WARM_UP * BATCH:]:
        tokens, learned = len(sample["ids"]), sum(sample["learn"])
        total += layers * (2 * each * tokens + 2 * width * tokens**2) + 2 * width * rows * learned
        total += sum(deep * (2 * block * patches + 4 * wide * patches**2) for patches in groups)
    return 3 * total


def main():
    rate = read("rate.json")["matrix_rate"]
    found = {"matrix_rate": rate}
    for name in ("qwen", "llava"):
        for who in ("ours", "theirs"):
            measured = read(f"{name}-{who}.json")
            if measured is None:
                print(f"{name}, {who}: not measured")
                continue
            share = work(name) / measured["seconds"] / rate
            found[f"{name}-{who}"] = {"tokens_per_second": measured["tokens_per_second"], "share": share, "losses": measured["losses"]}
            print(f"{name}, {who}: {measured['tokens_per_second']:.0f} tokens a second, {100 * share:.0f} % of the matrix rate, losses {measured['losses']}")
    for name in ("synthesis", "filter"):
        measured = read(name + ".json")
        if measured:
            found[name] = measured["requests"] / measured["seconds"]
            print(f"{name}: {found[name]:.2f} a second")
    pathlib.Path("speed.json").write_text(json.dumps(found, indent=1))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
