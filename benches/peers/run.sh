#!/usr/bin/env bash
# Alternating rounds of this program and its peers on the same weights and inputs; see run.py --help and docs/speed.md.
exec python3 "$(dirname "$0")/run.py" "$@"
