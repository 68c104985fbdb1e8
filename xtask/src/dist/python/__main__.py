"""Becomes the binary `adamllm` beside this file. It finds torch's libraries in the folder of packages that both lie in."""

import os
import sys


def torch_elsewhere(packages, program):
    """The folder of torch's libraries where it is not beside the binary: in another folder of packages (`--user`,
    `--system-site-packages`), or where the binary is a link into an installer's cache."""
    is_here = os.path.isfile(os.path.join(packages, "torch", "lib", "libtorch_cpu.so"))
    if is_here and not os.path.islink(program):
        return None
    for folder in [packages] + sys.path:
        lib = os.path.join(folder, "torch", "lib")
        if os.path.isabs(lib) and os.path.isfile(os.path.join(lib, "libtorch_cpu.so")):
            return lib
    return None


def main():
    if sys.version_info < (3, 10):
        version = "{}.{}".format(*sys.version_info[:2])
        sys.exit("error: adamllm needs Python 3.10 or later, as torch 2.11.0 does; this is Python " + version)
    here = os.path.dirname(os.path.abspath(__file__))
    program = os.path.join(here, "bin", "adamllm")
    elsewhere = torch_elsewhere(os.path.dirname(here), program)
    if elsewhere is not None:
        os.environ.setdefault("ADAMLLM_TORCH_LIB", elsewhere)
    try:
        os.execv(program, ["adamllm"] + sys.argv[1:])
    except OSError as error:
        sys.exit(
            "error: `{}` cannot be started ({}); this package is for Linux with glibc on x86-64".format(
                program, error.strerror
            )
        )


if __name__ == "__main__":
    main()
