"""Greedy answers of given lengths with llama.cpp: up to 32 sequences decoded together, each that ends makes room for the next.

usage: llamacpp_generate.py INPUTS OUTPUT.json WEIGHTS.gguf [--threads N]
"""
import argparse, json, os, pathlib, resource, time

import llama_cpp
import numpy as np

TOGETHER = 32
BATCH = 2048


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("inputs", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("weights")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    requests = json.loads((asked.inputs / "requests.json").read_text())["requests"]
    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(asked.weights.encode(), llama_cpp.llama_model_default_params())
    settings = llama_cpp.llama_context_default_params()
    longest = max(len(r["ids"]) + r["max_new_tokens"] for r in requests)
    settings.n_ctx = TOGETHER * (longest + 8)
    settings.n_batch = settings.n_ubatch = BATCH
    settings.n_seq_max, settings.kv_unified = TOGETHER, True
    settings.n_threads = settings.n_threads_batch = asked.threads
    context = llama_cpp.llama_init_from_model(model, settings)
    width = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    memory = llama_cpp.llama_get_memory(context)
    batch = llama_cpp.llama_batch_init(BATCH, 0, 1)

    def put(token, position, sequence, wanted):
        at = batch.n_tokens
        batch.token[at], batch.pos[at], batch.logits[at] = token, position, wanted
        batch.n_seq_id[at], batch.seq_id[at][0] = 1, sequence
        batch.n_tokens = at + 1
        return at

    def answer(requests):
        waiting, live, answers = list(reversed(requests)), {}, {}
        while waiting or live:
            batch.n_tokens, rows = 0, {}
            for sequence, (row, written) in live.items():
                rows[sequence] = put(written[-1], len(row["ids"]) + len(written) - 1, sequence, True)
            for sequence in range(TOGETHER):
                if not waiting or sequence in live or batch.n_tokens + len(waiting[-1]["ids"]) > BATCH:
                    continue
                row = waiting.pop()
                live[sequence] = (row, [])
                for position, token in enumerate(row["ids"]):
                    rows[sequence] = put(token, position, sequence, position + 1 == len(row["ids"]))
            if llama_cpp.llama_decode(context, batch):
                raise RuntimeError("llama_decode failed")
            for sequence, at in rows.items():
                row, written = live[sequence]
                logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, at), shape=(width,))
                written.append(int(logits.argmax()))
                if len(written) == row["max_new_tokens"]:
                    answers[row["id"]] = written
                    del live[sequence]
                    llama_cpp.llama_memory_seq_rm(memory, sequence, -1, -1)
        return answers

    answer([{**requests[0], "max_new_tokens": 2}])
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    answers = answer(requests)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    new = sum(map(len, answers.values()))
    asked.output.write_text(json.dumps({
        "seconds": seconds, "requests": len(answers), "new_tokens": new, "new_tokens_per_second": new / seconds,
        "prompt_tokens": sum(len(r["ids"]) for r in requests), "peak_rss_bytes": after.ru_maxrss * 1024,
        "page_faults": after.ru_minflt - before.ru_minflt,
        "processor_seconds": {"user": after.ru_utime - before.ru_utime, "system": after.ru_stime - before.ru_stime},
        "answers": answers, "versions": {"llama-cpp-python": llama_cpp.__version__}}))


if __name__ == "__main__":
    main()
