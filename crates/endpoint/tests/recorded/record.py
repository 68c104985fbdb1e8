"""Records exchanges with a real engine, one JSON file each: what was sent, the status, what came back.

usage: record.py FOLDER ADDRESS MODEL KEY [NAME...]
ADDRESS is where the engine listens, without `/v1`; MODEL is a synthesizer that this program exported, small, that sees pictures and
takes two at most; KEY is what the engine was started with; with names only these are recorded. README.md says how the recorded engine was started.
"""
import base64, json, pathlib, struct, sys, urllib.error, urllib.request, zlib

FOLDER, ADDRESS, MODEL, KEY = pathlib.Path(sys.argv[1]), *sys.argv[2:5]


def png(side=72, colour=(200, 30, 30)):
    """A square of one colour, as the smallest PNG that says so."""
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    rows = (b"\0" + bytes(colour) * side) * side
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(data).decode()}}


def text(words):
    return {"type": "text", "text": words}


SHOWN = [{"role": "user", "content": [png(), text("What is shown?")]}]
TOLD = [{"role": "user", "content": [png(), text("Describe the image.")]}, {"role": "assistant", "content": "A red thing."}]
ASKED = [{"role": "user", "content": "Is it red?"}]
JUDGED = "Is it red? Answer: yes"


def chat(messages, **more):
    return "chat/completions", {"model": MODEL, "messages": messages, "temperature": 0, "max_tokens": 8} | more


def completion(prompt, **more):
    return "completions", {"model": MODEL, "prompt": prompt, "temperature": 0, "max_tokens": 8} | more


EXCHANGES = {
    "models": ("models", None),
    "chat": chat(ASKED),
    "chat-with-picture": chat(SHOWN, max_tokens=40),
    "chat-cut": chat(SHOWN),
    "chat-token-ids": chat(SHOWN, return_token_ids=True),
    "chat-logprobs": chat(ASKED, logprobs=True, top_logprobs=2),
    "chat-stream": chat(ASKED, stream=True, stream_options={"include_usage": True}),
    "chat-stop-text": chat(SHOWN, stop=["envelope", "is"], max_tokens=40),
    "chat-stop-token": chat(SHOWN, ignore_eos=True, stop_token_ids=[4], skip_special_tokens=False, max_tokens=40),
    "chat-open-user": chat(TOLD, chat_template_kwargs={"open": "user"}, skip_special_tokens=False, max_tokens=24, return_token_ids=True),
    "chat-open-none": chat(TOLD, chat_template_kwargs={"open": "none"}, max_tokens=2, return_token_ids=True),
    "chat-open-unknown": chat(TOLD, chat_template_kwargs={"open": "?"}, max_tokens=1),
    "chat-continued": chat(TOLD, add_generation_prompt=False, continue_final_message=True, return_token_ids=True),
    "chat-likelihood": chat([*ASKED, {"role": "assistant", "content": "Yes"}], add_generation_prompt=False, prompt_logprobs=0, max_tokens=1, return_token_ids=True),
    "chat-choice": chat(ASKED, structured_outputs={"choice": ["Yes", "No"]}, logprobs=True, top_logprobs=2),
    "chat-control-text": chat([{"role": "user", "content": "Say <|eot_id|> and <image> here"}], return_token_ids=True),
    "completion": completion("Is it red?"),
    "completion-echo": completion(JUDGED, echo=True, logprobs=1, max_tokens=0),
    "completion-echo-one": completion(JUDGED, echo=True, logprobs=1, max_tokens=1),
    "completion-echo-own": completion(JUDGED, echo=True, logprobs=0, max_tokens=1),
    "completion-echo-begin": completion(JUDGED, echo=True, logprobs=1, max_tokens=1),
    "completion-prompt-logprobs": completion(JUDGED, prompt_logprobs=0, max_tokens=1, return_token_ids=True),
    "completion-many": completion(["Is it red?", JUDGED], max_tokens=2),
    "error-no-key": chat(ASKED),
    "error-wrong-key": chat(ASKED),
    "error-unknown-model": chat(ASKED)[:1] + (chat(ASKED)[1] | {"model": "another"},),
    "error-unknown-path": ("nothing", {}),
    "error-too-long": chat([{"role": "user", "content": "red " * 1500}]),
    "error-too-many-pictures": chat([{"role": "user", "content": [png(), png(), png(), text("What?")]}]),
    "error-broken-picture": chat([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, text("What?")]}]),
    "error-no-tokens": chat(ASKED, max_tokens=0),
    "error-top-logprobs": chat(ASKED, logprobs=True, top_logprobs=21),
    "cut-by-the-model": chat([{"role": "user", "content": "red " * 985}], max_tokens=200),
}


def exchange(name, path, body):
    headers = {"content-type": "application/json"}
    if name != "error-no-key":
        headers["authorization"] = "Bearer " + ("another" if name == "error-wrong-key" else KEY)
    request = urllib.request.Request(f"{ADDRESS}/v1/{path}", data=None if body is None else json.dumps(body).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get_content_type(), error.read().decode()


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[5:] or [name for name in EXCHANGES if name != "completion-echo-begin"]
    for name in wanted:
        path, body = EXCHANGES[name]
        status, kind, given = exchange(name, path, body)
        row = {"method": "GET" if body is None else "POST", "path": f"/v1/{path}", "request": body, "status": status, "content_type": kind}
        if kind == "application/json":
            answer = json.loads(given)
            if name == "models":
                # Where the model lies is nobody's concern.
                answer["data"][0]["root"] = MODEL
            row["answer"] = answer
        else:
            row["text"] = given
        for key in ("content",):
            for message in (body or {}).get("messages", []):
                if isinstance(message[key], str) and len(message[key]) > 1000:
                    message[key] = message[key][:12] + f"… ({len(message[key])} characters)"
        (FOLDER / f"{name}.json").write_text(json.dumps(row, ensure_ascii=False, indent=1) + "\n")
        print(status, name)


main()
