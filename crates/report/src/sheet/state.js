// What was said, in the browser's memory and in files. Knows nothing of how the page looks.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId('data').textContent);
const { items, aspects } = data;
const aspectNamed = new Map(aspects.map((aspect) => [aspect.name, aspect]));
const itemOf = new Map(items.map((item) => [item.key, item]));

// Who rates, and by key what they said: { values: Map from aspect's name to value as in files, note }.
let rater = '';
let said = new Map();
// The number of the item that is shown.
let at = 0;
// Changes that no file has.
let unsaved = 0;

// Some browsers refuse to keep anything for pages that are files.
let storage = (() => {
  try {
    const found = window.localStorage;
    found.setItem('adamllm-probe', '1');
    found.removeItem('adamllm-probe');
    return found;
  } catch {
    return null;
  }
})();
const drawer = `adamllm-ratings/${data.sample}/`;
const placeOf = (name) => drawer + name.trim().toLowerCase();

function stored(place) {
  try {
    return JSON.parse(storage.getItem(place));
  } catch {
    return null;
  }
}

// Raters who began in this browser: the number of items that they finished, by name.
function earlier() {
  const found = new Map();
  for (let n = 0; storage && n < storage.length; n += 1) {
    const place = storage.key(n);
    const kept = place.startsWith(drawer) ? stored(place) : null;
    if (!kept || typeof kept.rater !== 'string') continue;
    const entries = fromEntries(kept.items);
    found.set(kept.rater, items.filter((item) => isFinished(item, entries)).length);
  }
  return found;
}

// Takes what is well-formed of entries; the browser's memory may hold an older sheet's.
function fromEntries(entries) {
  const found = new Map();
  for (const entry of Array.isArray(entries) ? entries : []) {
    const item = itemOf.get(entry?.key);
    if (!item) continue;
    const values = new Map();
    for (const [name, value] of Object.entries(entry.values ?? {})) {
      if (problemOf(item, name, value) === '') values.set(name, value);
    }
    found.set(item.key, { values, note: typeof entry.note === 'string' ? entry.note : '' });
  }
  return found;
}

// What is wrong with a value, or nothing.
function problemOf(item, name, value) {
  const aspect = aspectNamed.get(name);
  if (!aspect) return `“${name}” is not asked on this sheet`;
  if (!item.asks.includes(aspects.indexOf(aspect))) return `“${name}” is not asked of item ${numberOf(item)}`;
  const isThere = aspect.is_levels
    ? Number.isInteger(value) && value >= 1 && value <= aspect.options.length
    : aspect.options.includes(value);
  return isThere ? '' : `“${name}” of item ${numberOf(item)} has a value that it cannot have`;
}

const numberOf = (item) => items.indexOf(item) + 1;

function entries() {
  return items
    .filter((item) => said.has(item.key))
    .map((item) => ({ item, entry: said.get(item.key) }))
    .filter(({ entry }) => entry.values.size > 0 || entry.note.trim() !== '')
    .map(({ item, entry }) => {
      const row = { key: item.key, values: Object.fromEntries(entry.values) };
      if (entry.note.trim() !== '') row.note = entry.note;
      return row;
    });
}

// Whether it was kept.
function keep() {
  if (!storage || rater === '') return false;
  try {
    storage.setItem(placeOf(rater), JSON.stringify({ rater, at, items: entries() }));
    storage.setItem(`${drawer}`, JSON.stringify({ last: rater }));
    return true;
  } catch {
    // Full, or switched off since: from here on only files help.
    storage = null;
    return false;
  }
}

// Goes on as somebody, with what this browser has of them.
function goOnAs(name) {
  const kept = storage ? stored(placeOf(name)) : null;
  rater = name.trim();
  said = fromEntries(kept?.items);
  at = Number.isInteger(kept?.at) && kept.at >= 0 && kept.at < items.length ? kept.at : 0;
  unsaved = 0;
  keep();
}

const lastRater = () => (storage ? stored(drawer)?.last : null) ?? data.rater ?? '';

const valueOf = (item, aspect) => said.get(item.key)?.values.get(aspect.name);
const noteOf = (item) => said.get(item.key)?.note ?? '';

function entryOf(item) {
  if (!said.has(item.key)) said.set(item.key, { values: new Map(), note: '' });
  return said.get(item.key);
}

function give(item, aspect, value) {
  if (value === undefined) entryOf(item).values.delete(aspect.name);
  else entryOf(item).values.set(aspect.name, value);
  unsaved += 1;
  keep();
}

function remark(item, note) {
  entryOf(item).note = note;
  unsaved += 1;
  keep();
}

const answered = (item, all = said) => item.asks.filter((n) => all.get(item.key)?.values.has(aspects[n].name)).length;
const isFinished = (item, all = said) => answered(item, all) === item.asks.length;
const finished = () => items.filter((item) => isFinished(item)).length;

// The next item after this one that is not finished, from the first again at the end; none when all are.
function nextUnfinished() {
  for (let step = 1; step <= items.length; step += 1) {
    const place = (at + step) % items.length;
    if (!isFinished(items[place])) return place;
  }
  return -1;
}

function asFile() {
  const file = {
    format: data.format,
    version: data.version,
    sample: data.sample,
    rater,
    made: new Date().toISOString(),
    rubrics: data.rubrics,
    aspects: aspects.map((aspect) => aspect.name),
    items: entries(),
  };
  return `${JSON.stringify(file, null, 1)}\n`;
}

const fileName = () => `ratings-${rater.normalize('NFKC').replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '') || 'rater'}.json`;

// Takes over a file's text; throws what is wrong with it. Where the browser has other values, the file's stand.
function openFile(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error('it is not JSON; was it saved to its end?');
  }
  if (file?.format !== data.format) throw new Error('it is not a file of ratings');
  if (file.version !== data.version) throw new Error(`it has version ${file.version} of the format, this sheet writes ${data.version}`);
  if (file.sample !== data.sample) throw new Error('it is of another sample than this sheet');
  if (typeof file.rater !== 'string' || file.rater.trim() === '') throw new Error('it does not say who rated');
  if (!Array.isArray(file.items)) throw new Error('it has no list of items');
  const seen = new Set();
  for (const entry of file.items) {
    const item = itemOf.get(entry?.key);
    if (!item) throw new Error(`it rates an item that this sheet does not have: ${entry?.key}`);
    if (seen.has(item.key)) throw new Error(`it has item ${numberOf(item)} twice`);
    seen.add(item.key);
    for (const [name, value] of Object.entries(entry.values ?? {})) {
      const problem = problemOf(item, name, value);
      if (problem !== '') throw new Error(problem);
    }
  }
  goOnAs(file.rater);
  let replaced = 0;
  for (const [key, found] of fromEntries(file.items)) {
    const entry = entryOf(itemOf.get(key));
    for (const [name, value] of found.values) {
      if (entry.values.has(name) && entry.values.get(name) !== value) replaced += 1;
      entry.values.set(name, value);
    }
    if (found.note !== '') entry.note = found.note;
  }
  keep();
  return { items: seen.size, replaced };
}
