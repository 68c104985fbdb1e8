// A sample of our own: two makers, a triplet in two items, one picture an item, some texts that would do harm as markup.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';

export const HOSTILE = [
  '</script><script>window.harmed = 1; alert(1)</script>',
  '<img src="http://127.0.0.1:9/x.png" onerror="window.harmed = 2; alert(2)">',
  '"><svg onload="window.harmed = 3">\u0000\u0007\u001b[31m &lt;b&gt;',
  'safe \u202Etxt.exe\u202C and \u2066turned\u2069',
  '<!-- <script> ]]> --><iframe srcdoc="<script>parent.harmed = 4</script>"></iframe>',
  'javascript:window.harmed = 5 {{constructor.constructor("window.harmed = 6")()}}',
];

const CRC = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function chunk(name, content) {
  const body = Buffer.concat([Buffer.from(name), content]);
  let crc = 0xffffffff;
  for (const byte of body) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(content.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 4);
  return whole;
}

// Soft shapes under grain: about as hard to compress as a photograph.
function picture(seed, width, height) {
  let state = (seed * 2654435761 + 1) >>> 0;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const waves = Array.from({ length: 9 }, () => [random() * 0.09, random() * 0.09, random() * 6, 20 + random() * 40]);
  const rows = Buffer.alloc(height * (width * 3 + 1));
  let at = 0;
  for (let y = 0; y < height; y += 1) {
    rows[at] = 0;
    at += 1;
    for (let x = 0; x < width; x += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        let value = 128;
        for (let n = channel; n < 9; n += 3) {
          const [across, down, shift, height_] = waves[n];
          value += height_ * Math.sin(x * across + y * down + shift);
        }
        rows[at] = Math.max(0, Math.min(255, value + (random() - 0.5) * 24));
        at += 1;
      }
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 1 })), chunk('IEND', Buffer.alloc(0)),
  ]);
}

const prose = (n, words) => Array.from({ length: words }, (_, w) => ['grain', 'shade', 'slide', 'tissue', 'of', 'the', 'left'][(n * 7 + w * 3 + w * w) % 7]).join(' ');

// Writes pictures and `sample.json` to the folder and gives the sample.
export function writeSample(folder, number, id) {
  const items = Array.from({ length: number }, (_, n) => {
    const path = join(folder, `picture-${n}.png`);
    // One in 200 is torn.
    writeFileSync(path, n % 200 === 199 ? Buffer.from('torn') : picture(n, 480, 360));
    const hostile = HOSTILE[n % HOSTILE.length];
    const item = {
      key: `k${((n * 2654435761) >>> 0).toString(16).padStart(8, '0')}`,
      set: n % 2 === 0 ? 'maker-kestrel' : 'maker-heron',
      id: `record-${n}`,
      pair: `pair-${n >> 1}`,
      images: [path],
      caption: n % 3 === 0 ? `${hostile} ${prose(n, 60)}` : prose(n, 120),
      exchanges: [[n % 3 === 1 ? hostile : `What does ${prose(n, 8)}?`, n % 3 === 2 ? hostile : `It shows ${prose(n, 40)}.`]],
    };
    if (n % 2 === 0) Object.assign(item, { informative: `Since ${prose(n, 30)}, it is so.`, precise: prose(n, 2) });
    return item;
  });
  const sets = ['maker-kestrel', 'maker-heron'].map((name) => ({ name, total: number, strata: [] }));
  const sample = { id, seed: 7, sets, items };
  const file = join(folder, 'sample.json');
  writeFileSync(file, JSON.stringify(sample));
  return { sample, file };
}
