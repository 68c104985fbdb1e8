"""LLaMA-Factory's training of a settings file, with what it took of the machine. usage: llamafactory_train.py SETTINGS.json USAGE.json"""
import json, pathlib, resource, sys

from llamafactory.train.tuner import run_exp


def main():
    run_exp(json.loads(pathlib.Path(sys.argv[1]).read_text()))
    own = resource.getrusage(resource.RUSAGE_SELF)
    pathlib.Path(sys.argv[2]).write_text(json.dumps({
        "peak_rss_bytes": own.ru_maxrss * 1024, "page_faults": own.ru_minflt,
        "processor_seconds": {"user": own.ru_utime, "system": own.ru_stime}}))


if __name__ == "__main__":
    main()
