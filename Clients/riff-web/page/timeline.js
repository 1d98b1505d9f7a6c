// The sound that goes by: its last seconds as columns, what changed where, and the view that draws it.

import { $, h, time } from './dom.js';
import { Spectrum, bands, columns, future, hop, past } from './spectrum.js';
import { Landscape } from './landscape.js';
import { Flat } from './flat.js';
import { rate } from './player.js';

export class Timeline {
  levels = new Uint8Array(columns * bands);
  /** The column after the last one there is, and the first that changed since it was drawn. */
  end = 0;
  changed = 0;
  marks = [];
  #spectrum = new Spectrum();
  #player;
  #view;
  #labels = new Map();
  #drawn = -1;
  #lastDraw = 0;

  constructor(player) {
    this.#player = player;
    player.addEventListener('samples', ({ detail }) => this.#take(detail));
    const still = matchMedia('(prefers-reduced-motion: reduce)');
    still.addEventListener('change', () => this.#choose(still.matches));
    this.#choose(still.matches);
    const scene = $('scene');
    scene.addEventListener('click', (event) => this.#hearAgain(event));
    scene.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -5, PageUp: 5 }[event.key];
      if (!step) return;
      event.preventDefault();
      player.jump(player.position + step * rate);
    });
    new ResizeObserver(() => { this.#drawn = -1; }).observe(scene);
    matchMedia('(prefers-color-scheme: light)').addEventListener('change', () => { this.#drawn = -1; });
    const frame = (now) => {
      requestAnimationFrame(frame);
      this.#draw(now);
    };
    requestAnimationFrame(frame);
  }

  get view() { return this.#view; }

  /** Says what begins at a frame: a prompt, its seed. What is marked at or after it is gone. */
  mark(frame, text, detail) {
    this.marks = this.marks.filter((mark) => mark.frame < frame - 1);
    this.marks.push({ frame, text, detail, key: `${frame}-${text}-${detail}` });
    if (this.marks.length > 100) this.marks.shift();
    this.#drawn = -1;
  }

  /** The mark that holds at a frame. */
  markAt(frame) { return this.marks.findLast((mark) => mark.frame <= frame); }

  redraw() { this.#drawn = -1; }

  #choose(isStill) {
    $('scene').replaceChildren();
    try {
      this.#view = isStill ? new Flat($('scene')) : new Landscape($('scene'));
    } catch (error) {
      // No WebGL 2 here.
      this.#view = new Flat($('scene'));
    }
    this.changed = Math.max(0, this.end - columns);
    this.#drawn = -1;
  }

  #take({ at, left, right }) {
    const column = Math.floor(at / hop);
    if (column !== this.#spectrum.column) {
      this.#spectrum.restart(column);
      this.end = column;
      this.changed = Math.min(this.changed, column);
    }
    this.#spectrum.push(left, right, (index, levels) => {
      this.levels.set(levels, (index % columns) * bands);
      this.end = index + 1;
    });
    // Ahead of the ring there is nothing yet to be seen, of an older sound neither.
    const empty = Math.round(future * rate / hop) + 2;
    for (let i = 0; i < empty; i += 1) {
      const index = ((this.end + i) % columns) * bands;
      this.levels.fill(0, index, index + bands);
    }
    this.#drawn = -1;
  }

  #draw(now) {
    if (document.hidden || now - this.#lastDraw < this.#view.interval) return;
    const position = Math.max(0, this.#player.position - (this.#player.isMoving ? this.#player.latency * rate : 0));
    const isSame = Math.abs(position - this.#drawn) < 1;
    if (isSame && this.#view.isSettled) return;
    this.#drawn = position;
    this.#lastDraw = now;
    this.#view.draw(this, position / hop, now);
    this.changed = this.end;
    this.#place(position);
    const scene = $('scene');
    scene.setAttribute('aria-valuemax', String(Math.round(this.#player.written / rate)));
    scene.setAttribute('aria-valuenow', String(Math.round(position / rate)));
    scene.setAttribute('aria-valuetext',
      this.end === 0 ? 'nothing plays' : `${time(position / rate)}: ${this.markAt(position)?.text ?? ''}`);
  }

  /** Labels stand where the view says: hertz at the side, seconds at the front, flags at changes. */
  #place(position) {
    const seen = new Set();
    const show = (key, make, point) => {
      if (!point) return;
      seen.add(key);
      let label = this.#labels.get(key);
      if (!label) {
        label = make();
        this.#labels.set(key, label);
        $('labels').append(label);
      }
      label.style.transform = `translate(${point.x.toFixed(1)}px, ${point.y.toFixed(1)}px)`;
      label.style.opacity = String(point.alpha ?? 1);
    };
    const seconds = position / rate;
    if (this.end > 0) {
      for (const hertz of [100, 250, 500, 1000, 2000, 4000, 8000]) {
        const text = hertz < 1000 ? String(hertz) : `${hertz / 1000}k`;
        show(`hz${hertz}`, () => h('span', { class: 'axis' }, hertz === 100 ? '100 Hz' : text), this.#view.atFrequency(hertz));
      }
      for (let second = Math.ceil(seconds - past); second <= seconds + future; second += 1) {
        if (second < 0 || second % 2) continue;
        show(`s${second}`, () => h('span', { class: 'axis second' }, `${second} s`), this.#view.atSecond(second - seconds));
      }
      for (const mark of this.marks) {
        const offset = mark.frame / rate - seconds;
        if (offset < -past || offset > future) continue;
        show(mark.key, () => h('span', { class: 'flag' }, h('b', {}, mark.text), mark.detail ? h('small', {}, mark.detail) : null),
          this.#view.atFlag(offset));
      }
    }
    for (const [key, label] of this.#labels) {
      if (seen.has(key)) continue;
      label.remove();
      this.#labels.delete(key);
    }
  }

  #hearAgain(event) {
    if (this.end === 0) return;
    const box = $('scene').getBoundingClientRect();
    const offset = this.#view.secondsAt(event.clientX - box.left, event.clientY - box.top);
    if (offset === null) return;
    this.#player.jump(Math.max(this.#player.first, this.#player.position + offset * rate));
  }
}
