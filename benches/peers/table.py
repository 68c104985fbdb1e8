#!/usr/bin/env python3
"""Tables of docs/speed.md, of the files of benches/results: for each case and machine the newest.

usage: benches/peers/table.py [--check] writes them between the marks of the page, or says whether they are what the files say.
"""
import json, pathlib, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs/speed.md"
BEGIN, END = "<!-- results: written by benches/peers/table.py -->", "<!-- end of results -->"


def newest():
    found = {}
    for path in sorted((ROOT / "benches/results").glob("*.json")):
        document = json.loads(path.read_text())
        if "case" in document:
            found[document["machine"]["name"], document["case"]] = document
    return [found[key] for key in sorted(found)]


def number(value, digits):
    return f"{value:,.{digits}f}"


def spread(median, key, scale, digits):
    if key not in median:
        return "–"
    middle, least, most = (value * scale for value in median[key])
    return f"{number(middle, digits)} [{number(least, digits)}, {number(most, digits)}]"


def rows(document):
    training = document["kind"] == "train"
    rate = "tokens_per_second" if training else "new_tokens_per_second"
    ours = document["systems"]["ours"].get("median", {}).get(rate, [None])[0]
    for name, own in document["systems"].items():
        median = own.get("median")
        if not median:
            yield [name, own.get("not_measured", "not measured"), "", "", "", ""]
            continue
        times = f"{ours / median[rate][0]:.2f}" if ours and name != "ours" else ""
        memory = f"{median['peak_rss_bytes'][0] / 2**30:.1f}" if "peak_rss_bytes" in median else "–"
        first = own["rounds"][0]
        if training:
            losses = first.get("losses") or [None]
            last = f"{losses[0]:.4f} → {losses[-1]:.4f}"
        else:
            last = str(first["new_tokens"])
        yield [name, spread(median, rate, 1, 1), times, spread(median, "seconds", 1, 1), memory, last]


def table(document):
    machine, settings = document["machine"], document["settings"]
    training = document["kind"] == "train"
    head = ["", "tokens a second" if training else "new tokens a second", "ours is faster by", "seconds", "peak GiB",
            "loss, first → last" if training else "new tokens"]
    versions = [f"{peer} ({', '.join(packages)})" for peer, packages in document["versions"].items()]
    lines = [f"### {document['case']}", "",
             f"{machine['processor']}, {machine['threads']} threads; {document['date']}, commit `{document['commit']}`, median [least, most] of "
             f"{settings['rounds']} round{'s' if settings['rounds'] > 1 else ''}; `{document['command'].strip()}`.", ""]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in row) + " |" for row in rows(document)]
    return "\n".join(lines), versions


def text():
    documents = newest()
    if not documents:
        return "No round has been recorded yet."
    tables = [table(document) for document in documents]
    versions = sorted({version for _, versions in tables for version in versions})
    return "\n\n".join([*(table for table, _ in tables), "Versions: " + "; ".join(versions) + "."])


def main():
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    wanted = f"{before}{BEGIN}\n\n{text()}\n\n{END}{after}"
    if "--check" in sys.argv:
        if page != wanted:
            sys.exit("docs/speed.md is not what benches/results say: run benches/peers/table.py")
        return
    PAGE.write_text(wanted)


if __name__ == "__main__":
    main()
