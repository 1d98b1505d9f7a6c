// A link to this moment: all parameters in the fragment, which no server sees, and no token among them.

const names = {
  model: 'model', negative: 'not', seed: 'seed', steps: 'steps', guidance: 'guidance', scheduler: 'sampler', seconds: 'seconds',
  strength: 'strength', bpm: 'bpm', bars: 'bars', kind: 'makes', quality: 'quality', lora: 'lora', loraWeight: 'lora-weight',
};

/** The fragment of prompts (`[{prompt, weight}]`), a kind ("jam" or "piece") and settings. */
export function write({ kind, prompts, settings, request }) {
  const fields = new URLSearchParams({ kind });
  for (const { prompt, weight } of prompts) {
    fields.append('p', prompt);
    if (prompts.length > 1) fields.append('w', String(Number(weight.toFixed(3))));
  }
  for (const [name, short] of Object.entries(names)) {
    const value = settings[name];
    if (value !== '' && value !== undefined && value !== null) fields.set(short, String(value));
  }
  // A finished take is made again exactly: the very request.
  if (request) fields.set('request', JSON.stringify(request));
  return `#${fields}`;
}

/** What a fragment says; null where it says nothing of ours. */
export function read(fragment) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  const token = fields.get('enter');
  const texts = fields.getAll('p').slice(0, 64);
  const weights = fields.getAll('w').map(Number);
  const settings = {};
  for (const [name, short] of Object.entries(names)) {
    if (fields.has(short)) settings[name] = fields.get(short).slice(0, 8192);
  }
  let request = null;
  try {
    request = JSON.parse(fields.get('request') ?? 'null');
  } catch {
    // Not ours: the other fields do.
  }
  return {
    token,
    moment: texts.length === 0 ? null : {
      kind: fields.get('kind') === 'jam' ? 'jam' : 'piece',
      prompts: texts.map((prompt, i) => ({ prompt: prompt.slice(0, 8192), weight: weights[i] > 0 ? weights[i] : 1 })),
      settings, request,
    },
  };
}

/** The fragment without its token. */
export function withoutToken(fragment) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  fields.delete('enter');
  const rest = String(fields);
  return rest ? `#${rest}` : '';
}
