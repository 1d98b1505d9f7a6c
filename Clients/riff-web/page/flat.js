// The same as a flat picture, which stands still while it is drawn: for who wants less motion, or has no WebGL 2.

import { bands, columns, future, hop, past, shareOf } from './spectrum.js';
import { rate } from './player.js';

const stops = [[0, 250, 46, 122], [0.34, 255, 158, 66], [0.68, 92, 219, 189], [1, 84, 140, 255]];

function hue(share) {
  const next = stops.findIndex((stop) => stop[0] >= share);
  const [a, b] = [stops[Math.max(0, next - 1)], stops[Math.max(1, next)]];
  const t = (share - a[0]) / (b[0] - a[0] || 1);
  return [1, 2, 3].map((i) => a[i] + (b[i] - a[i]) * t);
}

export class Flat {
  #canvas = document.createElement('canvas');
  #paint = this.#canvas.getContext('2d');
  isSettled = true;
  kind = 'flat';
  triangles = 0;
  /** The picture turns its page rather than scroll. */
  interval = 250;

  constructor(parent) {
    parent.append(this.#canvas);
  }

  draw(timeline, column) {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width || !height) return;
    const perSecond = rate / hop;
    const span = Math.round((past + future) * perSecond);
    if (this.#canvas.width !== span || this.#canvas.height !== bands) [this.#canvas.width, this.#canvas.height] = [span, bands];
    const first = Math.round(column - past * perSecond);
    const image = this.#paint.createImageData(span, bands);
    const isLight = matchMedia('(prefers-color-scheme: light)').matches;
    const ground = isLight ? [244, 241, 234] : [8, 9, 15];
    for (let y = 0; y < bands; y += 1) {
      const band = bands - 1 - y;
      const tone = hue(band / (bands - 1));
      for (let x = 0; x < span; x += 1) {
        const at = first + x;
        const level = at < 0 || at >= timeline.end ? 0 : (timeline.levels[(at % columns) * bands + band] / 255) ** 1.6;
        const dim = at > column ? 0.4 : 1;
        const index = (y * span + x) * 4;
        for (let i = 0; i < 3; i += 1) image.data[index + i] = ground[i] + (tone[i] - ground[i]) * level * dim;
        image.data[index + 3] = 255;
      }
    }
    this.#paint.putImageData(image, 0, 0);
    this.#paint.fillStyle = isLight ? '#1b1c22' : '#fff';
    this.#paint.fillRect(Math.round(column) - first, 0, 1, bands);
  }

  #box() { return { width: this.#canvas.clientWidth, height: this.#canvas.clientHeight }; }

  atFrequency(hertz) {
    const { height } = this.#box();
    return { x: 8, y: (1 - shareOf(hertz)) * height - 8 };
  }

  atSecond(offset) {
    const { width, height } = this.#box();
    return { x: ((offset + past) / (past + future)) * width, y: height - 20 };
  }

  atFlag(offset) {
    const { width } = this.#box();
    return { x: ((offset + past) / (past + future)) * width, y: 12 };
  }

  secondsAt(x) { return (x / this.#box().width) * (past + future) - past; }
}
