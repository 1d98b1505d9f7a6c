// Prompts as points in a plane; a cursor between them says how much of each is played.

import { $, h } from './dom.js';
import { first } from './prompts.js';

const key = 'riff-surface';
const colors = [[255, 79, 139], [255, 179, 92], [88, 208, 255], [122, 231, 170], [176, 136, 255], [255, 122, 89], [240, 220, 110], [120, 160, 255]];
const clamp = (value) => Math.max(0, Math.min(1, value));

export class Surface extends EventTarget {
  points = [];
  cursor = { x: 0.5, y: 0.5 };
  #area;
  #list;
  #canvas = h('canvas', { width: 48, height: 48, 'aria-hidden': 'true' });
  #handles = [];

  constructor() {
    super();
    try {
      const kept = JSON.parse(localStorage.getItem(key) ?? 'null');
      if (Array.isArray(kept?.points)) ({ points: this.points, cursor: this.cursor } = kept);
    } catch {
      // What was kept is damaged.
    }
    if (this.points.length === 0) {
      this.points = first.map((prompt, i) => ({ prompt, x: i % 2 ? 0.86 : 0.14, y: i < 2 ? 0.16 : 0.84 }));
    }
  }

  /** `[{prompt, weight}]` at the cursor, shares of 1; those that would not be heard are left out. */
  prompts() {
    const shares = this.#shares(this.cursor.x, this.cursor.y);
    return this.points.map((point, i) => ({ prompt: point.prompt, weight: Math.round(shares[i] * 1000) / 1000 }))
      .filter((each) => each.weight >= 0.02);
  }

  /** Shares by the inverse square of the distance. */
  #shares(x, y) {
    const near = this.points.map((point) => 1 / ((point.x - x) ** 2 + (point.y - y) ** 2 + 0.0015));
    const sum = near.reduce((a, b) => a + b, 0);
    return near.map((value) => value / sum);
  }

  add(prompt) {
    if (this.points.length >= colors.length) this.points.shift();
    // Where most room is.
    let best = { room: -1 };
    for (let i = 0; i < 64; i += 1) {
      const [x, y] = [0.1 + 0.8 * ((i % 8) / 7), 0.1 + 0.8 * (Math.floor(i / 8) / 7)];
      const room = Math.min(...this.points.map((point) => Math.hypot(point.x - x, point.y - y)), 2);
      if (room > best.room) best = { room, x, y };
    }
    this.points.push({ prompt, x: best.x, y: best.y });
    this.build();
    this.#changed();
  }

  remove(index) {
    if (this.points.length < 2) return;
    this.points.splice(index, 1);
    this.build();
    this.#changed();
  }

  setPrompts(prompts) {
    this.points = prompts.slice(0, colors.length).map(({ prompt }, i) => {
      const angle = (2 * Math.PI * i) / prompts.length - Math.PI / 2;
      return { prompt, x: 0.5 + 0.36 * Math.cos(angle), y: 0.5 + 0.36 * Math.sin(angle) };
    });
    const sum = prompts.reduce((total, each) => total + each.weight, 0);
    this.cursor = {
      x: this.points.reduce((total, point, i) => total + (point.x * prompts[i].weight) / sum, 0),
      y: this.points.reduce((total, point, i) => total + (point.y * prompts[i].weight) / sum, 0),
    };
    this.build();
  }

  moveCursor(x, y) {
    this.cursor = { x: clamp(x), y: clamp(y) };
    this.#place();
    this.#changed();
  }

  build() {
    const pane = $('pane-steer');
    this.#handles = this.points.map((point, index) => this.#handle(point, `Prompt “${point.prompt}”`, 'point', colors[index], () => index));
    const cursor = this.#handle(this.cursor, 'Cursor: what is played', 'cursor', null, () => -1);
    cursor.id = 'cursor';
    this.#handles.push(cursor);
    this.#area = h('div', { class: 'surface', id: 'surface', role: 'group', 'aria-label': 'Surface of prompts' }, this.#canvas, this.#handles);
    this.#area.addEventListener('pointerdown', (event) => {
      if (event.target !== this.#area && event.target !== this.#canvas) return;
      this.#drag(event, (x, y) => this.moveCursor(x, y));
    });
    this.#list = h('ol', { class: 'weights' });
    pane.replaceChildren(
      h('p', { class: 'lead' }, 'Prompts are points. Drag the cursor between them while it plays: near ones count more.'),
      this.#area, this.#list,
      h('div', { class: 'actions' }, h('button', {
        class: 'small', onclick: () => {
          const prompt = $('prompt').value.trim();
          if (prompt) this.add(prompt);
          else $('prompt').focus();
        },
      }, 'Put the prompt above on the surface'), h('button', { class: 'small', id: 'midi' }, 'Use a MIDI controller')));
    this.#paint();
    this.#place();
  }

  #handle(place, label, kind, color, index) {
    const handle = h('button', { type: 'button', class: kind, 'aria-label': label, title: label });
    if (color) handle.style.setProperty('--point', `rgb(${color})`);
    const move = (x, y) => {
      if (index() < 0) return this.moveCursor(x, y);
      Object.assign(this.points[index()], { x: clamp(x), y: clamp(y) });
      this.#paint();
      this.#place();
      this.#changed();
      return undefined;
    };
    handle.addEventListener('pointerdown', (event) => this.#drag(event, move));
    handle.addEventListener('keydown', (event) => {
      const step = event.shiftKey ? 0.1 : 0.025;
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (way) {
        event.preventDefault();
        const now = index() < 0 ? this.cursor : this.points[index()];
        move(now.x + way[0] * step, now.y + way[1] * step);
      } else if ((event.key === 'Delete' || event.key === 'Backspace') && index() >= 0) {
        event.preventDefault();
        this.remove(index());
      }
    });
    return handle;
  }

  #drag(event, move) {
    event.preventDefault();
    const target = event.currentTarget;
    target.focus?.();
    const to = ({ clientX, clientY }) => {
      const box = this.#area.getBoundingClientRect();
      move((clientX - box.left) / box.width, (clientY - box.top) / box.height);
    };
    const done = () => {
      globalThis.removeEventListener('pointermove', to);
      globalThis.removeEventListener('pointerup', done);
      globalThis.removeEventListener('pointercancel', done);
    };
    globalThis.addEventListener('pointermove', to);
    globalThis.addEventListener('pointerup', done);
    globalThis.addEventListener('pointercancel', done);
    if (target === this.#area || target.id === 'cursor') to(event);
  }

  #changed() {
    localStorage.setItem(key, JSON.stringify({ points: this.points, cursor: this.cursor }));
    this.dispatchEvent(new Event('change'));
  }

  /** The plane's colours: those of the points, mixed as the prompts are. */
  #paint() {
    const paint = this.#canvas.getContext('2d');
    const image = paint.createImageData(48, 48);
    for (let y = 0; y < 48; y += 1) {
      for (let x = 0; x < 48; x += 1) {
        const shares = this.#shares((x + 0.5) / 48, (y + 0.5) / 48);
        for (let i = 0; i < 3; i += 1) {
          image.data[(y * 48 + x) * 4 + i] = shares.reduce((sum, share, point) => sum + share * colors[point][i], 0);
        }
        image.data[(y * 48 + x) * 4 + 3] = 255;
      }
    }
    paint.putImageData(image, 0, 0);
  }

  #place() {
    [...this.points, this.cursor].forEach((place, i) => {
      this.#handles[i].style.left = `${place.x * 100}%`;
      this.#handles[i].style.top = `${place.y * 100}%`;
    });
    const shares = this.#shares(this.cursor.x, this.cursor.y);
    this.#list.replaceChildren(...this.points.map((point, i) => {
      const percent = Math.round(shares[i] * 100);
      const row = h('li', {}, h('span', { class: 'swatch' }), h('span', { class: 'name' }, point.prompt),
        h('output', {}, `${percent}%`),
        h('button', { class: 'quiet tiny', 'aria-label': `Take “${point.prompt}” off the surface`, onclick: () => this.remove(i) }, '×'));
      row.style.setProperty('--point', `rgb(${colors[i]})`);
      row.style.setProperty('--share', `${percent}%`);
      return row;
    }));
  }
}
