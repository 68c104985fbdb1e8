"use strict";
(() => {
  // Only the rows that are seen exist in the page; the rest is empty height.
  const data = JSON.parse(document.getElementById("data").textContent);
  const [list, space, filter, find, count, dialog] =
    ["list", "space", "filter", "find", "count", "item"].map((id) => document.getElementById(id));
  const narrow = window.matchMedia("(max-width:640px)");
  const systems = data.systems.length;
  // Of several systems each answer is a line; of two of them a line of double height where there is room.
  const lines = systems > 1 ? systems : 0;
  const height = () => (narrow.matches ? Math.max(112, 72 + 20 * lines) : Math.max(84, 18 + 20 * lines));
  const [ID, QUESTION, PICTURE, LABEL, ANSWERS] = [0, 1, 2, 3, 4];
  const [TEXT, STRICT, REFERENCE, UNREADABLE] = [0, 1, 2, 3];
  const thumbnails = typeof PICTURES === "undefined" ? {} : PICTURES;
  let shown = data.rows;
  const drawn = new Map();

  const make = (tag, text, name) => {
    const node = document.createElement(tag);
    if (text !== undefined && text !== null) node.textContent = text;
    if (name) node.className = name;
    return node;
  };
  const given = (row) => row[ANSWERS].filter((answer) => answer);
  const picture = (row) => {
    const address = row[PICTURE];
    const source = address && (address[0] === "#" ? thumbnails[address.slice(1)] : address);
    if (!source) return make("div", "", "none");
    const image = make("img");
    image.loading = "lazy";
    image.decoding = "async";
    image.alt = "";
    image.src = source;
    return image;
  };
  const points = (answer) => {
    const other = answer[REFERENCE];
    const node = make("div", answer[STRICT] + (other === null ? "" : " (" + other + ")"));
    node.className = answer[STRICT] >= 50 ? "good" : "bad";
    if (answer[UNREADABLE]) node.append(make("div", "unreadable"));
    return node;
  };
  const several = (row, node, part) => {
    row[ANSWERS].forEach((answer, at) => {
      if (!answer) return;
      const line = part(answer);
      if (systems > 1) line.prepend(make("span", data.systems[at] + ": ", "soft"));
      node.append(line);
    });
    return node;
  };
  const answerOf = (answer) => make("div", answer[TEXT] === null ? "(no answer)" : answer[TEXT]);

  // Names of one family differ at their ends.
  const short = (name) => (name.length > 12 ? name.slice(0, 4) + "…" + name.slice(-6) : name);
  const lineOf = (answer, at) => {
    const line = make("div", null, "line");
    const name = make("span", short(data.systems[at]), "soft");
    name.title = data.systems[at];
    if (!answer) {
      line.append(name, make("span", "–"), make("span", "not asked", "soft"));
      return line;
    }
    const other = answer[REFERENCE];
    const score = make("span", answer[STRICT] + (other === null || other === answer[STRICT] ? "" : " (" + other + ")"));
    score.className = answer[STRICT] >= 50 ? "good" : "bad";
    const text = make("span", answer[TEXT] === null ? "(no answer)" : answer[TEXT]);
    if (answer[UNREADABLE]) text.prepend(make("span", "unreadable: ", "bad"));
    line.append(name, score, text);
    return line;
  };

  const element = (row) => {
    const node = make("div", null, "row" + (lines ? " many" : "") + (lines === 2 ? " pair" : ""));
    node.style.height = height() + "px";
    node.append(picture(row), make("div", row[QUESTION] || row[ID]), make("div", row[LABEL], "label"));
    if (lines) {
      const answers = make("div", null, "answers");
      answers.append(...row[ANSWERS].map(lineOf));
      node.append(answers);
    } else {
      node.append(several(row, make("div", null, "answer"), answerOf), several(row, make("div", null, "score"), points));
    }
    node.tabIndex = 0;
    node.onclick = () => open(row);
    node.onkeydown = (event) => {
      if (event.key === "Enter") open(row);
    };
    return node;
  };
  const draw = () => {
    const step = height();
    const first = Math.max(0, Math.floor(list.scrollTop / step) - 6);
    const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / step) + 6);
    for (const [at, node] of drawn) {
      if (at < first || at >= last) {
        node.remove();
        drawn.delete(at);
      }
    }
    for (let at = first; at < last; at++) {
      if (drawn.has(at)) continue;
      const node = element(shown[at]);
      node.style.top = at * step + "px";
      drawn.set(at, node);
      space.append(node);
    }
  };
  const renew = () => {
    drawn.forEach((node) => node.remove());
    drawn.clear();
    space.style.height = shown.length * height() + "px";
    count.textContent = shown.length + " of " + data.rows.length;
    draw();
  };
  const right = (answer) => answer[STRICT] >= 50;
  const alone = (row, at, is) =>
    given(row).length > 1 && row[ANSWERS][at] && is(row[ANSWERS][at]) &&
    row[ANSWERS].every((answer, other) => other === at || !answer || !is(answer));
  const wanted = {
    all: () => true,
    wrong: (row) => given(row).some((answer) => !right(answer)),
    unreadable: (row) => given(row).some((answer) => answer[UNREADABLE]),
    flips: (row) => given(row).some(right) && !given(row).every(right),
    changed: (row) =>
      [STRICT, REFERENCE].some((by) => given(row).some((answer) => answer[by] !== given(row)[0][by])),
    right: (row, at) => alone(row, at, right),
    wrong_alone: (row, at) => alone(row, at, (answer) => !right(answer)),
    scorers: (row) => given(row).some((answer) => answer[REFERENCE] !== null && answer[REFERENCE] !== answer[STRICT]),
  };
  const choose = () => {
    const words = find.value.toLowerCase();
    const [which, at] = filter.value.split(" ");
    const has = (row) =>
      !words ||
      [row[ID], row[QUESTION], row[LABEL], ...given(row).map((answer) => answer[TEXT])].some(
        (text) => text && text.toLowerCase().includes(words));
    shown = data.rows.filter((row) => wanted[which](row, Number(at)) && has(row));
    list.scrollTop = 0;
    renew();
  };
  const open = (row) => {
    dialog.replaceChildren();
    if (row[PICTURE]) dialog.append(picture(row));
    const facts = make("dl");
    const fact = (name, value) => {
      facts.append(make("dt", name));
      facts.append(value instanceof Node ? value : make("dd", value));
    };
    fact("id", row[ID]);
    if (row[QUESTION]) fact("question", row[QUESTION]);
    fact("label", row[LABEL]);
    fact("answer", several(row, make("dd"), answerOf));
    fact("score", several(row, make("dd"), points));
    dialog.append(facts);
    dialog.showModal();
  };
  dialog.onclick = () => dialog.close();
  let waiting = false;
  list.onscroll = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
  filter.onchange = choose;
  find.oninput = choose;
  window.addEventListener("resize", renew);
  renew();
})();
