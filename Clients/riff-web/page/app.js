// The page: what a press does, what is said, and how the parts meet.

import { enter, get, isKnown } from './api.js';
import { $, h, notice, time } from './dom.js';
import { Clip } from './clip.js';
import { Jam, title } from './jam.js';
import * as link from './link.js';
import { useMIDI } from './midi.js';
import { Pieces } from './piece.js';
import { Player, rate } from './player.js';
import { first, sample } from './prompts.js';
import { Settings } from './settings.js';
import { Surface } from './surface.js';
import { TakeList } from './takes.js';
import { Timeline } from './timeline.js';

const player = new Player();
const settings = new Settings();
const timeline = new Timeline(player);
const surface = new Surface();
/** Prompts that come next. */
let queue = [];
/** What is asked for now: `[{prompt, weight}]`. */
let wanted = [];
let hasJams = true;
let moment = null;
let lastRequest = null;
/** Times of this visit, for the tests and for who looks: in milliseconds. */
const measures = { opened: 0, pressed: 0, sound: null, changes: [] };

const told = {
  using: (started) => settings.used(started.seed),
  begun({ at, prompt, seed, settings: used, pictures = [] }) {
    const isJam = jam.isRunning;
    const request = isJam ? null : { ...lastRequest, prompt, seed: String(seed) };
    settings.used(seed);
    timeline.mark(at, prompt, `seed ${seed}`);
    current = { prompt, seed, request, used, pictures, title: prompt };
    setState('playing');
  },
  changed({ at, fields, asked }) {
    const seed = fields.seed ?? current?.seed ?? '';
    const text = fields.prompts ? title(fields.prompts) : current?.prompt ?? '';
    const other = Object.entries(fields).filter(([name]) => !['prompts', 'seed', 'id'].includes(name))
      .map(([name, value]) => `${{ bpm: 'tempo', strength: 'denoising', guidanceScale: 'guidance', negativePrompt: 'not' }[name] ?? name} ${value}`);
    timeline.mark(at, text, [`seed ${seed}`, ...other].join(', '));
    current = { ...current, prompt: text, seed };
    measures.changes.push({ asked, at, answered: performance.now() });
    shown = null;
  },
  take: (id) => takes.note(id, current ?? {}),
  warning: (text) => notice(text),
  failed(error) {
    notice(error.violations?.length ? error.violations.map((each) => each.description).join('; ') : error.message, true);
    setState('idle');
    check();
  },
  next() {
    if (queue.length > 0) {
      wanted = [{ prompt: queue.shift(), weight: 1 }];
      showQueue();
    }
    if (wanted.length === 0) return null;
    return strongest(wanted);
  },
  hasNext: () => queue.length > 0,
};
let current = null;
const pieces = new Pieces(player, settings, told);
const jam = new Jam(player, told);

const strongest = (prompts) => prompts.reduce((best, each) => (each.weight > best.weight ? each : best)).prompt;

const takes = new TakeList({
  playAgain(samples, channels, text, detail) {
    stopMaking();
    begin(async () => {
      const at = player.soonest;
      player.push(samples, channels, { at, fade: player.ahead > 0.05 ? 5760 : 0 });
      player.expect(false);
      timeline.mark(at, text, detail);
      setState('playing');
    });
  },
  makeAgain(take) {
    const request = { ...take.request };
    delete request.seed;
    play([{ prompt: take.prompt, weight: 1 }], request);
  },
  link: (take) => copyLink(link.write({ kind: 'piece', prompts: [{ prompt: take.prompt, weight: 1 }], settings: {}, request: take.request })),
});

const clip = new Clip({ player, settings, timeline, takes, begin, stopMaking, setState, prompt: () => $('prompt').value.trim() });

// MARK: playing

function stopMaking() {
  pieces.stop();
  jam.stop();
  wanted = [];
}

/** Runs what makes sound, in a gesture: the browser lets sound begin only there. */
async function begin(work) {
  // Firefox waits for ever where there is no sound device.
  const late = setTimeout(() => notice('The browser does not start its sound. Is there a sound device?', true), 5000);
  try {
    if (player.isPaused) player.pause(false);
    await player.start().finally(() => clearTimeout(late));
    await work();
  } catch (error) {
    notice(error.message, true);
  }
}

/** Plays prompts now, in place of what plays. */
function play(prompts, request = null) {
  measures.pressed = performance.now();
  measures.sound = null;
  notice('');
  const isNew = !jam.isRunning || request;
  wanted = prompts;
  heldSince = null;
  if (!isNew) {
    setState('playing');
    if (player.isPaused) player.pause(false);
    jam.change({ prompts });
    return;
  }
  setState('making');
  begin(async () => {
    if (hasJams && !request && settings.values.kind === 'jam') {
      pieces.stop();
      const generate = settings.request();
      if (settings.values.bpm !== '') generate.bpm = Number(settings.values.bpm);
      hasJams = await jam.play(generate, prompts);
      if (hasJams) return;
    }
    jam.stop();
    lastRequest = request ?? settings.pieceRequest();
    await pieces.play(strongest(prompts), request ? { ...request, prompt: strongest(prompts) } : null);
    if (!pieces.isRunning && !jam.isRunning && player.ahead <= 0) setState('idle');
  });
}

function setState(state) {
  document.body.dataset.state = state;
  const isOn = state !== 'idle' && !player.isPaused;
  $('play').setAttribute('aria-label', isOn ? 'Pause' : 'Play');
  document.body.dataset.paused = String(player.isPaused);
  if (state === 'making') {
    $('now-kicker').textContent = 'Making';
    $('now-title').textContent = title(wanted);
    $('now-detail').textContent = '';
    shown = null;
  }
}

function toggle() {
  if (player.isStarted && (jam.isRunning || pieces.isRunning || player.ahead > 0.05)) {
    player.pause(!player.isPaused);
    setState(document.body.dataset.state);
    return;
  }
  const prompt = $('prompt').value.trim();
  if (moment && (!prompt || prompt === strongest(moment.prompts))) {
    const { prompts, request } = moment;
    moment = null;
    play(prompts, request);
    return;
  }
  play([{ prompt: prompt || fill(), weight: 1 }]);
}

function fill() {
  $('prompt').value = sample($('prompt').value);
  return $('prompt').value;
}

function showQueue() {
  $('queue').replaceChildren(...queue.map((prompt, i) => h('li', {}, h('span', {}, prompt),
    h('button', { class: 'quiet tiny', 'aria-label': `Take “${prompt}” out`, onclick: () => { queue.splice(i, 1); showQueue(); } }, '×'))));
}

/** Milliseconds between two ticks that no busy machine explains. */
const longestNap = 20_000;
let heldSince = null;
let shown = null;

let lastTick = Date.now();

/** Four times a second: what is heard now, and whether the queue moves on. */
setInterval(() => {
  const slept = Date.now() - lastTick;
  lastTick = Date.now();
  if (slept > longestNap && !document.hidden && document.body.dataset.state === 'playing') {
    notice(`The machine slept for ${time(slept / 1000)}. If the music has stopped: press play to go on.`, true);
  }
  const mark = timeline.markAt(player.position);
  const state = document.body.dataset.state;
  if (mark && mark !== shown && state !== 'making') {
    shown = mark;
    heldSince = player.position;
    $('now-kicker').textContent = 'Playing';
    $('now-title').textContent = mark.text;
    $('now-detail').textContent = mark.detail;
  }
  if (state === 'playing' && !jam.isRunning && !pieces.isRunning && player.ahead <= 0.02 && !player.isExpecting) {
    setState('idle');
    $('now-kicker').textContent = 'Heard';
  }
  // A queued prompt has its turn, in a jam; pieces ask for it when they end.
  if (jam.isRunning && queue.length > 0 && heldSince !== null && player.position - heldSince > Number(settings.values.hold) * rate) {
    heldSince = null;
    play([{ prompt: queue.shift(), weight: 1 }]);
    showQueue();
  }
  const figures = $('figures');
  if (figures && player.isStarted) {
    figures.textContent = `${player.ahead.toFixed(1)} s ahead · ${player.underruns} underrun${player.underruns === 1 ? '' : 's'}`
      + `${measures.sound === null ? '' : ` · ${Math.round(measures.sound)} ms from press to sound`} · ${timeline.view.kind}`;
  }
}, 250);

player.addEventListener('begin', () => {
  if (measures.sound === null && measures.pressed) measures.sound = performance.now() - measures.pressed;
  if (document.body.dataset.state === 'making') setState('playing');
});
player.addEventListener('underrun', () => {
  $('health').dataset.underruns = String(player.underruns);
  showHealth();
});
player.addEventListener('context', ({ detail }) => {
  if (detail === 'interrupted' || (detail === 'suspended' && !player.isPaused && document.body.dataset.state === 'playing')) {
    notice('The sound device went away or the machine slept. Press play to go on.', true);
  }
});
navigator.mediaDevices?.addEventListener?.('devicechange', () => {
  if (document.body.dataset.state === 'playing') notice('The sound devices have changed.');
  player.context?.resume();
});

// MARK: steering

surface.addEventListener('change', () => {
  if (!jam.isRunning && !pieces.isRunning) return;
  wanted = surface.prompts();
  if (jam.isRunning) jam.change({ prompts: wanted });
});
settings.addEventListener('change', ({ detail: name }) => {
  if (name === 'volume') player.setVolume(settings.values.volume);
  if (name === 'model') settings.build();
  if (!jam.isRunning) return;
  const { values } = settings;
  const changes = {
    negative: () => ({ negativePrompt: values.negative }),
    guidance: () => values.guidance !== '' && { guidanceScale: Number(values.guidance) },
    seed: () => values.seed !== '' && { seed: values.seed },
    bpm: () => values.bpm !== '' && { bpm: Number(values.bpm) },
    strength: () => values.strength !== '' && { strength: Number(values.strength) },
  };
  const change = changes[name]?.();
  if (change) jam.change(change);
});

// MARK: links

function copyLink(fragment) {
  const address = `${location.origin}/${fragment}`;
  history.replaceState(null, '', `/${fragment}`);
  navigator.clipboard.writeText(address).then(
    () => notice('The link is copied. It makes this again, here or with another riff-web.'),
    () => notice(`The address line has the link now.`));
}

function linkNow() {
  const isJam = jam.isRunning;
  const prompts = wanted.length > 0 ? wanted : [{ prompt: $('prompt').value.trim() || current?.prompt || first[0], weight: 1 }];
  const values = { ...settings.values, seed: current?.seed ?? settings.values.seed };
  copyLink(link.write({ kind: isJam ? 'jam' : 'piece', prompts, settings: values, request: isJam ? null : current?.request }));
}

function openMoment(found) {
  moment = found;
  for (const [name, value] of Object.entries(found.settings)) settings.set(name, value);
  if (found.settings.seed) settings.set('locksSeed', true);
  $('prompt').value = strongest(found.prompts);
  if (found.prompts.length > 1) surface.setPrompts(found.prompts);
  $('now-kicker').textContent = 'A link to a moment';
  $('now-title').textContent = title(found.prompts);
  $('now-detail').textContent = 'Press play to hear it.';
}

// MARK: who may

function lock() {
  const fragment = link.withoutToken(location.hash);
  $('locked-command').textContent = fragment ? `riff web '${location.origin}/${fragment}'` : 'riff web';
  $('locked').hidden = false;
}
document.addEventListener('locked', lock);
$('locked-copy').addEventListener('click', () => navigator.clipboard.writeText($('locked-command').textContent));

// MARK: the daemon's health

let health = 'connecting';

function showHealth() {
  const underruns = player.underruns;
  $('health').dataset.health = health;
  $('health-text').textContent = {
    connecting: 'connecting', ready: settings.model ? settings.model.name : 'ready', lost: 'no riffd is running', away: 'riff-web has ended',
  }[health] + (underruns ? ` · ${underruns} underrun${underruns === 1 ? '' : 's'}` : '');
}

async function check() {
  try {
    await get('/api/status');
    if (health !== 'ready') {
      const isBack = health === 'lost' || health === 'away';
      health = 'ready';
      settings.models = (await get('/api/models')).models ?? [];
      settings.build();
      takes.refresh();
      if (isBack) {
        notice('');
        notice('riffd is back. Press play to go on.');
      }
    }
  } catch (error) {
    if (error.code === 'locked') return;
    const was = health;
    health = error.code === 'unreachable' ? 'away' : 'lost';
    if (was !== health) {
      notice(health === 'away' ? 'riff-web has ended. Start it again with: riff web'
        : 'No riffd is running. Any riff command starts one, such as: riff status', true);
    }
  }
  showHealth();
}

// MARK: the controls

$('play').addEventListener('click', toggle);
$('dock').addEventListener('submit', (event) => {
  event.preventDefault();
  moment = null;
  play([{ prompt: $('prompt').value.trim() || fill(), weight: 1 }]);
});
function later() {
  const prompt = $('prompt').value.trim() || fill();
  if (document.body.dataset.state === 'idle') {
    play([{ prompt, weight: 1 }]);
    return;
  }
  queue.push(prompt);
  showQueue();
  $('prompt').select();
}
$('later').addEventListener('click', later);
$('prompt').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !event.shiftKey) return;
  event.preventDefault();
  later();
});
$('dice').addEventListener('click', fill);
$('link').addEventListener('click', linkNow);
$('help').addEventListener('click', () => $('shortcuts').showModal());

const tabs = ['steer', 'clip', 'takes', 'settings'];
function choose(name, focuses = false) {
  for (const tab of tabs) {
    const isChosen = tab === name;
    $(`tab-${tab}`).setAttribute('aria-selected', String(isChosen));
    $(`tab-${tab}`).tabIndex = isChosen ? 0 : -1;
    $(`pane-${tab}`).hidden = !isChosen;
  }
  if (focuses) $(`tab-${name}`).focus();
  if (name === 'takes') takes.refresh();
  if (name === 'clip') clip.redraw();
}
for (const [i, name] of tabs.entries()) {
  $(`tab-${name}`).addEventListener('click', () => choose(name));
  $(`tab-${name}`).addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) choose(tabs[(i + step + tabs.length) % tabs.length], true);
  });
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $('shortcuts').open) return;
  const isTyping = event.target.matches('input:not([type=range], [type=checkbox]), textarea, select');
  if (isTyping) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  const onButton = event.target.matches('button, a, input, summary');
  const actions = {
    ' ': () => !onButton && toggle(), '/': () => $('prompt').focus(), d: fill, n: () => {
      if (queue.length === 0) return;
      play([{ prompt: queue.shift(), weight: 1 }]);
      showQueue();
    },
    r: () => player.jump(player.position - 5 * rate), l: linkNow, '?': () => $('shortcuts').showModal(),
    1: () => choose('steer', true), 2: () => choose('clip', true), 3: () => choose('takes', true), 4: () => choose('settings', true),
  };
  const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action || (event.key === ' ' && onButton)) return;
  event.preventDefault();
  action();
});

// A page that is left, even one that the browser keeps for its back button, ends its jobs.
addEventListener('pagehide', () => {
  stopMaking();
  clip.stop();
});

// A file that is dropped anywhere is a clip.
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.dataset.drop = 'true';
});
document.addEventListener('dragleave', (event) => {
  if (event.relatedTarget === null) delete document.body.dataset.drop;
});
document.addEventListener('drop', (event) => {
  event.preventDefault();
  delete document.body.dataset.drop;
  const [file] = event.dataTransfer.files;
  if (!file) return;
  choose('clip');
  clip.open(file);
});

async function open() {
  $('tries').replaceChildren(...first.map((prompt) => h('button', { onclick: () => {
    $('prompt').value = prompt;
    play([{ prompt, weight: 1 }]);
  } }, prompt)));
  surface.build();
  settings.build();
  clip.build();
  document.addEventListener('click', (event) => {
    if (event.target.id !== 'midi') return;
    useMIDI({
      cursor: ({ x = surface.cursor.x, y = surface.cursor.y }) => surface.moveCursor(x, y),
      strength: (value) => settings.set('strength', String(Math.round(value * 100) / 100)),
    });
  });
  player.setVolume(settings.values.volume);
  measures.opened = performance.now();
  const found = link.read(location.hash);
  if (found.moment) openMoment(found.moment);
  if (found.token) {
    history.replaceState(null, '', `/${link.withoutToken(location.hash)}`);
    if (!(await enter(found.token)) && !isKnown()) lock();
  }
  addEventListener('hashchange', async () => {
    const next = link.read(location.hash);
    if (next.token) {
      history.replaceState(null, '', `/${link.withoutToken(location.hash)}`);
      if (await enter(next.token)) $('locked').hidden = true;
      check();
    }
    if (next.moment) openMoment(next.moment);
  });
  if (!isKnown()) lock();
  else await check();
  setInterval(() => { if (!document.hidden && isKnown()) check(); }, 5000);
  document.body.dataset.open = 'true';
}

// For who looks with the browser's tools, and for the tests.
globalThis.riff = { player, timeline, settings, surface, measures, clip, get queue() { return queue; }, get jam() { return jam; }, get pieces() { return pieces; }, time,
  useJams(value) { hasJams = value; } };
open();
