// What the user has set, kept in this browser, and the pane that sets it.

import { $, h } from './dom.js';

const key = 'riff-settings';
const standard = {
  model: '', negative: '', seed: '', locksSeed: false, steps: '', guidance: '', scheduler: '', seconds: '10', strength: '',
  bpm: '', bars: '', quality: '', hold: '16', volume: 1, lora: '', loraWeight: '1', kind: 'jam',
};

/** What a press of Play makes. */
const kinds = [['jam', 'music that goes on'], ['pieces', 'piece after piece'], ['loop', 'a loop, round and round']];

/** How far each part is painted anew over what was played, in riffusion's words. */
const denoising = [
  ['', 'as the model likes it'], ['0.5', 'keep it on beat'], ['0.65', 'get a little loose'], ['0.8', 'live dangerously'],
  ['1', 'what is tempo?'],
];

export class Settings extends EventTarget {
  values = { ...standard };
  models = [];

  constructor() {
    super();
    try {
      Object.assign(this.values, JSON.parse(localStorage.getItem(key) ?? '{}'));
    } catch {
      // What was kept is damaged: the standard values do.
    }
  }

  set(name, value) {
    if (this.values[name] === value) return;
    this.values[name] = value;
    localStorage.setItem(key, JSON.stringify(this.values));
    this.#show(name);
    this.dispatchEvent(new CustomEvent('change', { detail: name }));
  }

  /** What was set from elsewhere (a link, a controller) is seen in the pane. */
  #show(name) {
    const input = $(`set-${name}`);
    if (!input || input.type === 'checkbox' || input === document.activeElement) return;
    const value = String(this.values[name]);
    if (input.tagName === 'SELECT' && ![...input.options].some((option) => option.value === value)) {
      input.append(h('option', { value }, value));
    }
    input.value = value;
  }

  /** The same for a piece of its own: its length, in seconds or in bars, and whether it joins its beginning. */
  pieceRequest() {
    const { values } = this;
    const request = this.request();
    if (values.bpm !== '') request.bpm = Number(values.bpm);
    if (values.bars !== '') request.bars = Number(values.bars);
    else request.durationSeconds = Number(values.seconds) || 10;
    if (values.kind === 'loop') request.loop = true;
    return request;
  }

  /** GenerateRequest's fields, in proto3's JSON; what is unset is the model's own. */
  request() {
    const { values } = this;
    const request = {};
    if (values.model) request.model = values.model;
    if (values.negative) request.negativePrompt = values.negative;
    if (values.seed !== '' && values.locksSeed) request.seed = values.seed;
    if (values.steps !== '') request.steps = Number(values.steps);
    if (values.guidance !== '') request.guidanceScale = Number(values.guidance);
    if (values.scheduler) request.scheduler = values.scheduler;
    if (values.quality) request.quality = values.quality;
    if (values.lora) request.loras = [{ name: values.lora, ...(values.loraWeight === '' ? {} : { weight: Number(values.loraWeight) }) }];
    return request;
  }

  /** The model that makes the music; null until the models are known. */
  get model() { return this.models.find((model) => model.name === this.values.model) ?? this.models[0] ?? null; }

  build() {
    const pane = $('pane-settings');
    const model = this.model;
    const field = (name, label, input, help) => {
      input.id = `set-${name}`;
      return h('div', { class: 'row' }, h('label', { for: input.id }, label), input, help ? h('small', {}, help) : null);
    };
    const number = (name, label, range, help) => field(name, label, h('input', {
      type: 'number', min: String(range[0]), max: String(range[1]), step: range[2] ?? 'any', value: String(this.values[name]),
      placeholder: range[3] === undefined ? '' : String(range[3]),
      onchange: (event) => {
        if (event.target.checkValidity()) this.set(name, event.target.value);
        else event.target.reportValidity();
      },
    }), help);
    const select = (name, label, choices, help) => field(name, label, h('select', {
      onchange: (event) => this.set(name, event.target.value),
    }, [...choices, ...(choices.some(([value]) => value === this.values[name]) || !this.values[name] ? [] : [[this.values[name], this.values[name]]])].map(([value, text]) => h('option', { value, selected: this.values[name] === value }, text))), help);
    pane.replaceChildren(
      h('div', { class: 'grid' },
        select('kind', 'Play makes', kinds),
        select('model', 'Model', this.models.filter((each) => !each.problem)
          .map((each, index) => [index === 0 ? '' : each.name, each.name])),
        select('strength', 'Denoising', denoising, 'How far each part is painted anew over what was just played.'),
        number('guidance', 'Guidance', [0, 100, 'any', model?.defaultGuidanceScale], 'How strictly the words are followed.'),
        number('steps', 'Steps', [1, 1000, '1', model?.defaultSteps], 'More take longer.'),
        number('bpm', 'Tempo, beats a minute', [30, 300, 'any', 'from the prompt']),
        number('seconds', 'Length of a piece or loop, seconds', [1, 600, 'any']),
        number('bars', 'Or in bars of four beats', [1, 1024, '1', 'seconds'], 'Needs a tempo. Exact to the sample.'),
        number('hold', 'A queued prompt plays for, seconds', [2, 3600, 'any']),
        select('scheduler', 'Sampler', [['', 'the model’s own'], ...(model?.schedulers ?? []).map((name) => [name, name])]),
        select('quality', 'Quality of the sound', [['', 'normal'], ['QUALITY_DRAFT', 'draft'], ['QUALITY_BEST', 'best']]),
        field('lora', 'LoRA', h('input', {
          value: this.values.lora, maxlength: '256', placeholder: 'none', spellcheck: 'false', autocapitalize: 'off',
          onchange: (event) => this.set('lora', event.target.value.trim()),
        }), 'As riffd --lora NAME=FILE names it.'),
        number('loraWeight', 'How much of it', [-10, 10, 'any']),
        field('negative', 'Steer away from', h('input', {
          value: this.values.negative, maxlength: '2000', onchange: (event) => this.set('negative', event.target.value),
        })),
        h('div', { class: 'row' },
          h('label', { for: 'set-seed' }, 'Seed'),
          h('div', { class: 'pair' },
            h('input', {
              id: 'set-seed', inputmode: 'numeric', pattern: '[0-9]{1,20}', value: this.values.seed, placeholder: 'by chance',
              onchange: (event) => {
                if (!event.target.checkValidity()) return event.target.reportValidity();
                this.set('seed', event.target.value);
                if (event.target.value !== '') this.set('locksSeed', true);
                $('set-lock').checked = this.values.locksSeed;
                return undefined;
              },
            }),
            h('label', { class: 'check' }, h('input', {
              id: 'set-lock', type: 'checkbox', checked: this.values.locksSeed,
              onchange: (event) => this.set('locksSeed', event.target.checked),
            }), 'keep it'))),
        h('div', { class: 'row' },
          h('label', { for: 'set-volume' }, 'Volume'),
          h('input', {
            id: 'set-volume', type: 'range', min: '0', max: '1', step: '0.01', value: String(this.values.volume),
            oninput: (event) => this.set('volume', Number(event.target.value)),
          }))),
      h('p', { class: 'foot' }, model ? `${model.name}: ${model.description}` : 'The daemon’s models are not known yet.',
        h('br'), h('span', { id: 'figures' })));
  }

  /** The seed that was used, shown and kept where it is locked. */
  used(seed) {
    if (this.values.locksSeed && this.values.seed !== '') return;
    this.values.seed = String(seed);
    const input = $('set-seed');
    if (input && document.activeElement !== input) input.value = this.values.seed;
  }
}
