// Your clip: dropped or recorded, painted over by what the prompt says; before and after on one cursor; a brush
// for what stays.

import { job } from './api.js';
import { h, notice, time, $ } from './dom.js';
import { Spectrum, bands } from './spectrum.js';
import { rate } from './player.js';

const turn = 2400;
const longest = 600;

/** A WAV file of 16-bit samples. */
function wav(samples) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, word) => [...word].forEach((sign, i) => view.setUint8(at + i, sign.charCodeAt(0)));
  text(0, 'RIFF');
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, 'data');
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(44 + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, sample))), true));
  return new File([view.buffer], 'microphone.wav', { type: 'audio/wav' });
}

/** Interleaved samples that grow. */
class Sound {
  parts = [];
  frames = 0;
  constructor(channels = 1) { this.channels = channels; }

  push(samples) {
    this.parts.push(samples);
    this.frames += samples.length / this.channels;
  }

  /** From a frame on, in one. */
  from(frame, count = this.frames - frame) {
    const out = new Float32Array(Math.max(0, Math.min(count, this.frames - frame)) * this.channels);
    let at = -frame * this.channels;
    for (const part of this.parts) {
      const [begin, end] = [Math.max(0, -at), Math.min(part.length, out.length - at)];
      if (begin < end) out.set(part.subarray(begin, end), at + begin);
      at += part.length;
    }
    return out;
  }
}

export class Clip {
  #with;
  #file = null;
  #before = null;
  #after = null;
  #side = 'after';
  #base = null;
  #abort = null;
  #mask = null;
  #recording = null;
  #lanes = {};

  constructor(parts) { this.#with = parts; }

  get after() { return this.#after; }
  get before() { return this.#before; }

  build() {
    const number = (id, label, value, attributes, help) => h('div', { class: 'row' }, h('label', { for: id }, label),
      h('input', { id, type: 'number', value, step: 'any', ...attributes }), help ? h('small', {}, help) : null);
    const file = h('input', { type: 'file', id: 'clip-file', class: 'hidden', accept: 'audio/*,image/png,image/jpeg,.flac,.opus,.ogg,.aiff',
      onchange: (event) => event.target.files[0] && this.open(event.target.files[0]) });
    $('pane-clip').replaceChildren(
      file,
      h('label', { for: 'clip-file', class: 'drop', id: 'clip-drop', tabindex: '0',
        onkeydown: (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); file.click(); } } },
        h('b', { id: 'clip-name' }, 'Drop a song, a loop or a spectrogram here'), h('small', { id: 'clip-about' }, 'or press to choose one')),
      h('div', { class: 'actions' }, h('button', { class: 'small', id: 'clip-record', onclick: () => this.record() }, 'Record the microphone')),
      h('div', { id: 'clip-work', hidden: true },
        h('div', { class: 'lanes', id: 'clip-lanes' },
          this.#lanes.before = h('canvas', { height: bands, width: 400, 'aria-label': 'The clip before' }),
          this.#lanes.after = h('canvas', { height: bands, width: 400, 'aria-label': 'The clip after' }),
          this.#lanes.cursor = h('i', { class: 'cursor-line' })),
        h('div', { class: 'segments', role: 'radiogroup', 'aria-label': 'What is heard' },
          ['before', 'after'].map((side) => h('button', { role: 'radio', id: `clip-${side}`, 'aria-checked': String(side === this.#side),
            onclick: () => this.choose(side) }, side === 'before' ? 'Before' : 'After'))),
        h('div', { class: 'grid' },
          h('div', { class: 'row wide' }, h('label', { for: 'clip-prompt' }, 'What it becomes'),
            h('input', { id: 'clip-prompt', maxlength: '2000', placeholder: 'gospel choir' })),
          h('div', { class: 'row wide' }, h('label', { for: 'clip-strength' }, 'Strength ', h('output', { id: 'clip-strength-value' }, '0.60')),
            h('input', { id: 'clip-strength', type: 'range', min: '0', max: '1', step: '0.05', value: '0.6',
              oninput: (event) => { $('clip-strength-value').textContent = Number(event.target.value).toFixed(2); } }),
            h('small', {}, 'At 0.4 it is still your clip; at 0.8 the asked instrument plays its rhythm.')),
          number('clip-start', 'From, seconds', '0', { min: '0' }),
          number('clip-length', 'Length, seconds', '', { min: '0.1', max: String(longest), placeholder: 'all' }),
          number('clip-bpm', 'Bring it to, beats a minute', '', { min: '30', max: '300', placeholder: 'its own' }),
          number('clip-extend', 'Continue it for, seconds', '', { min: '0.1', max: '3600', placeholder: 'not' },
            'The clip stays as it is, and goes on; the strength does not count.')),
        h('div', { class: 'checks' },
          h('label', { class: 'check' }, h('input', { id: 'clip-groove', type: 'checkbox', checked: true }), 'keep its groove'),
          h('label', { class: 'check' }, h('input', { id: 'clip-extend-before', type: 'checkbox' }), 'continue it backwards'),
          h('label', { class: 'check' }, h('input', { id: 'clip-loop', type: 'checkbox' }), 'play it round and round'),
          h('label', { class: 'check' }, h('input', { id: 'clip-brush', type: 'checkbox', onchange: (event) => this.#brush(event.target.checked) }),
            'paint only a part')),
        h('div', { id: 'clip-mask', hidden: true },
          h('p', { class: 'lead' }, 'Brush over what is to be painted anew; the rest stays. One window of the clip, from where “From” says.'),
          h('div', { class: 'mask', id: 'mask-area' }),
          h('div', { class: 'actions' },
            h('button', { class: 'small', onclick: () => this.#fillMask(true) }, 'All'),
            h('button', { class: 'small', onclick: () => this.#fillMask(false) }, 'Nothing'),
            h('label', { class: 'check' }, 'Brush ', h('input', { id: 'mask-size', type: 'range', min: '4', max: '60', value: '22', 'aria-label': 'Size of the brush' })))),
        h('div', { class: 'actions' }, h('button', { class: 'go', id: 'clip-make', onclick: () => this.make() }, 'Make it')),
        h('p', { class: 'foot', id: 'clip-progress', role: 'status' })));
    const lanes = $('clip-lanes');
    lanes.addEventListener('click', (event) => {
      const box = lanes.getBoundingClientRect();
      this.#playFrom(Math.round(((event.clientX - box.left) / box.width) * this.#length()));
    });
    setInterval(() => this.#tick(), 60);
  }

  async open(file) {
    this.#abort?.abort();
    this.#file = file;
    this.#before = null;
    this.#after = null;
    this.#base = null;
    this.#mask = null;
    $('clip-work').hidden = false;
    $('clip-name').textContent = file.name;
    $('clip-about').textContent = `${(file.size / 1e6).toFixed(2)} MB`;
    $('clip-progress').textContent = '';
    $('clip-brush').checked = false;
    $('clip-mask').hidden = true;
    if (!$('clip-prompt').value) $('clip-prompt').value = this.#with.prompt();
    if (!file.type.startsWith('image/') && file.size < 300e6) {
      try {
        const decoded = await new OfflineAudioContext(1, 1, rate).decodeAudioData(await file.arrayBuffer());
        if (this.#file !== file) return;
        const channels = Math.min(2, decoded.numberOfChannels);
        const samples = new Float32Array(decoded.length * channels);
        for (let channel = 0; channel < channels; channel += 1) {
          const data = decoded.getChannelData(channel);
          for (let i = 0; i < data.length; i += 1) samples[i * channels + channel] = data[i];
        }
        this.#before = new Sound(channels);
        this.#before.push(samples);
        $('clip-about').textContent = `${time(decoded.duration)}, ${channels === 2 ? 'stereo' : 'mono'}`;
        if (decoded.duration > longest) $('clip-length').value = String(longest);
      } catch {
        // The browser does not decode it; the daemon may, and says what is wrong if it does not either.
      }
    }
    this.redraw();
  }

  /** Ends what is being made. */
  stop() { this.#abort?.abort(); }

  async record() {
    const button = $('clip-record');
    if (this.#recording) {
      this.#recording.stop();
      return;
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
      await this.#with.player.start();
      const { context } = this.#with.player;
      const source = context.createMediaStreamSource(stream);
      const tap = new AudioWorkletNode(context, 'tap', { numberOfOutputs: 0 });
      const parts = [];
      tap.port.onmessage = ({ data }) => {
        parts.push(data);
        button.textContent = `Stop (${time((parts.length * 128) / rate)})`;
        if (parts.length * 128 > 60 * rate) this.#recording?.stop();
      };
      source.connect(tap);
      button.textContent = 'Stop';
      this.#recording = {
        stop: () => {
          this.#recording = null;
          source.disconnect();
          for (const track of stream.getTracks()) track.stop();
          button.textContent = 'Record the microphone';
          const samples = new Float32Array(parts.length * 128);
          parts.forEach((part, i) => samples.set(part, i * 128));
          this.open(wav(samples));
        },
      };
    } catch (error) {
      notice(error.name === 'NotAllowedError' ? 'The browser does not let this page hear the microphone.' : `The microphone cannot be heard: ${error.message}`);
    }
  }

  async make() {
    const prompt = $('clip-prompt').value.trim();
    if (!prompt) {
      $('clip-prompt').focus();
      notice('Say in a few words what the clip is to become.');
      return;
    }
    const { player, settings, takes, timeline, stopMaking, begin, setState } = this.#with;
    stopMaking();
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    const value = (id) => ($(id).value === '' ? null : Number($(id).value));
    const options = { generate: { ...settings.request(), prompt }, fileName: this.#file.name.slice(0, 200), strength: value('clip-strength') };
    const isPicture = this.#file.type.startsWith('image/');
    const usesMask = this.#mask && $('clip-brush').checked;
    if (usesMask) {
      options.mask = await this.#maskBytes();
      options.startSeconds = value('clip-start') ?? 0;
    } else if (value('clip-extend')) {
      options.extendSeconds = value('clip-extend');
      if ($('clip-extend-before').checked) options.extendBefore = true;
      delete options.strength;
    } else if (!isPicture) {
      options.span = { startSeconds: value('clip-start') ?? 0 };
      if (value('clip-length')) options.span.durationSeconds = value('clip-length');
      options.keep = $('clip-groove').checked ? 'KEEP_GROOVE' : 'KEEP_NOTHING';
    }
    if (value('clip-bpm')) options.stretchToBpm = value('clip-bpm');
    const progress = $('clip-progress');
    progress.textContent = 'Sending the clip';
    const extend = options.extendSeconds ?? 0;
    // Longer ones have no picture.
    const wantSpectrogram = !options.span && extend <= 600;
    this.#offset = Math.round((extend ? (options.extendBefore ? -extend : 0) : (value('clip-start') ?? 0)) * rate);
    let started = null;
    let after = null;
    const pictures = [];
    await begin(async () => {
      try {
        for await (const { event, samples, channels, picture } of job('remix', { ...options, generate: { ...options.generate, wantSpectrogram } },
          { file: this.#file, signal: abort.signal })) {
          if (event?.started) started = event.started;
          if (event?.warning) notice(event.warning);
          if (event?.progress) progress.textContent = this.#words(event.progress);
          if (event?.take) takes.note(event.take, { prompt, title: `${this.#file.name} → ${prompt}`, seed: started?.seed, pictures });
          if (picture) pictures.push(picture);
          if (!samples) continue;
          if (!after) {
            after = new Sound(channels);
            this.#after = after;
            this.#mark('after');
            const at = player.soonest;
            this.#base = { at, clip: 0 };
            player.push(samples, channels, { at, fade: player.ahead > 0.05 ? turn : 0 });
            player.expect(true);
            timeline.mark(at, prompt, `${this.#file.name}, ${options.extendSeconds ? `${options.extendSeconds} s more` : `strength ${options.strength}`}, seed ${started?.seed ?? ''}`);
            setState('playing');
          } else if (this.#side === 'after') player.push(samples, channels);
          after.push(samples);
        }
        progress.textContent = `Made with seed ${started?.seed ?? ''}.`;
      } catch (error) {
        if (abort.signal.aborted) return;
        progress.textContent = '';
        notice(`${this.#file.name}: ${error.violations?.length ? error.violations.map((each) => each.description).join('; ') : error.message}`, true);
      } finally {
        if (this.#abort === abort) this.#abort = null;
        player.expect(false);
        this.redraw();
      }
    });
  }

  #offset = 0;

  #words({ stage, step, steps, window, windows, secondsLeft }) {
    const words = { STAGE_QUEUED: 'Waiting', STAGE_LOADING: 'Reading the model', STAGE_ENCODING: 'Reading the clip', STAGE_DENOISING: 'Painting', STAGE_DECODING: 'Decoding', STAGE_SOUND: 'Sound' };
    return [words[stage] ?? '', steps ? `${step ?? 0} of ${steps}` : '', windows ? `window ${window} of ${windows}` : '',
      secondsLeft > 1 ? `${Math.round(secondsLeft)} s left` : ''].filter(Boolean).join(', ');
  }

  #mark(side) {
    this.#side = side;
    for (const each of ['before', 'after']) $(`clip-${each}`).setAttribute('aria-checked', String(each === side));
  }

  /** Before or after, from the same place on. */
  choose(side) {
    if (!this.#sound(side)) {
      notice(side === 'before' ? 'The browser cannot play this file itself.' : 'Make it first.');
      return;
    }
    const now = this.#clipFrame();
    this.#mark(side);
    this.#playFrom(now ?? 0);
  }

  #sound(side) { return side === 'before' ? this.#before : this.#after; }
  #length() { return Math.max(1, this.#after?.frames ?? 0, this.#after ? 0 : (this.#before?.frames ?? 0)); }

  /** Where the cursor is in what was made; null where other music plays. */
  #clipFrame(at = this.#with.player.position) {
    if (!this.#base) return null;
    const frame = at - this.#base.at + this.#base.clip;
    return frame >= 0 && frame <= this.#length() ? frame : null;
  }

  #playFrom(frame) {
    const sound = this.#sound(this.#side) ?? this.#before;
    if (!sound) return;
    const { player, timeline, stopMaking, begin, setState } = this.#with;
    stopMaking();
    begin(async () => {
      const at = player.soonest;
      // The clip may begin before the part that was made of it.
      const shift = sound === this.#before && this.#after ? this.#offset : 0;
      const start = Math.max(0, Math.round(frame));
      const rest = sound.from(start + shift, Math.max(0, this.#length() - start));
      if (rest.length === 0) return;
      this.#base = { at, clip: start };
      player.push(rest, sound.channels, { at, fade: player.ahead > 0.05 ? turn : 0 });
      player.expect(this.#abort !== null && this.#side === 'after');
      timeline.mark(at, this.#file.name, this.#side);
      setState('playing');
    });
  }

  #tick() {
    const frame = this.#clipFrame();
    const line = this.#lanes.cursor;
    line.hidden = frame === null;
    if (frame === null) return;
    line.style.left = `${(100 * frame) / this.#length()}%`;
    if ($('clip-loop').checked && !this.#abort && this.#with.player.ahead < 0.15 && frame >= this.#length() - 0.3 * rate) this.#playFrom(0);
  }

  redraw() {
    if ($('pane-clip').hidden) return;
    const shift = this.#after ? this.#offset : 0;
    this.#paint(this.#lanes.before, this.#before, shift, this.#length());
    this.#paint(this.#lanes.after, this.#after, 0, this.#length());
  }

  #paint(canvas, sound, from, length) {
    const paint = canvas.getContext('2d');
    paint.clearRect(0, 0, canvas.width, canvas.height);
    if (!sound) return;
    const image = paint.createImageData(canvas.width, bands);
    const spectrum = new Spectrum();
    const isLight = matchMedia('(prefers-color-scheme: light)').matches;
    // A column of the canvas is one look at the sound, however long that is.
    for (let x = 0; x < canvas.width; x += 1) {
      const middle = from + Math.floor(((x + 0.5) / canvas.width) * length);
      if (middle < 0) continue;
      const part = sound.from(Math.max(0, middle - 1920), 3840);
      const mono = Float32Array.from({ length: 3840 }, (_, i) => part[i * sound.channels] ?? 0);
      spectrum.push(mono, mono, (_, levels) => {
        for (let band = 0; band < bands; band += 1) {
          const level = (levels[band] / 255) ** 1.4;
          const at = ((bands - 1 - band) * canvas.width + x) * 4;
          image.data[at] = isLight ? 40 : 255;
          image.data[at + 1] = (isLight ? 20 : 120) + 100 * level;
          image.data[at + 2] = isLight ? 60 : 140 + 115 * (1 - level);
          image.data[at + 3] = 255 * level;
        }
      });
    }
    paint.putImageData(image, 0, 0);
  }

  // MARK: the brush

  async #brush(isOn) {
    $('clip-mask').hidden = !isOn;
    if (!isOn) return;
    const { settings } = this.#with;
    const { model } = settings;
    if (!model) return;
    const area = $('mask-area');
    const canvas = h('canvas', { width: model.defaultWidth, height: model.defaultHeight, id: 'mask', tabindex: '0',
      'aria-label': 'Mask: brush over what is to be painted anew. With the keyboard: All or Nothing below.' });
    area.replaceChildren(canvas);
    this.#mask = canvas;
    const paint = canvas.getContext('2d');
    let last = null;
    const dab = (event) => {
      const box = canvas.getBoundingClientRect();
      const point = { x: ((event.clientX - box.left) / box.width) * canvas.width, y: ((event.clientY - box.top) / box.height) * canvas.height };
      paint.globalCompositeOperation = event.shiftKey || event.buttons === 2 ? 'destination-out' : 'source-over';
      paint.strokeStyle = '#ff4f8b';
      paint.lineCap = 'round';
      paint.lineWidth = Number($('mask-size').value);
      paint.beginPath();
      paint.moveTo(last?.x ?? point.x, last?.y ?? point.y);
      paint.lineTo(point.x, point.y + 0.01);
      paint.stroke();
      last = point;
    };
    canvas.addEventListener('pointerdown', (event) => { event.preventDefault(); canvas.setPointerCapture(event.pointerId); last = null; dab(event); });
    canvas.addEventListener('pointermove', (event) => { if (event.buttons) dab(event); });
    canvas.addEventListener('contextmenu', (event) => event.preventDefault());
    // The model's own picture of that window, to paint on.
    try {
      const seconds = (model.defaultWidth * (model.spectrogram?.stepMs ?? 10)) / 1000;
      const options = { spectrogram: model.spectrogram, span: { startSeconds: Number($('clip-start').value) || 0, durationSeconds: seconds } };
      if (this.#file.type.startsWith('image/')) area.prepend(h('img', { src: URL.createObjectURL(this.#file), alt: '' }));
      else {
        for await (const { picture } of job('analyze', options, { file: this.#file })) {
          if (picture) area.prepend(h('img', { src: URL.createObjectURL(picture), alt: '' }));
        }
      }
    } catch (error) {
      notice(error.message);
    }
  }

  #fillMask(isOn) {
    const paint = this.#mask?.getContext('2d');
    if (!paint) return;
    paint.globalCompositeOperation = 'source-over';
    paint.clearRect(0, 0, this.#mask.width, this.#mask.height);
    paint.fillStyle = '#ff4f8b';
    if (isOn) paint.fillRect(0, 0, this.#mask.width, this.#mask.height);
  }

  /** White where it was brushed, black elsewhere, as PNG in base64. */
  async #maskBytes() {
    const { width, height } = this.#mask;
    const brushed = this.#mask.getContext('2d').getImageData(0, 0, width, height);
    const canvas = new OffscreenCanvas(width, height);
    const paint = canvas.getContext('2d');
    for (let i = 0; i < brushed.data.length; i += 4) {
      const grey = brushed.data[i + 3];
      brushed.data.set([grey, grey, grey, 255], i);
    }
    paint.putImageData(brushed, 0, 0);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer());
    let text = '';
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
  }
}
