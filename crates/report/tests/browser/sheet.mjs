// The rating sheet in a real browser; `cargo xtask test-sheet` calls it.
//
//     node sheet.mjs --chromium P --sheet P --ratings P --work D [--axe FILE] [--items N] [--results FILE] [--pictures D]
//
// `--sheet` and `--ratings` are the built examples. Every check is printed; the exit code says whether all held.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { Chromium } from './chromium.mjs';
import { HOSTILE, writeSample } from './sample.mjs';

const { values: given } = parseArgs({
  options: Object.fromEntries(
    ['chromium', 'sheet', 'ratings', 'work', 'axe', 'items', 'results', 'pictures'].map((name) => [name, { type: 'string' }])),
});
const ITEMS = Number(given.items ?? 800);
assert.ok(ITEMS >= 60, 'the checks walk through 40 items and more: --items 60 at least');
const RATER = 'Ada Ünder';
const MOST_MILLISECONDS = 1000;
const MOST_BYTES = 15_000_000;
const axe = given.axe ? readFileSync(given.axe, 'utf8') : null;

const [data, saved] = ['data', 'saved'].map((name) => join(given.work, name));
for (const folder of [data, saved, given.pictures].filter(Boolean)) mkdirSync(folder, { recursive: true });
const page = join(given.work, 'sheet.html');
const address = pathToFileURL(page).href;
const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const measured = {};
let failed = 0;

async function check(name, body) {
  try {
    const note = await body();
    console.log(`ok      ${name}${note ? `: ${note}` : ''}`);
  } catch (problem) {
    failed += 1;
    console.log(`FAILED  ${name}: ${problem.stack}`);
  }
}

const { sample, file } = writeSample(data, ITEMS, 'sample-of-the-browser-test');
const started = performance.now();
console.log(execFileSync(given.sheet, [file, page], { encoding: 'utf8' }).trim());
measured.seconds_to_make = (performance.now() - started) / 1000;
const html = readFileSync(page, 'utf8');
const shown = JSON.parse(html.match(/<script type="application\/json" id="data">(.*?)<\/script>/s)[1]);

const browser = new Chromium(given.chromium, join(given.work, 'profile'));
const { product } = await browser.send('Browser.getVersion');
const tabs = [];
async function tab(options) {
  const made = await browser.tab(options);
  tabs.push(made);
  await made.size(1280, 900);
  await browser.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: saved, eventsEnabled: true, ...made.context });
  return made;
}
let main = await tab();

const title = (of) => of.ask("document.getElementById('item-title').textContent");
const isAt = (of, number) => of.until(`!document.getElementById('item').hidden && document.getElementById('item-title').textContent === 'Item ${number} of ${ITEMS}'`);
const checked = (of) => of.ask("Object.fromEntries([...document.querySelectorAll('#fields input:checked')].map((i) => [i.name, Number(i.value)]))");

async function violations(of, place) {
  const found = [];
  for (const scheme of ['light', 'dark']) {
    await of.scheme(scheme);
    const rules = "{ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }";
    const report = await of.ask(`${axe};\naxe.run(document, ${rules}).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target).join(' ') + ' ' + (v.nodes[0].failureSummary || '')))`);
    found.push(...report.map((text) => `${place}, ${scheme}: ${text}`));
  }
  await of.scheme('light');
  measured.axe_violations = (measured.axe_violations ?? 0) + found.length;
  return found;
}
const axeCheck = (of, place) => check(`axe finds nothing on ${place}`, async () => {
  if (axe === null) {
    console.log('SKIPPED axe: no --axe FILE was given');
    return 'not asked';
  }
  const found = await violations(of, place);
  assert.deepEqual(found, []);
  return 'light and dark';
});
async function picture(of, name) {
  if (given.pictures) writeFileSync(join(given.pictures, `${name}.png`), await of.picture());
}
async function pictures(of, name) {
  if (!given.pictures) return;
  for (const scheme of ['light', 'dark']) {
    await of.scheme(scheme);
    await picture(of, `${name}-${scheme}`);
  }
  await of.scheme('light');
  await of.size(400, 900);
  await picture(of, `${name}-400`);
  await of.size(1280, 900);
}
const reflows = (of, place) => check(`${place} needs no scrolling sideways at 320 px`, async () => {
  await of.size(320, 640);
  const width = await of.ask('document.documentElement.scrollWidth');
  await of.size(1280, 900);
  assert.ok(width <= 320, `${width} px`);
});

await check(`${ITEMS} items take at most 15 MB`, () => {
  measured.megabytes = statSync(page).size / 1e6;
  assert.ok(statSync(page).size <= MOST_BYTES);
  return `${measured.megabytes.toFixed(2)} MB`;
});

await check('the sheet opens within a second', async () => {
  const [whole, interactive] = [[], []];
  for (let n = 0; n < 7; n += 1) {
    const fresh = await browser.tab();
    whole.push(await fresh.open(address));
    interactive.push(await fresh.ask("performance.getEntriesByType('navigation')[0].domInteractive"));
    await fresh.close();
  }
  Object.assign(measured, { milliseconds_to_open: whole, milliseconds_to_dom_interactive: interactive });
  assert.ok(median(whole) <= MOST_MILLISECONDS, `${whole}`);
  return `${median(whole).toFixed(0)} ms (median of 7), worst ${Math.max(...whole).toFixed(0)} ms`;
});

await main.open(address);
await axeCheck(main, 'the start page');
await reflows(main, 'the start page');
await pictures(main, 'start');

// --- Rating by keyboard alone

const expected = new Map();
// Rates all that is asked of the item, by the keys that the page shows.
async function rate(of, place, shift) {
  const item = shown.items[place];
  const values = {};
  for (const n of item.asks) {
    const aspect = shown.aspects[n];
    const choice = (place + n + shift) % aspect.options.length;
    await of.press(aspect.options.length > 5 ? 'abcdefghijklmnopqrstuvwxyz'[choice] : String(choice + 1));
    values[aspect.name] = choice;
  }
  expected.set(item.key, values);
  return values;
}

await check('a name and Enter begin', async () => {
  await main.press('Enter');
  assert.equal(await main.ask("document.getElementById('item').hidden"), true);
  await main.write(RATER);
  const start = performance.now();
  await main.press('Enter');
  await isAt(main, 1);
  measured.milliseconds_to_first_item = performance.now() - start;
  return `first item after ${measured.milliseconds_to_first_item.toFixed(0)} ms`;
});
await axeCheck(main, 'an item');
await reflows(main, 'an item');

await check('three items are rated by digits and letters, with Enter between them', async () => {
  for (let place = 0; place < 3; place += 1) {
    await isAt(main, place + 1);
    assert.deepEqual(await checked(main), {});
    const values = await rate(main, place, 0);
    assert.deepEqual(await checked(main), values);
    await main.press('Enter');
  }
  await isAt(main, 4);
});
await pictures(main, 'item');

await check('a note is written, an answer changed and one taken back', async () => {
  await main.press('3', '/');
  await main.write('1 <b>blurred</b>');
  await main.press('Escape', 'Enter', 'ArrowLeft');
  await isAt(main, 4);
  assert.equal(await main.ask("document.getElementById('note').value"), '1 <b>blurred</b>');
  const first = shown.aspects[shown.items[3].asks[0]].name;
  assert.deepEqual(await checked(main), { [first]: 2 });
  await main.ask("document.querySelector('#fields input:checked').focus()");
  await main.press('Backspace');
  assert.deepEqual(await checked(main), {});
  await main.press('ArrowDown');
  assert.deepEqual(await checked(main), { [first]: 1 });
  expected.set(shown.items[3].key, { [first]: 1 });
});

await check('the next unfinished item is found', async () => {
  await main.press('ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft');
  await isAt(main, 1);
  await main.press('Shift+ArrowRight');
  await isAt(main, 4);
});

await check('the overview lists all and leads to an item', async () => {
  await main.press('0');
  await main.until("!document.getElementById('overview').hidden");
  const rows = await main.ask("[...document.querySelectorAll('#list .state')].map((s) => s.textContent)");
  assert.equal(rows.length, ITEMS);
  assert.deepEqual(rows.slice(0, 3), ['finished', 'finished', 'finished']);
  assert.match(rows[3], /^1 of \d · note$/);
  await pictures(main, 'overview');
});
await axeCheck(main, 'the overview');
await reflows(main, 'the overview');

await check('help opens by ? and closes by Escape', async () => {
  await main.press('Escape');
  await isAt(main, 4);
  await main.press('?');
  assert.equal(await main.ask("document.getElementById('help').open"), true);
  await picture(main, 'help');
});
await axeCheck(main, 'help');
await check('help closes', async () => {
  await main.press('Escape');
  await main.until("!document.getElementById('help').open");
  await main.press('?', 'Tab', 'Enter');
  await main.until("!document.getElementById('help').open");
});

await check('Tab goes round without a trap, and focus is seen everywhere', async () => {
  await main.press('ArrowRight');
  await isAt(main, 5);
  const seen = [];
  for (let n = 0; n < 60; n += 1) {
    await main.press('Tab');
    const at = await main.ask("(() => { const e = document.activeElement; const s = getComputedStyle(e); return e === document.body ? 'body' : [e.tagName, e.id || e.name || e.dataset.do || e.textContent, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2].join('|'); })()");
    if (seen.includes(at)) break;
    seen.push(at);
  }
  assert.deepEqual(seen.filter((at) => at !== 'body' && !at.endsWith('|true')), []);
  for (const wanted of ['note', 'next', 'save', 'task']) assert.ok(seen.some((at) => at.split('|')[1] === wanted), `${wanted} in ${seen}`);
  assert.ok(seen.length < 60);
  return `${seen.length} stops`;
});

await check('keys can be switched off', async () => {
  const press = () => main.ask("(() => { const k = document.getElementById('keys'); k.click(); document.getElementById('item-title').focus(); })()");
  await press();
  await main.press('4', 'ArrowRight');
  assert.equal(await title(main), `Item 5 of ${ITEMS}`);
  assert.deepEqual(await checked(main), {});
  await press();
});

// --- What lasts

await check('ratings survive a closed tab', async () => {
  await main.press('ArrowLeft');
  await isAt(main, 4);
  await main.close();
  main = await tab();
  await main.open(address);
  assert.equal(await main.ask("document.getElementById('name').value"), RATER);
  assert.match(await main.ask("document.getElementById('earlier-list').textContent"), new RegExp(`Go on as ${RATER} · 3 of ${ITEMS} finished`));
  if (axe !== null) assert.deepEqual(await violations(main, 'the start page of somebody who began'), []);
  await main.press('Enter');
  await isAt(main, 4);
  for (let place = 3; place >= 0; place -= 1) {
    assert.deepEqual(await checked(main), expected.get(shown.items[place].key));
    if (place > 0) {
      await main.press('ArrowLeft');
      await isAt(main, place);
    }
  }
});

// Presses Ctrl+S and gives the file that lies there then.
async function save(of) {
  const before = new Set(readdirSync(saved));
  const count = browser.downloads.length;
  await of.press('Control+s');
  for (let n = 0; n < 1000 && browser.downloads.length === count; n += 1) await new Promise((r) => { setTimeout(r, 10); });
  return join(saved, readdirSync(saved).find((name) => !before.has(name)));
}

let ratings = '';
await check('Ctrl+S saves a file that the Rust reader reads alike', async () => {
  ratings = await save(main);
  assert.match(ratings, /ratings-Ada-Ünder\.json$/);
  const told = execFileSync(given.ratings, [file, ratings], { encoding: 'utf8' });
  let all = 0;
  for (const aspect of shown.aspects) {
    const values = [...expected.values()].filter((item) => aspect.name in item).map((item) => item[aspect.name] + 1);
    const have = sample.items.filter((item) => shown.items.find((s) => s.key === item.key).asks.includes(shown.aspects.indexOf(aspect))).length;
    all += values.length;
    const line = `  ${aspect.name}: ${values.length} of ${have} items, sum of values ${values.reduce((a, b) => a + b, 0)}`;
    assert.ok(told.split('\n').includes(line), `${line} in ${told}`);
  }
  assert.ok(told.startsWith(`${RATER}: ${all} ratings, 1 notes`), told);
  return `${all} ratings`;
});

await check('a saved file is opened where nothing is kept, and goes on', async () => {
  const other = await tab({ isApart: true });
  await other.open(address);
  assert.equal(await other.ask("document.getElementById('earlier').hidden"), true);
  await other.choose('#file', ratings);
  await isAt(other, 1);
  assert.deepEqual(await checked(other), expected.get(shown.items[0].key));
  assert.equal(await other.ask("document.getElementById('message').textContent"), `Opened 4 items of ${RATER}.`);
  const good = JSON.parse(readFileSync(ratings, 'utf8'));
  const bad = [
    ['of another sample', { ...good, sample: 'other' }],
    ['version 2', { ...good, version: 2 }],
    ['twice', { ...good, items: [good.items[0], good.items[0]] }],
    ['does not have', { ...good, items: [{ key: 'foreign', values: {} }] }],
    ['cannot have', { ...good, items: [{ key: good.items[0].key, values: { accuracy: 6 } }] }],
    ['is not asked', { ...good, items: [{ key: good.items[0].key, values: { beauty: 6 } }] }],
    ['not a file of ratings', { items: [] }],
    ['not JSON', null],
  ];
  for (const [told, content] of bad) {
    const path = join(given.work, 'bad.json');
    writeFileSync(path, content === null ? '{"format":' : JSON.stringify(content));
    await other.choose('#file', path);
    await other.until(`document.getElementById('message').textContent.includes(${JSON.stringify(told)})`);
    await other.ask("document.getElementById('message').textContent = ''");
    assert.deepEqual(await checked(other), expected.get(shown.items[0].key));
  }
});

await check('where nothing is kept the page says so, and files work', async () => {
  const before = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });";
  const other = await tab({ isApart: true, before });
  await other.open(address);
  assert.equal(await other.ask("document.getElementById('warning').hidden"), false);
  await other.write('Bob');
  await other.press('Enter');
  await isAt(other, 1);
  await rate(other, 0, 1);
  await other.press('Enter');
  await isAt(other, 2);
  await rate(other, 1, 1);
  assert.match(await other.ask("document.getElementById('warning').textContent"), /no file has your last \d+ changes/);
  await picture(other, 'not-kept');
  if (axe !== null) assert.deepEqual(await violations(other, 'the warning'), []);
  const told = execFileSync(given.ratings, [file, await save(other)], { encoding: 'utf8' });
  assert.ok(told.startsWith('Bob: '), told);
  assert.doesNotMatch(await other.ask("document.getElementById('warning').textContent"), /no file has/);
});

await check('two tabs of one person keep what both say', async () => {
  const second = await tab();
  await second.open(address);
  await second.press('Enter');
  await isAt(second, 1);
  await second.press('ArrowLeft', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight');
  await isAt(second, 6);
  const values = await rate(second, 5, 2);
  await main.until("localStorage.getItem(Object.keys(localStorage).find((k) => k.endsWith('ünder'))).includes('" + shown.items[5].key + "')");
  await new Promise((resolve) => { setTimeout(resolve, 300); });
  await rate(main, 0, 1);
  await second.close();
  const third = await tab();
  await third.open(address);
  await third.press('Enter');
  await third.until("!document.getElementById('item').hidden");
  for (const [place, wanted] of [[0, expected.get(shown.items[0].key)], [5, values]]) {
    await third.press('0');
    await third.ask(`document.querySelector('[data-place="${place}"]').click()`);
    await isAt(third, place + 1);
    assert.deepEqual(await checked(third), wanted);
  }
});

await check('a sheet on which all is rated answers at once', async () => {
  const all = JSON.parse(readFileSync(ratings, 'utf8'));
  all.items = shown.items.map((item, n) => ({
    key: item.key,
    values: Object.fromEntries(item.asks.map((a) => shown.aspects[a]).map((aspect) =>
      [aspect.name, aspect.is_levels ? (n % 5) + 1 : aspect.options[n % aspect.options.length]])),
    note: 'a note',
  }));
  const path = join(given.work, 'all.json');
  writeFileSync(path, JSON.stringify(all));
  const other = await tab({ isApart: true });
  await other.open(address);
  await other.choose('#file', path);
  await isAt(other, 1);
  assert.equal(await other.ask("document.getElementById('done').textContent"), `All ${ITEMS} items are finished: save to a file and hand it in`);
  const times = await other.ask(`[...document.querySelectorAll('#fields input')].map((radio) => {
    const start = performance.now();
    radio.click();
    return performance.now() - start;
  })`);
  measured.milliseconds_to_answer_when_all_is_rated = median(times);
  return `${median(times).toFixed(1)} ms an answer, kept in the browser (median of ${times.length})`;
});

// --- Texts that would do harm, and speed

await check('hostile texts are text', async () => {
  const wanted = new Set(HOSTILE);
  await main.ask("document.getElementById('item-title').focus()");
  for (let place = 0; place < 40; place += 1) {
    await isAt(main, place + 1);
    const item = shown.items[place];
    const texts = await main.ask("[...document.querySelectorAll('#task .part p')].map((p) => p.textContent)");
    const marked = (text) => text.replace(/[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069]/g, (c) => `[U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]`);
    const answers = item.precise === null ? [] : [item.precise, item.informative];
    assert.deepEqual(texts, [item.caption, ...item.exchanges[0], ...answers].map(marked));
    for (const text of HOSTILE) if ([item.caption, ...item.exchanges[0]].some((t) => t.includes(text))) wanted.delete(text);
    assert.equal(await main.ask("document.querySelectorAll('#task :is(script, iframe, svg, b), #task img:not([src^=\"data:image/jpeg\"])').length"), 0);
    await main.press('ArrowRight');
  }
  assert.deepEqual([...wanted], []);
  await main.press('0');
  await main.until("!document.getElementById('overview').hidden");
  assert.equal(await main.ask('window.harmed'), undefined);
});

await check('pictures are decoded, and the torn ones are told', async () => {
  await main.press('0');
  const torn = new Set(sample.items.filter((_, n) => n % 200 === 199).map((item) => item.key));
  const place = shown.items.findIndex((item) => torn.has(item.key));
  for (const [at, count] of [[0, 1], [place, 0]].filter(([n]) => n >= 0)) {
    await main.press('0');
    await main.until("!document.getElementById('overview').hidden");
    await main.ask(`document.querySelector('[data-place="${at}"]').click()`);
    await isAt(main, at + 1);
    await main.until('[...document.images].every((i) => i.complete && i.naturalWidth > 100)');
    assert.equal(await main.ask('document.images.length'), count);
    assert.equal(await main.ask("document.querySelectorAll('.absent').length"), 1 - count);
  }
});

await check('an item follows the other at once', async () => {
  const times = await main.ask(`(async () => {
    const times = [];
    for (let n = 0; n < 100; n += 1) {
      const start = performance.now();
      document.querySelector('[data-do=previous]').click();
      await document.images[0]?.decode().catch(() => {});
      times.push(performance.now() - start);
    }
    return times;
  })()`);
  measured.milliseconds_between_items = median(times);
  return `${median(times).toFixed(1)} ms with the picture decoded (median of 100)`;
});

await check('nothing was asked of a network, no dialog opened, nothing went wrong', () => {
  for (const one of tabs) {
    assert.deepEqual(one.requests.filter((url) => url !== address && !/^(data:image\/jpeg|blob:|about:blank)/.test(url)), []);
    assert.deepEqual(one.dialogs, []);
    assert.deepEqual(one.problems, []);
  }
});

await browser.end();
if (given.results) {
  const rounded = JSON.parse(JSON.stringify(measured, (_, value) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value)));
  const result = {
    command: 'cargo xtask test-sheet --results FILE', machine: cpus()[0].model.replace(/ \d.*/, ''), cores: cpus().length,
    browser: product, items: ITEMS, ...rounded, failed_checks: failed,
  };
  writeFileSync(given.results, `${JSON.stringify(result, null, 1)}\n`);
}
console.log(failed === 0 ? 'all checks hold' : `${failed} checks failed`);
process.exit(failed === 0 ? 0 : 1);
