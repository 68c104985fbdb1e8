// A real Chromium, driven through the pipe of its DevTools protocol; nothing but Node is needed.

import { spawn } from 'node:child_process';

const CODES = {
  Enter: ['Enter', 13, '\r'], Escape: ['Escape', 27], Tab: ['Tab', 9], Backspace: ['Backspace', 8], ' ': ['Space', 32, ' '],
  ArrowLeft: ['ArrowLeft', 37], ArrowUp: ['ArrowUp', 38], ArrowRight: ['ArrowRight', 39], ArrowDown: ['ArrowDown', 40],
};
const SHIFT = 8;
const CONTROL = 2;

export class Chromium {
  constructor(program, profile) {
    const flags = [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe', `--user-data-dir=${profile}`, '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions', '--hide-scrollbars',
      '--disable-dev-shm-usage', 'about:blank',
    ];
    this.process = spawn(program, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    this.waiting = new Map();
    this.tabs = new Map();
    this.downloads = [];
    this.number = 0;
    let text = '';
    this.process.stdio[4].setEncoding('utf8').on('data', (piece) => {
      const parts = (text + piece).split('\0');
      text = parts.pop();
      for (const part of parts) this.receive(JSON.parse(part));
    });
    this.process.on('exit', () => {
      for (const { reject } of this.waiting.values()) reject(new Error('Chromium has ended'));
    });
  }

  receive(message) {
    if (message.id) {
      const { resolve, reject } = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if (message.error) reject(new Error(message.error.message));
      else resolve(message.result);
    } else if (message.method === 'Browser.downloadProgress' && message.params.state === 'completed') {
      this.downloads.push(message.params.guid);
    } else {
      this.tabs.get(message.sessionId)?.receive(message);
    }
  }

  send(method, params = {}, sessionId = undefined) {
    this.number += 1;
    const id = this.number;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} has no answer after a minute`)), 60_000);
      const settle = (end) => (value) => { clearTimeout(timer); end(value); };
      this.waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  // A tab; `isApart` gives it a storage of its own, `before` runs before any script of a page.
  async tab({ isApart = false, before = '' } = {}) {
    const context = isApart ? await this.send('Target.createBrowserContext') : {};
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank', ...context });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const tab = new Tab(this, targetId, sessionId);
    tab.context = context;
    this.tabs.set(sessionId, tab);
    for (const domain of ['Page', 'Runtime', 'Network', 'Log', 'DOM']) await tab.send(`${domain}.enable`);
    if (before !== '') await tab.send('Page.addScriptToEvaluateOnNewDocument', { source: before });
    return tab;
  }

  async end() {
    const ended = new Promise((resolve) => { this.process.on('exit', resolve); });
    await this.send('Browser.close').catch(() => {});
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  }
}

class Tab {
  constructor(browser, targetId, sessionId) {
    Object.assign(this, { browser, targetId, sessionId, requests: [], dialogs: [], problems: [] });
  }

  receive({ method, params }) {
    if (method === 'Network.requestWillBeSent') this.requests.push(params.request.url);
    if (method === 'Page.javascriptDialogOpening') {
      this.dialogs.push(params.message);
      this.send('Page.handleJavaScriptDialog', { accept: true }).catch(() => {});
    }
    if (method === 'Runtime.exceptionThrown') this.problems.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    if (method === 'Log.entryAdded' && params.entry.level === 'error') this.problems.push(params.entry.text);
  }

  send(method, params = {}) {
    return this.browser.send(method, params, this.sessionId);
  }

  async ask(expression) {
    const found = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (found.exceptionDetails) throw new Error(found.exceptionDetails.exception?.description ?? found.exceptionDetails.text);
    return found.result.value;
  }

  // Waits until the expression is true, for ten seconds at most.
  async until(expression) {
    const end = Date.now() + 10_000;
    for (;;) {
      if (await this.ask(expression).catch(() => false)) return;
      if (Date.now() > end) throw new Error(`never true: ${expression}`);
      await new Promise((resolve) => { setTimeout(resolve, 5); });
    }
  }

  async open(address) {
    const start = performance.now();
    await this.send('Page.navigate', { url: address });
    await this.until("document.documentElement?.dataset.ready === 'yes'");
    return performance.now() - start;
  }

  // Keys by name, one after the other: `a`, `Enter`, `Shift+ArrowRight`, `Control+s`.
  async press(...keys) {
    for (const whole of keys) {
      const [key, ...held] = whole === '+' ? ['+'] : whole.split('+').reverse();
      const modifiers = (held.includes('Shift') ? SHIFT : 0) + (held.includes('Control') ? CONTROL : 0);
      const [code, number, text] = CODES[key] ?? ['', key.toUpperCase().charCodeAt(0), key];
      const event = { key, code, windowsVirtualKeyCode: number, modifiers };
      const typed = modifiers & CONTROL ? {} : { text };
      await this.send('Input.dispatchKeyEvent', { type: text && !(modifiers & CONTROL) ? 'keyDown' : 'rawKeyDown', ...event, ...typed });
      await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
    }
  }

  write(text) {
    return this.send('Input.insertText', { text });
  }

  async choose(selector, file) {
    const { root } = await this.send('DOM.getDocument');
    const { nodeId } = await this.send('DOM.querySelector', { nodeId: root.nodeId, selector });
    await this.send('DOM.setFileInputFiles', { nodeId, files: [file] });
  }

  scheme(value) {
    return this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] });
  }

  size(width, height) {
    return this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
  }

  async picture() {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
  }

  async close() {
    await this.browser.send('Target.closeTarget', { targetId: this.targetId });
    this.browser.tabs.delete(this.sessionId);
  }
}
