"""Writes a wheel: OUT STAGE SECONDS. Names in order, the record last, one time for all, so that bytes depend on content alone."""

import os
import sys
import time
import zipfile

out, stage, seconds = sys.argv[1:]
# The format begins in 1980.
when = time.gmtime(max(int(seconds), 315532800))[:6]
names = []
for folder, _, files in os.walk(stage):
    names += [os.path.relpath(os.path.join(folder, name), stage) for name in files]
names.sort(key=lambda name: (".dist-info/" in name, name.endswith("/RECORD"), name))
with zipfile.ZipFile(out, "w") as archive:
    for name in names:
        path = os.path.join(stage, name)
        info = zipfile.ZipInfo(name, when)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.create_system = 3
        mode = 0o100755 if os.stat(path).st_mode & 0o100 else 0o100644
        info.external_attr = mode << 16
        with open(path, "rb") as file:
            archive.writestr(info, file.read(), compresslevel=9)
