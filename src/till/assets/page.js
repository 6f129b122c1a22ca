// The page: carries out what the flow says, paints what it shows, and hears keys, touches and the terminal.

import { beginning, nameOf, next } from './flow.js';
import { Line, Unanswered } from './line.js';
import { assemble, balance, bottom, closing, counter, cut, journal, receipt, top } from './screens.js';
import { Practice } from './training.js';
import { speech } from './words.js';

const LANGUAGE = 'pass.language';
const UNDER_WAY = 'pass.sale';
/** Sales that the bank terminal has, or may have, money of. */
const KEPT = 'pass.kept';
/** How long a confirmed sale waits for its card, in seconds. */
const CARD_WAIT = 60;
/** A second touch within so many milliseconds of a new screen is the end of a double tap, not an answer to it. */
const DOUBLE_TAP_MS = 400;
/** Who has not become the one page after so many milliseconds is told that there is another. */
const ELSEWHERE_MS = 500;
/** Stages that are mostly over before anybody could read them, and how long they are not shown, in milliseconds. */
const PASSING = ['reading', 'quoting', 'selling'];
const PASSING_MS = 150;
const JOURNAL_MAX = 1000;

let language = localStorage.getItem(LANGUAGE) === 'en' ? 'en' : 'fr';
let say = speech(language);
let state = { ...beginning(), kept: JSON.parse(localStorage.getItem(KEPT) ?? '{}') };
let entries = [];
let search = '';
/** What stands above and below was made of. */
let shownAround = [];
let shown = { key: '', since: 0 };
let stageSince = 0;
let pending = new AbortController();
let sound;

/** Cancels what is asked, and hears of it no more. */
const cancel = () => pending.abort();
const newId = () => crypto.randomUUID();
const line = new Line(language, (event) => state.training && event.type !== 'line' && event.type !== 'status' ? undefined : hear(event));
const practice = new Practice((event) => hear(event));

// --- What happens. ---

function hear(event) {
  const before = state;
  const [after, effects] = next(state, { id: newId(), ...event });
  state = after;
  effects.filter((effect) => effect.do !== 'sound').forEach(carryOut);
  if (state.place === 'journal' && (before.place !== 'journal' || before.status?.entry !== state.status?.entry)) {
    readJournal();
  }
  if (before.stage !== state.stage) {
    stageSince = performance.now();
  }
  paint();
  // Heard after it is seen: a sound takes longer to begin than a picture.
  const heard = effects.filter((effect) => effect.do === 'sound');
  if (heard.length > 0) {
    afterPicture(() => heard.forEach(carryOut));
  }
}

/** Once what was changed is on its way to the screen; a page that nobody sees has no pictures. */
const afterPicture = (work) => (document.hidden ? setTimeout(work) : requestAnimationFrame(() => setTimeout(work)));

const desk = () => (state.training ? practice : line);

async function ask(id, method, path, body, done, mayBeCancelled = true) {
  const { signal } = mayBeCancelled ? (pending = new AbortController()) : new AbortController();
  try {
    hear({ ...done, ...(id && { id }), answer: await desk().ask(method, path, body, signal) });
  } catch (unanswered) {
    if (!signal.aborted) {
      hear({ type: 'lost', id, problem: unanswered instanceof Unanswered ? unanswered.problem?.code : undefined });
    }
  }
}

const request = ({ id, benefit, price, seats, supplement }) => ({
  id, benefit: benefit ?? undefined, price_cents: price ?? undefined, seats: seats ?? undefined, supplement_cents: supplement,
});

/** How it is paid: by one tender, or a part in cash and the rest on the bank terminal. */
const paid = ({ tender, cash }) => ({ paid: tender, parts: tender === 'tpe' && cash ? [{ tender: 'cash', amount_cents: cash }] : undefined });

const DO = {
  quote: ({ draft, turn }) => ask(draft.id, 'POST', '/v1/quotes', { ...request(draft), wait_seconds: 2 }, { type: 'quoted', turn }),

  sell({ draft }) {
    // Kept over a reload of the page: the sale has a name, and is found again by it.
    if (!state.training) {
      localStorage.setItem(UNDER_WAY, JSON.stringify(draft));
    }
    ask(draft.id, 'POST', '/v1/quotes/confirm', { id: draft.id, ...paid(draft), wait_seconds: CARD_WAIT }, { type: 'ended' });
  },

  /** The answer was lost. Asked first what became of the sale: only one that was begun is repeated, under its own name. */
  recover: ({ draft }) => ask(draft.id, 'GET', `/v1/requests/${draft.id}`, undefined, { type: 'found' }),

  resume: ({ draft }) =>
    ask(draft.id, 'POST', '/v1/redemptions', { ...request(draft), ...paid(draft), wait_seconds: CARD_WAIT }, { type: 'ended' }),

  async answerPayment({ draft, paid }) {
    try {
      const { payments } = await line.ask('GET', '/v1/payments');
      const unknown = payments.find((payment) => payment.request === nameOf(draft) && payment.state === 'unknown');
      if (unknown) {
        await line.ask('POST', `/v1/payments/${unknown.payment}/answer`, { paid });
      }
      hear({ type: 'answered', paid });
    } catch {
      // Said again, it is the same word.
      hear({ type: 'lost', id: draft.id });
    }
  },

  async askHeld({ draft }) {
    let held = false;
    try {
      held = (await line.ask('GET', `/v1/requests/${draft.id}`)).refusal === 'payment-incomplete';
    } catch (unanswered) {
      if (unanswered.problem?.code !== 'request-unknown') {
        // It keeps its name, and is asked about when the page is opened anew.
        return;
      }
    }
    hear({ type: 'held', draft, held });
  },

  giveBack: ({ draft }) => ask(draft.id, 'POST', `/v1/payments/refunds/${nameOf(draft)}`, undefined, { type: 'givenBack' }, false),

  keep: ({ kept }) => localStorage.setItem(KEPT, JSON.stringify(kept)),

  undo: ({ id, entry, withoutCard }) =>
    ask(id, 'POST', '/v1/undos', { id, entry, without_card: withoutCard, wait_seconds: CARD_WAIT }, { type: 'ended' }),

  people: () => ask('', 'GET', '/v1/cashiers', undefined, { type: 'people' }, false),

  async signIn({ cashier, pin }) {
    try {
      const answer = await line.ask('POST', '/v1/sessions', { cashier, pin });
      line.session = answer.session ?? '';
      hear({ type: 'signed', answer });
    } catch {
      // The line says so itself.
    }
  },

  signOut() {
    line.ask('DELETE', '/v1/sessions').catch(() => undefined).finally(() => {
      line.session = '';
    });
  },

  async receipt({ entry }) {
    const print = (to) => line.ask('POST', `/v1/receipts/${entry}/print`, { to });
    try {
      let answer = await print('printer');
      const onPaper = answer.outcome === 'receipt';
      if (answer.refusal === 'no-printer') {
        answer = await print('client');
      }
      hear({ type: 'printed', answer: { ...answer, onPaper } });
    } catch {
      // The line says so itself.
    }
  },

  print: () => window.print(),

  close: ({ period, counted }) => ask('', 'POST', '/v1/closings', { period, cash_counted_cents: counted }, { type: 'closed' }, false),

  abandon: ({ id }) => ask(id, 'POST', '/v1/abandonments', { id }, { type: 'ended' }),

  cancel,
  later: ({ after, event }) => setTimeout(() => hear(event), after),
  forget: () => state.training || localStorage.removeItem(UNDER_WAY),
  sound: (effect) => play(effect.sound),

  train({ training }) {
    cancel();
    if (training) {
      practice.begin(language);
    } else {
      // Everything is told anew, the card that lies there too.
      line.speak(language);
    }
  },
};

const carryOut = (effect) => DO[effect.do](effect);

async function readJournal() {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  try {
    const since = midnight.toISOString().replace(/\.\d+/, '');
    const answer = await desk().ask('GET', `/v1/journal?since=${since}&limit=${JOURNAL_MAX}`);
    entries = answer.entries.filter((entry) => !['event', 'card-read'].includes(entry.kind));
    paint();
  } catch {
    // The line says so itself.
  }
}

// --- What is heard. ---

const NOTES = {
  granted: [[880, 0, 0.12], [1320, 0.13, 0.3]], refused: [[220, 0, 0.22], [175, 0.26, 0.4]], doubt: [[520, 0, 0.12], [520, 0.2, 0.12], [520, 0.4, 0.12]],
};

function play(name) {
  try {
    sound ??= new AudioContext();
    for (const [pitch, at, length] of NOTES[name]) {
      const [tone, loudness] = [sound.createOscillator(), sound.createGain()];
      tone.frequency.value = pitch;
      loudness.gain.setValueAtTime(0.25, sound.currentTime + at);
      loudness.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + at + length);
      tone.connect(loudness).connect(sound.destination);
      tone.start(sound.currentTime + at);
      tone.stop(sound.currentTime + at + length);
    }
  } catch {
    // A till without loudspeakers still sells.
  }
}

// --- What is seen. ---

const byId = (id) => document.getElementById(id);

/** Replaces what is in `element` when it has become another, and gives the focus back to what had it. */
function fill(element, children, another = false) {
  const fragment = document.createElement(element.tagName);
  fragment.append(...children);
  if (!another && fragment.innerHTML === element.innerHTML) {
    return false;
  }
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const [key, caret] = [focused?.dataset.key, focused?.selectionStart];
  element.replaceChildren(...fragment.childNodes);
  const again = key && element.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (again) {
    again.focus({ preventScroll: true });
    if (caret !== undefined && caret !== null) {
      again.setSelectionRange(caret, caret);
    }
  }
  return true;
}

function paint() {
  document.documentElement.lang = language;
  document.body.classList.toggle('in-training', state.training);
  const { words } = say;
  const around = [language, state.line, state.status, state.place, state.training, state.cashier, state.kept];
  if (around.some((part, index) => part !== shownAround[index])) {
    shownAround = around;
    fill(byId('top'), top(state, say));
    fill(byId('bottom'), bottom(state, say, practice.cards));
  }
  const main = byId('main');
  // What is over in a moment is not shown: nothing flickers on the way from a card to its figure.
  const passing = PASSING.includes(state.stage.name) && !state.stage.lost && state.place === 'counter' && state.line === 'up';
  const wait = PASSING_MS - (performance.now() - stageSince);
  if (passing && wait > 0 && main.dataset.screen) {
    setTimeout(paint, wait + 1);
    return;
  }
  const there = state.training ? 'up' : state.line;
  let screen;
  if (there !== 'up') {
    screen = cut(there, state.stage, words);
  } else if (state.place === 'journal') {
    screen = journal(entries, search, say, state);
  } else if (state.place === 'receipt') {
    screen = receipt(state.receipt, say);
  } else if (state.place === 'closing') {
    screen = closing(state.closing, say);
  } else if (state.place === 'balance') {
    screen = balance(state.card, say);
  } else {
    screen = assemble(counter(state, say), words);
  }
  const key = there !== 'up' ? there : state.place === 'counter' ? `${state.stage.name} ${state.turn}`
    : `${state.place} ${state.closing?.period} ${Boolean(state.closing?.answer)}`;
  const changed = fill(main, [screen], key !== shown.key);
  if (key !== shown.key) {
    shown = { key, since: performance.now() };
    main.dataset.screen = there === 'up' ? (state.place === 'counter' ? state.stage.name : state.place) : there;
    afterPicture(focusOnAction);
  }
  if (changed) {
    afterPicture(tell);
  }
}

/** Whoever works by keyboard begins each screen at its one action. */
function focusOnAction() {
  const main = byId('main');
  if (!main.contains(document.activeElement) || document.activeElement === main) {
    main.querySelector('.primary:not([disabled])')?.focus({ preventScroll: true });
  }
  if (state.place === 'journal' && !main.contains(document.activeElement)) {
    byId('search')?.focus();
  }
}

/** Says to those who listen what is seen. */
function tell() {
  const main = byId('main');
  const told = main.querySelector('.figure, .amount, h1')?.textContent ?? '';
  const below = main.querySelector('.below')?.textContent ?? '';
  byId('said').textContent = state.place === 'counter' ? `${told} ${below}` : '';
  document.title = `${told} · PASS’Région`;
}

// --- What the cashier does. ---

function act(event) {
  if (event.type === 'language') {
    language = language === 'fr' ? 'en' : 'fr';
    localStorage.setItem(LANGUAGE, language);
    say = speech(language);
    state.training ? practice.begin(language) : line.speak(language);
    paint();
  } else if (event.type === 'practice') {
    practice.lay(event.card);
  } else if (event.type === 'exchange') {
    line.ask('POST', '/v1/exchanges').catch(() => undefined);
  } else {
    hear(event);
  }
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-act]');
  if (!button || button.disabled) {
    return;
  }
  const did = JSON.parse(button.dataset.act);
  const onScreen = byId('main').contains(button);
  // Keys of a pad may be struck as fast as one likes.
  if (onScreen && !button.classList.contains('digit') && performance.now() - shown.since < DOUBLE_TAP_MS) {
    return;
  }
  // A finger leaves no focus behind: Enter stays with the screen's one action.
  if (event.detail > 0) {
    button.blur();
  }
  act(did);
});

document.addEventListener('input', (event) => {
  if (event.target.id === 'search') {
    search = event.target.value;
    paint();
  }
});

const KEYS = { F2: { type: 'go', place: 'journal' }, F3: { type: 'go', place: 'balance' }, F6: { type: 'supplement' }, F7: { type: 'tender' }, F8: { type: 'language' },
  F9: { type: 'training' }, ArrowUp: { type: 'seats', by: 1 }, ArrowDown: { type: 'seats', by: -1 }, Escape: { type: 'leave' } };

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) {
    return;
  }
  if (event.repeat && event.key === 'Enter') {
    // A key that is held down presses no button twice.
    event.preventDefault();
    return;
  }
  const inField = event.target.matches('input');
  const inList = event.target.matches('.scroll');
  let did = KEYS[event.key];
  if (event.key === 'F4' && state.stage.name === 'granted') {
    const { entry, collected_cents: collected, card } = state.stage.answer;
    did = { type: 'undo', line: { entry, collected_cents: collected, card } };
  } else if (event.key === 'F5' && ['granted', 'undone'].includes(state.stage.name) && !state.training) {
    did = { type: 'receipt', entry: state.stage.answer.entry };
  } else if (event.key === 'Enter' && !event.target.matches('button')) {
    did = { type: 'primary' };
  } else if (!inField && !event.repeat) {
    // The upper row of a French keyboard has its digits behind Shift.
    const digit = /^[0-9]$/.test(event.key) ? event.key : /^(Digit|Numpad)[0-9]$/.test(event.code) && event.key !== 'Enter' ? event.code.at(-1) : undefined;
    const key = digit ?? ({ ',': ',', '.': ',', Backspace: 'back' })[event.key];
    did ??= key && { type: 'key', key };
  }
  if (!did || (inList && event.key.startsWith('Arrow')) || (inField && event.key === 'Enter')) {
    return;
  }
  event.preventDefault();
  const early = performance.now() - shown.since < DOUBLE_TAP_MS;
  if (event.repeat || (event.key === 'Enter' && early)) {
    return;
  }
  act(did);
});

// --- The beginning. ---

const left = localStorage.getItem(UNDER_WAY);
if (left) {
  state = next(state, { type: 'resumed', draft: JSON.parse(left) })[0];
}
paint();
setInterval(paint, 30_000);
// One page at a time: two would ask for the same card. The browser also keeps no page with a lock for when somebody goes back to it, and so none of its
// connections, of which it has six for one address.
const others = setTimeout(() => hear({ type: 'line', line: 'elsewhere' }), ELSEWHERE_MS);
navigator.locks.request('pass.page', () => {
  clearTimeout(others);
  return line.start();
});
