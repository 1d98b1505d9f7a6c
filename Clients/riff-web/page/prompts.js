// Prompts by chance, of words that the bundled model was trained on.

const ready = [
  'church bells on sunday', 'funk bassline with a jazzy saxophone solo', 'scott joplin style ragtime piano',
  'new york jazz club with trumpet', 'synthwave with synth lead, 110 bpm', 'harp, dreamy', 'jamaican dancehall',
  'ibiza at 3am', 'techno drum beat, 130 bpm', 'slow jazz piano', 'bossa nova with acoustic guitar', 'gospel choir with organ',
];
const leads = [
  'piano', 'electric piano', 'vibraphone', 'marimba', 'accordion', 'harmonica', 'acoustic guitar', 'distorted electric guitar',
  'banjo', 'violin', 'fiddle', 'cello', 'strings', 'harp', 'trumpet', 'saxophone', 'flute', 'clarinet', 'sitar', 'synth lead',
  'church organ', 'music box', 'harpsichord',
];
const genres = [
  'jazz', 'funk', 'reggae', 'blues', 'techno', 'house', 'synthwave', 'bossa nova', 'salsa', 'waltz', 'rock', 'disco', 'ambient',
  'hip hop', 'country', 'bluegrass', 'classical',
];
const moods = ['dreamy', 'upbeat', 'slow and sad', 'energetic', 'relaxing', ''];

const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** A prompt; not `other`. */
export function sample(other = '') {
  for (;;) {
    const mood = pick(moods);
    const made = Math.random() < 0.45 ? pick(ready)
      : `${pick(genres)} with ${pick(leads)}${mood ? `, ${mood}` : ''}${Math.random() < 0.3 ? `, ${80 + 10 * Math.floor(Math.random() * 7)} bpm` : ''}`;
    if (made !== other) return made;
  }
}

/** A few to begin with. */
export const first = ['church bells on sunday', 'synthwave with synth lead, 110 bpm', 'new york jazz club with trumpet', 'techno drum beat, 130 bpm'];
