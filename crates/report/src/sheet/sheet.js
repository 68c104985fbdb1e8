// The page: what is shown, and what keys and buttons do. Texts of data are only ever set as text.

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
let view = 'start';

function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'text') element.textContent = value;
    else if (value !== false) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children);
  return element;
}

// Marks that turn the order of reading, and characters that show nothing, are shown by their numbers.
const visible = (text) =>
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/g, (mark) =>
    mark === '\r' ? '' : `[U+${mark.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]`);

const say = (text) => { byId('status').textContent = text; };

function tell(text, isProblem = false) {
  byId('message').textContent = text;
  byId('message').classList.toggle('problem', isProblem);
}

// --- What is kept

function showKept(isKept) {
  const warning = byId('warning');
  byId('saved').textContent = rater === '' ? '' : isKept ? `${rater} · kept in this browser` : `${rater} · not kept in this browser`;
  warning.hidden = storage !== null;
  if (storage === null) {
    warning.firstElementChild.textContent =
      'This browser keeps nothing for this page: what you enter is lost when the page is closed. Save to a file often'
      + (unsaved > 0 ? `; no file has your last ${unsaved} ${unsaved === 1 ? 'change' : 'changes'}.` : '.');
    warning.classList.toggle('urgent', unsaved >= 10);
    if (unsaved > 0 && unsaved % 10 === 0) say(`${unsaved} changes are in no file. Save to a file.`);
  }
}

function save() {
  if (rater === '') return;
  const address = URL.createObjectURL(new Blob([asFile()], { type: 'application/json' }));
  const link = el('a', { href: address, download: fileName() });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
  unsaved = 0;
  showKept(keep());
  const left = items.length - finished();
  tell(`Saved as ${fileName()}` + (left > 0 ? `; ${left} of ${items.length} items are not finished.` : '; all items are finished.'));
}

async function open(file) {
  if (!file) return;
  try {
    const found = openFile(await file.text());
    begin();
    tell(`Opened ${found.items} items of ${rater}`
      + (found.replaced > 0 ? `; ${found.replaced} values that were kept here are now the file’s.` : '.'));
  } catch (problem) {
    tell(`This file cannot be opened: ${visible(problem.message)}.`, true);
  }
}

// --- Views

function show(name) {
  view = name;
  for (const section of ['start', 'item', 'overview']) byId(section).hidden = section !== name;
  for (const button of document.querySelectorAll('nav [data-do=save], nav [data-do=overview]')) button.disabled = rater === '';
  tell('');
  if (name === 'start') showStart();
  if (name === 'item') { showItem(); keep(); }
  if (name === 'overview') showOverview();
  byId(`${name}-title`).focus();
  byId(`${name}-title`).scrollIntoView({ block: 'nearest' });
}

function begin() {
  byId('name').value = rater;
  showKept(storage !== null);
  show('item');
}

function showStart() {
  const list = byId('earlier-list');
  list.replaceChildren();
  for (const [name, count] of earlier()) {
    const button = el('button', { type: 'button', text: `Go on as ${visible(name)} · ${count} of ${items.length} finished` });
    button.addEventListener('click', () => { goOnAs(name); begin(); });
    list.append(el('li', {}, button));
  }
  byId('earlier').hidden = list.childElementCount === 0;
}

function showOverview() {
  const only = byId('only').checked;
  const rows = items.map((item, place) => {
    const done = answered(item);
    const state = done === item.asks.length ? 'finished' : done === 0 ? 'not begun' : `${done} of ${item.asks.length}`;
    if (only && state === 'finished') return null;
    const asked = visible(item.exchanges[0]?.[0] ?? '').replace(/\s+/g, ' ').slice(0, 120);
    const button = el('button', { type: 'button', 'data-place': place, 'aria-current': place === at && 'true' },
      el('span', { class: 'number', text: place + 1 }),
      el('span', { class: state === 'finished' ? 'state done' : 'state', text: state + (noteOf(item) ? ' · note' : '') }),
      el('bdi', { class: 'asked', text: asked }));
    return el('li', {}, button);
  });
  byId('list').replaceChildren(...rows.filter(Boolean));
  const left = items.length - finished();
  byId('counts').textContent = left === 0
    ? `All ${items.length} items are finished. Save to a file and hand it in.`
    : `${items.length - left} of ${items.length} items are finished.`;
}

function part(title, text, kind) {
  return el('div', { class: `part ${kind}` }, el('h3', { text: title }), el('p', { dir: 'auto', text: visible(text) }));
}

function showItem() {
  const item = items[at];
  byId('item-title').textContent = `Item ${at + 1} of ${items.length}`;
  const shown = [];
  item.pictures.forEach((picture, n) => {
    const name = item.pictures.length > 1 ? `Picture ${n + 1} of ${item.pictures.length}` : 'Picture';
    if (picture === null) {
      shown.push(el('p', { class: 'absent', text: `${name}: it could not be read when this sheet was made.` }));
    } else {
      const letters64 = byId(`p${picture}`).textContent;
      shown.push(el('img', { alt: `${name} of item ${at + 1}`, decoding: 'async', src: `data:image/jpeg;base64,${letters64}` }));
    }
  });
  if (item.pictures.length === 0) shown.push(el('p', { class: 'absent', text: 'This task has no picture.' }));
  if (typeof item.caption === 'string') shown.push(part('Caption', item.caption, 'caption'));
  item.exchanges.forEach(([request, response], n) => {
    const turn = item.exchanges.length > 1 ? ` ${n + 1}` : '';
    shown.push(part(`Instruction${turn}`, request, 'request'), part(`Response${turn}`, response, 'response'));
  });
  if (typeof item.precise === 'string') {
    shown.push(part('Precise answer', item.precise, 'answer'), part('Informative answer', item.informative, 'answer'));
  }
  byId('task').replaceChildren(...shown);
  byId('task').scrollTop = 0;
  byId('fields').replaceChildren(...item.asks.map((n) => field(item, aspects[n])));
  byId('note').value = noteOf(item);
  showProgress();
}

function field(item, aspect) {
  const value = valueOf(item, aspect);
  const isList = !aspect.is_levels && aspect.options.length > 5;
  const choices = el('div', { class: isList ? 'choices list-of' : 'choices' });
  aspect.options.forEach((option, n) => {
    const means = aspect.is_levels ? n + 1 : option;
    const radio = el('input', { type: 'radio', name: aspect.name, value: n });
    radio.checked = value === means;
    choices.append(el('label', {}, radio, el('kbd', { text: isList ? letters[n] ?? '·' : n + 1 }), el('span', { text: option })));
  });
  const clear = el('button', { type: 'button', class: 'clear', text: 'Clear' }, el('span', { class: 'unseen', text: ` ${aspect.label}` }));
  clear.hidden = value === undefined;
  clear.addEventListener('click', () => { answer(aspect, undefined); focusField(fieldOf(aspect)); });
  const set = el('fieldset', { 'data-aspect': aspect.name },
    el('legend', {}, el('strong', { text: aspect.label }), ` · ${aspect.asks}`), choices, clear);
  set.addEventListener('change', (event) => {
    const n = Number(event.target.value);
    answer(aspect, aspect.is_levels ? n + 1 : aspect.options[n]);
  });
  return set;
}

const fields = () => [...byId('fields').children];
const fieldOf = (aspect) => fields().find((set) => set.dataset.aspect === aspect.name);

function answer(aspect, value) {
  const item = items[at];
  give(item, aspect, value);
  const set = fieldOf(aspect);
  const means = (n) => (aspect.is_levels ? n + 1 : aspect.options[n]);
  set.querySelectorAll('input').forEach((radio, n) => { radio.checked = value === means(n); });
  set.querySelector('.clear').hidden = value === undefined;
  showProgress();
  showKept(storage !== null);
  say(isFinished(item)
    ? `Item ${at + 1} finished. ${finished()} of ${items.length} items finished.`
    : `${answered(item)} of ${item.asks.length} questions answered.`);
}

function showProgress() {
  const done = finished();
  const item = items[at];
  byId('done').textContent = done === items.length
    ? `All ${items.length} items are finished: save to a file and hand it in`
    : `${answered(item)} of ${item.asks.length} questions answered here · ${done} of ${items.length} items finished`;
  byId('progress').max = items.length;
  byId('progress').value = done;
  for (const set of fields()) set.classList.toggle('open', valueOf(item, aspectNamed.get(set.dataset.aspect)) === undefined);
}

function go(place) {
  at = Math.min(Math.max(place, 0), items.length - 1);
  show('item');
}

function next() {
  if (at + 1 < items.length) go(at + 1);
  else show('overview');
}

function unfinished() {
  const place = nextUnfinished();
  if (place < 0) { show('overview'); say('All items are finished.'); } else go(place);
}

// --- Keys

const current = () =>
  document.activeElement?.closest?.('fieldset[data-aspect]') ?? fields().find((set) => set.classList.contains('open')) ?? fields()[0];

function focusField(set) {
  const radio = set.querySelector('input:checked') ?? set.querySelector('input');
  radio.focus();
  set.scrollIntoView({ block: 'nearest' });
}

function answerByKey(n) {
  const set = current();
  const aspect = aspectNamed.get(set.dataset.aspect);
  if (n < 0 || n >= aspect.options.length) return;
  answer(aspect, aspect.is_levels ? n + 1 : aspect.options[n]);
  const rest = fields().slice(fields().indexOf(set) + 1);
  if (rest.length > 0) focusField(rest[0]);
  else document.querySelector('[data-do=next]').focus();
}

// Whether the key meant something.
function onItemKey(event) {
  const set = current();
  const aspect = aspectNamed.get(set.dataset.aspect);
  const isList = set.querySelector('.list-of') !== null;
  const key = event.key;
  const target = event.target;
  if (key === 'ArrowRight' || key === 'ArrowLeft') {
    if (event.shiftKey && key === 'ArrowRight') unfinished();
    else if (key === 'ArrowRight') next();
    else go(at - 1);
  } else if (key === 'Enter' && !target.closest('button, summary, a')) next();
  else if (key === '/') byId('note').focus();
  else if (key === '0') show('overview');
  else if (key === 'Backspace' || key === 'Delete') { answer(aspect, undefined); focusField(set); }
  else if (isList && /^[a-z]$/i.test(key)) answerByKey(letters.indexOf(key.toUpperCase()));
  else if (!isList && /^[1-9]$/.test(key)) answerByKey(Number(key) - 1);
  else if (!aspect.is_levels && !isList && /^[a-z]$/i.test(key)) {
    answerByKey(aspect.options.findIndex((option) => option[0].toLowerCase() === key.toLowerCase()));
  } else return false;
  return true;
}

document.addEventListener('keydown', (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 's' && rater !== '') {
    event.preventDefault();
    save();
    return;
  }
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || byId('help').open) return;
  if (event.target.id === 'note' && event.key === 'Escape') {
    focusField(current());
    event.preventDefault();
    return;
  }
  if (event.target.matches('textarea, input[type=text]') || !byId('keys').checked) return;
  let isMeant = true;
  if (event.key === '?') byId('help').showModal();
  else if (view === 'overview' && (event.key === '0' || event.key === 'Escape')) show('item');
  else isMeant = view === 'item' && onItemKey(event);
  if (isMeant) event.preventDefault();
});

// --- Buttons

const actions = {
  start: () => show('start'),
  overview: () => show(view === 'overview' ? 'item' : 'overview'),
  save,
  open: () => byId('file').click(),
  help: () => byId('help').showModal(),
  previous: () => go(at - 1),
  next,
  unfinished,
};
for (const button of document.querySelectorAll('[data-do]')) button.addEventListener('click', actions[button.dataset.do]);

byId('begin').addEventListener('submit', (event) => {
  event.preventDefault();
  const name = byId('name').value.trim();
  byId('name-problem').textContent = name === '' ? 'Please enter a name.' : '';
  if (name === '') { byId('name').focus(); return; }
  if (name.toLowerCase() !== rater.toLowerCase()) goOnAs(name);
  begin();
});
byId('questions').addEventListener('submit', (event) => event.preventDefault());
byId('file').addEventListener('change', (event) => {
  const [file] = event.target.files;
  event.target.value = '';
  open(file);
});
byId('note').addEventListener('input', (event) => { remark(items[at], event.target.value); showKept(storage !== null); });
byId('only').addEventListener('change', showOverview);
byId('list').addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button) go(Number(button.dataset.place));
});

// Another tab with the same sheet and name: what was said there last stands here too. Nothing is kept here in turn, or the tabs
// would answer one another for ever; the item is drawn anew only if it was changed, and the focus stays in its question.
window.addEventListener('storage', (event) => {
  if (rater === '' || event.key !== placeOf(rater) || event.newValue === null) return;
  const item = items[at];
  const asText = () => JSON.stringify([[...(said.get(item.key)?.values ?? [])].sort(), noteOf(item)]);
  const before = asText();
  said = fromEntries(stored(event.key)?.items);
  if (view === 'overview') showOverview();
  if (view !== 'item') return;
  if (asText() === before) {
    showProgress();
    return;
  }
  const name = document.activeElement?.closest?.('fieldset[data-aspect]')?.dataset.aspect;
  showItem();
  if (name) focusField(fieldOf(aspectNamed.get(name)));
});
window.addEventListener('beforeunload', (event) => {
  if (storage === null && unsaved > 0) event.preventDefault();
});

// Whether keys are used is kept apart from ratings: it is about the person.
byId('keys').addEventListener('change', () => {
  try { storage?.setItem('adamllm-keys', byId('keys').checked ? 'on' : 'off'); } catch { /* Kept until the page is closed. */ }
});
byId('keys').checked = storage?.getItem('adamllm-keys') !== 'off';

byId('name').value = lastRater();
showKept(storage !== null);
showStart();
byId('name').focus();
document.documentElement.dataset.ready = 'yes';
