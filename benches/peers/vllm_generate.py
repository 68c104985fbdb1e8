"""Greedy answers of given lengths with vLLM on CPU, bf16, all requests at once: what it schedules together is its own choice.

usage: vllm_generate.py INPUTS OUTPUT.json [--threads N]
"""
import argparse, json, os, pathlib, resource, time


def collapsed(ids, image_token):
    """Prompts as vLLM takes them: a picture is one token, which it repeats itself."""
    return [token for at, token in enumerate(ids) if token != image_token or at == 0 or ids[at - 1] != image_token]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("inputs", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    # All in this process, so that its memory and its page faults are the engine's.
    os.environ.update(VLLM_ENABLE_V1_MULTIPROCESSING="0", VLLM_CPU_KVCACHE_SPACE="4", VLLM_CPU_OMP_THREADS_BIND="nobind", VLLM_NO_USAGE_STATS="1",
                      VLLM_CPU_NUM_OF_RESERVED_CPU="0")
    import torch, vllm
    from PIL import Image

    torch.set_num_threads(asked.threads)
    document = json.loads((asked.inputs / "requests.json").read_text())
    engine = vllm.LLM(model=str(asked.inputs / "model"), dtype="bfloat16", max_model_len=4096, seed=0, enable_prefix_caching=True)
    prompts, settings = [], []
    for row in document["requests"]:
        prompt = {"prompt_token_ids": collapsed(row["ids"], document["image_token"])}
        if row["images"]:
            prompt["multi_modal_data"] = {"image": [Image.open(asked.inputs / image).convert("RGB") for image in row["images"]]}
        prompts.append(prompt)
        settings.append(vllm.SamplingParams(temperature=0, max_tokens=row["max_new_tokens"], min_tokens=row["max_new_tokens"], ignore_eos=True))
    engine.generate(prompts[:1], vllm.SamplingParams(temperature=0, max_tokens=2, ignore_eos=True), use_tqdm=False)
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    done = engine.generate(prompts, settings, use_tqdm=False)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    new = sum(len(one.outputs[0].token_ids) for one in done)
    assert new == sum(row["max_new_tokens"] for row in document["requests"]), new
    asked.output.write_text(json.dumps({
        "seconds": seconds, "requests": len(done), "new_tokens": new, "new_tokens_per_second": new / seconds,
        "prompt_tokens": sum(len(row["ids"]) for row in document["requests"]), "peak_rss_bytes": after.ru_maxrss * 1024,
        "page_faults": after.ru_minflt - before.ru_minflt,
        "processor_seconds": {"user": after.ru_utime - before.ru_utime, "system": after.ru_stime - before.ru_stime},
        "answers": {row["id"]: list(one.outputs[0].token_ids) for row, one in zip(document["requests"], done)},
        "versions": {"torch": torch.__version__, "vllm": vllm.__version__}}))


if __name__ == "__main__":
    main()
