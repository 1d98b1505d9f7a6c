// What was heard in this visit: played again, made again, downloaded, linked to.

import { download, get } from './api.js';
import { $, h, notice, time } from './dom.js';

const formats = ['opus', 'wav', 'flac', 'mp3'];

/** Samples of a WAV file of 32-bit floats. */
export async function readWAV(blob) {
  const bytes = await blob.arrayBuffer();
  const view = new DataView(bytes);
  let at = 12;
  let channels = 1;
  while (at + 8 <= view.byteLength) {
    const kind = view.getUint32(at);
    const size = view.getUint32(at + 4, true);
    if (kind === 0x666d7420) channels = view.getUint16(at + 10, true);
    if (kind === 0x64617461) {
      const count = Math.min(size, view.byteLength - at - 8) >> 2;
      return { samples: new Float32Array(bytes.slice(at + 8, at + 8 + 4 * count)), channels };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error('the take is not a WAV file');
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  h('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

/** As riff names files: church-bells-7. */
const stem = (prompt, seed) => [prompt.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').slice(0, 60) || 'riff', seed]
  .filter(Boolean).join('-');

export class TakeList {
  #known = new Map();
  #told;

  /** @param told has `playAgain(samples, channels, text, detail)`, `makeAgain(take)` and `link(take)`. */
  constructor(told) { this.#told = told; }

  /** What the page knows of a take besides: the request that made it, its pictures. */
  note(id, details) {
    this.#known.set(id, details);
    this.refresh();
  }

  async refresh() {
    let takes;
    try {
      takes = await get('/api/takes');
    } catch {
      return;
    }
    const pane = $('pane-takes');
    if (takes.length === 0) {
      pane.replaceChildren(h('p', { class: 'empty' }, 'What you have heard is kept here while riff-web runs, the last 200 MB of it: play it again, download it, or link to it.'));
      return;
    }
    pane.replaceChildren(h('ol', { class: 'takes' }, takes.reverse().map((take) => this.#row(take))));
  }

  #row(take) {
    const value = (name) => take.settings.find((setting) => setting.name === name)?.value ?? '';
    const known = this.#known.get(take.id) ?? {};
    const prompt = known.title || value('prompt') || value('file_name') || take.method;
    const seed = value('seed');
    const get = (format) => async () => {
      try {
        save(await download(`/api/takes/${take.id}/${format}`), `${stem(prompt, seed)}.${format}`);
      } catch (error) {
        notice(error.message);
      }
    };
    return h('li', { class: 'take', 'data-id': String(take.id) },
      h('button', {
        class: 'quiet round', 'aria-label': `Play “${prompt}” again`, title: 'Play again',
        onclick: async () => {
          try {
            const { samples, channels } = await readWAV(await download(`/api/takes/${take.id}/wav`));
            this.#told.playAgain(samples, channels, prompt, seed ? `seed ${seed}, again` : 'again');
          } catch (error) {
            notice(error.message);
          }
        },
      }, h('span', { 'aria-hidden': 'true' }, '▶')),
      h('div', { class: 'what' }, h('b', {}, prompt),
        h('small', {}, [time(take.seconds), take.method === 'Generate' ? '' : take.method.toLowerCase(), seed && `seed ${seed}`, value('model')]
          .filter(Boolean).join(' · ')),
        h('div', { class: 'actions' },
          formats.map((format) => h('button', { class: 'small', onclick: get(format) }, format)),
          known.pictures?.length ? h('button', {
            class: 'small', onclick: () => known.pictures.forEach((picture, i) => save(picture, `${stem(prompt, seed)}${i ? `-${i + 1}` : ''}.png`)),
          }, 'png') : null,
          known.request ? h('button', { class: 'small', onclick: () => this.#told.link(known) }, 'link') : null,
          known.request ? h('button', { class: 'small', onclick: () => this.#told.makeAgain(known) }, 'with another seed') : null)));
  }
}
