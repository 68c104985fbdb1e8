"""What `adamllm bench --write-inputs` wrote, as inputs of `transformers`' models: our ids and labels, their pictures."""
import json, pathlib, resource, time

import torch
from PIL import Image
from transformers import AutoConfig

INDEX = -100


class Pictures:
    """Pixels of a family, by `transformers`' own image processor."""

    def __init__(self, folder, image_token, dtype):
        config = AutoConfig.from_pretrained(folder)
        self.family, self.image_token, self.dtype = config.model_type, image_token, dtype
        if self.family == "llava_next":
            from transformers import LlavaNextImageProcessor as processor
        elif self.family == "qwen2_vl":
            from transformers import Qwen2VLImageProcessor as processor
        elif self.family == "mllama":
            from transformers import MllamaImageProcessor as processor
        else:
            processor = None
        self.processor = processor and processor.from_pretrained(folder)

    def inputs(self, paths, ids):
        """`paths` has the pictures of each row; `ids` is the padded batch."""
        if self.processor is None or not any(paths):
            return {}
        opened = [[Image.open(path).convert("RGB") for path in row] for row in paths]
        if self.family == "mllama":
            found = self.processor(images=opened, return_tensors="pt")
            found["cross_attention_mask"] = self.cross_mask(ids, found.pop("num_tiles"))
        else:
            found = self.processor(images=[picture for row in opened for picture in row], return_tensors="pt")
        if self.family == "qwen2_vl":
            found["mm_token_type_ids"] = (ids == self.image_token).int()
        found["pixel_values"] = found["pixel_values"].to(self.dtype)
        return dict(found)

    def cross_mask(self, ids, tiles):
        from transformers.models.mllama import processing_mllama as own

        rows = [own.get_cross_attention_token_mask(row.tolist(), self.image_token) for row in ids]
        dense = own.convert_sparse_cross_attention_mask_to_dense(
            rows, num_tiles=tiles, max_num_tiles=self.processor.max_image_tiles, length=ids.shape[1])
        return torch.from_numpy(dense)


def read(folder, kind):
    """`samples` or `requests`, with whole paths of pictures."""
    folder = pathlib.Path(folder)
    document = json.loads((folder / (kind + ".json")).read_text())
    for row in document[kind]:
        row["images"] = [str(folder / image) for image in row["images"]]
    return document["image_token"], document[kind]


def padded(lists, value, left=False):
    longest = max(map(len, lists))
    fill = [[value] * (longest - len(row)) for row in lists]
    return torch.tensor([more + row if left else row + more for row, more in zip(lists, fill)])


class Usage:
    """What the process has taken so far."""

    def __init__(self):
        own = resource.getrusage(resource.RUSAGE_SELF)
        self.time, self.faults, self.user, self.system = time.perf_counter(), own.ru_minflt, own.ru_utime, own.ru_stime

    def since(self, earlier):
        return {"seconds": self.time - earlier.time, "page_faults": self.faults - earlier.faults,
                "processor_seconds": {"user": self.user - earlier.user, "system": self.system - earlier.system}}


def peak_rss_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def write(path, document):
    pathlib.Path(path).write_text(json.dumps(document, indent=1) + "\n")
