// What each state looks like: one thing to read, one thing to do. Builds elements and knows no terminal.
//
// Every screen of the counter has the same places: what it is about above, the figure in the middle, what belongs to it below, keys and choices on the right,
// the one action at the bottom right. Nothing moves from screen to screen.

import { cashOf, cents, heldOnes, justServed, nameOf, needsSignIn, paidOnes, paymentOf, signers, tendersOf, unknownOnes } from './flow.js';

/** An element with attributes and children; a child that is nothing is left out. */
export function h(tag, attributes = {}, ...children) {
  const svg = ['svg', 'path', 'circle'].includes(tag);
  const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A button that does `act`, an event of the flow. */
const button = (act, label, { key, kind = 'quiet', ...more } = {}) =>
  h('button', { type: 'button', class: kind, 'data-act': JSON.stringify(act), 'data-key': more.id ?? act.type, 'aria-label': more.name, ...more.attributes },
    h('span', {}, label), key ? h('kbd', {}, key) : null);

const MARKS = {
  granted: ['M32 4a28 28 0 1 0 .01 0Z', 'M18 33l10 10L47 22'],
  refused: ['M21 4h22l17 17v22L43 60H21L4 43V21Z', 'M22 22l20 20M42 22L22 42'],
  doubt: ['M32 5L62 58H2Z', 'M32 24v16M32 48v2'],
  card: ['M6 14h52a4 4 0 0 1 4 4v28a4 4 0 0 1-4 4H6a4 4 0 0 1-4-4V18a4 4 0 0 1 4-4Z', 'M10 26h12v9H10ZM32 40h20'],
};

/** A shape that says the same as the colour. */
const mark = (name) => h('svg', { class: `mark ${name}`, viewBox: '0 0 64 64', 'aria-hidden': 'true' },
  MARKS[name].map((path, index) => h('path', { d: path, class: index ? 'inner' : 'outer' })));

const pad = (words, { comma = true } = {}) => h('div', { class: 'pad', role: 'group', 'aria-label': words.keypad },
  ['7', '8', '9', '4', '5', '6', '1', '2', '3', '00', '0', comma ? ',' : ''].map((key) =>
    key ? h('button', { type: 'button', class: 'digit', 'data-act': JSON.stringify({ type: 'key', key }), 'data-key': `digit-${key}` }, key) : h('span')),
  h('button', { type: 'button', class: 'digit erase', 'data-act': JSON.stringify({ type: 'key', key: 'back' }), 'data-key': 'erase', 'aria-label': words.erase }, '⌫'));

const label = (state, code) => state.card.benefits?.find((line) => line.benefit === code)?.label ?? code;

/** The screen of a state of the counter. */
export function counter(state, speech) {
  const { stage } = state;
  if (needsSignIn(state)) {
    return signIn(state, speech.words, speech);
  }
  const build = SCREENS[stage.name] ?? SCREENS.idle;
  return build(state, stage, speech, speech.words);
}

const SCREENS = {
  idle: (state, stage, { words }) => ({
    tone: 'calm', mark: 'card', figure: words.idle, below: [words.idleHint],
    acts: [button({ type: 'key', key: '0' }, words.typePrice, { id: 'price', key: '0-9' })],
  }),

  reading: (state, stage, { words }) => ({ tone: 'calm', mark: 'card', figure: words.reading, below: [words.readingHint] }),

  quoting: (state, stage, { words }) => ({ tone: 'calm', mark: 'card', figure: words.quoting, below: [words.readingHint] }),

  rest: (state, stage, { words }) => ({
    tone: 'calm', mark: 'card', figure: words.rest, below: [words.restHint],
    acts: state.card.present && state.card.genuine && !state.card.refusal ? [button({ type: 'again' }, words.restAgain)] : [],
  }),

  price: (state, stage, speech, words) => ({
    tone: 'calm', above: state.card.present && stage.draft?.benefit ? label(state, stage.draft.benefit) : words.pricePrompt,
    amount: speech.money(cents(stage.typed)), typing: true,
    below: [stage.waiting ? words.priceWaiting : holdings(state, speech)],
    side: pad(words), acts: [button({ type: 'leave' }, words.cancel, { key: 'Échap' })],
    primary: stage.waiting ? null : { label: words.priceNext, ready: cents(stage.typed) > 0 },
  }),

  supplement: (state, stage, speech, words) => ({
    tone: 'calm', above: words.supplementPrompt, amount: speech.money(cents(stage.typed)), typing: true, below: [], side: pad(words),
    acts: [button({ type: 'leave' }, words.back, { key: 'Échap' })], primary: { label: words.supplementNext, ready: true },
  }),

  cashPart: (state, { quote, typed }, speech, words) => {
    const rest = quote.due_cents - cents(typed);
    return {
      tone: 'calm', above: words.cashPartPrompt, amount: speech.money(cents(typed)), typing: true,
      below: [rest > 0 ? words.restOnTpe(speech.money(rest)) : null], warning: rest > 0 ? null : words.nothingLeftForTpe, side: pad(words),
      acts: [button({ type: 'leave' }, words.back, { key: 'Échap' })], primary: { label: words.cashPartNext, ready: rest > 0 },
    };
  },

  choice: (state, stage, speech, words) => ({
    tone: 'calm', figure: words.choice, below: [words.choiceHint],
    side: h('ol', { class: 'choices' }, stage.choices.map((code, index) => {
      const line = state.card.benefits?.find((benefit) => benefit.benefit === code);
      return h('li', {}, button({ type: 'choose', benefit: code },
        `${line?.label ?? code}`, { id: `choose-${code}`, key: String(index + 1), kind: 'choice' }), h('span', { class: 'unseen' }),
      line ? h('small', {}, words.leftNow(speech.amount(line.left, line.unit))) : null);
    })),
  }),

  quoted: (state, stage, speech, words) => {
    const { quote, draft } = stage;
    const due = quote.due_cents;
    const received = cents(stage.typed);
    const cash = cashOf(draft, due);
    const served = justServed(state.card, Date.parse(state.status?.time ?? 0));
    return {
      tone: 'calm', above: `${quote.label ?? label(state, quote.benefit)}, ${speech.amount(quote.amount, quote.unit)}`,
      over: due ? words.collect : null, amount: due ? speech.money(due) : null, figure: due ? null : words.free,
      below: [
        quote.price_cents !== null && quote.unit === 'cent' ? `${words.price} ${speech.money(quote.price_cents)}, ${lower(words.takes(speech.money(quote.amount)))}` : null,
        quote.supplement_cents ? `${words.supplement} ${speech.money(quote.supplement_cents)}` : null,
        words.leftAfter(speech.amount(quote.left, quote.unit)),
        cash ? words.inParts(speech.money(cash), speech.money(due - cash)) : null,
        draft.had && draft.tender === 'cash' ? words.cashHad(speech.money(draft.had)) : null,
      ],
      warning: served ? words.servedBefore(speech.clock(served.time)) : null,
      side: h('div', { class: 'options' },
        quote.unit === 'seat' ? seats(quote, draft, words) : null,
        due ? tenders(state, draft, words) : null,
        due && draft.tender === 'cash' ? changeOf(due, received, stage.typed, speech, words) : null),
      acts: [
        button({ type: 'supplement' }, words.addSupplement, { key: 'F6' }),
        quote.unit === 'cent' ? button({ type: 'leave' }, words.correct, { key: 'Échap' }) : null,
        draft.tender === 'tpe' && due > 1 ? button({ type: 'cashPart' }, words.cashPart, { key: '0-9' }) : null,
      ],
      primary: { label: !due ? words.confirmFree : cash ? words.payRestOnTpe : draft.tender === 'tpe' ? words.payOnTpe : words.confirm, ready: true },
    };
  },

  selling: (state, stage, speech, words) => {
    const torn = state.card.in_doubt;
    if (torn && !stage.lost) {
      return {
        tone: 'doubt', mark: 'doubt', figure: words.present, below: [words.doubtWhat(torn.card, speech.money(torn.collected_cents)), words.doubtHint],
        acts: [button({ type: 'abandon' }, words.abandon)],
      };
    }
    const payment = paymentOf(state, stage.draft, 'asked', 'sent');
    if (payment && !stage.lost) {
      // The card may be away meanwhile: it is debited once the money is there.
      return { tone: 'calm', mark: 'card', figure: words.onTpe, amount: speech.money(payment.asked_cents), below: [speech.set(payment.message)] };
    }
    if (!state.card.present && !stage.lost) {
      return { tone: 'doubt', mark: 'doubt', figure: words.present, below: [words.sellingHint], acts: [button({ type: 'giveUp' }, words.cancel)] };
    }
    if (stage.draft?.tender === 'tpe' && stage.quote?.due_cents && !stage.lost) {
      return { tone: 'calm', mark: 'card', figure: words.onTpe, amount: speech.money(stage.quote.due_cents - cashOf(stage.draft, stage.quote.due_cents)), below: [words.sellingHint] };
    }
    return stage.again || stage.lost
      ? { tone: 'doubt', mark: 'doubt', figure: words.sellingAgain, below: [words.lostHint] }
      : { tone: 'calm', mark: 'card', figure: words.selling, below: [words.sellingHint] };
  },

  granted: (state, stage, speech, words) => {
    const { answer } = stage;
    const change = stage.draft?.received ? stage.draft.received - answer.due_cents : 0;
    return {
      tone: 'granted', mark: 'granted', above: `${answer.label ?? answer.benefit}, ${speech.amount(answer.debited, answer.unit)}`,
      figure: answer.repeated ? words.repeated : words.granted,
      over: change > 0 ? words.change : null, amount: change > 0 ? speech.money(change) : null,
      below: [
        answer.repeated ? words.repeatedHint : null,
        [words.collected(speech.money(answer.collected_cents)), words.leftNow(speech.amount(answer.left, answer.unit))].join(', '),
        answer.parts ? partsOf(answer.parts, speech) : null,
        `${words.entry(answer.entry)}, ${answer.card}`,
      ],
      acts: [
        button({ type: 'undo', line: { entry: answer.entry, collected_cents: answer.collected_cents, card: answer.card } }, words.undoLast, { key: 'F4' }),
        state.training ? null : receiptOf(answer.entry, state, words, { key: 'F5' }),
      ].filter(Boolean),
      primary: { label: words.next, ready: true },
    };
  },

  refused: (state, stage, speech, words) => {
    const { refusal } = stage;
    if (stage.draft && PAYMENT_SCREENS[refusal.refusal]) {
      return PAYMENT_SCREENS[refusal.refusal](state, stage, speech, words);
    }
    const own = { 'not-sold': [words.notSold, words.notSoldNext], 'not-known': [words.notKnown, words.notKnownNext] }[refusal.refusal];
    const [message, following] = own ?? [speech.set(refusal.message), speech.set(refusal.next)];
    const found = refusal.found_card;
    return {
      tone: 'refused', mark: 'refused', above: words.refused, figure: message, below: [
        following, refusal.due_cents ? words.fullPrice(speech.money(refusal.due_cents)) : null,
        found ? `${speech.set(found.address)}. ${found.phone}` : null,
      ],
      primary: { label: refusal.refusal === 'amount-refused' ? words.correct : own || refusal.again ? words.again : words.understood, ready: true },
    };
  },

  doubt: (state, stage, speech, words) => stage.paid
    ? { tone: 'doubt', mark: 'doubt', above: stage.card, figure: words.present, amount: stage.draft.due && !stage.draft.part ? speech.money(stage.draft.due) : null,
      below: [stage.draft.part ? `${words.partTaken}.` : words.paidWithoutCard(stage.card ?? ''), words.doubtHint], acts: [button({ type: 'giveBack' }, words.giveBack)] }
    : {
      tone: 'doubt', mark: 'doubt', figure: words.doubt, below: [words.doubtWhat(stage.card ?? '', speech.money(stage.collected_cents ?? 0)), words.doubtHint],
      acts: [button({ type: 'abandon' }, words.abandon)],
    },

  returning: (state, stage, speech, words) => {
    const payment = paymentOf(state, stage.draft, 'asked', 'sent');
    return { tone: 'calm', mark: 'card', figure: words.backOnTpe, amount: payment ? speech.money(payment.asked_cents) : null, below: [words.holdersCard] };
  },

  returned: (state, stage, speech, words) => ({
    tone: 'granted', mark: 'granted', figure: words.givenBack, amount: stage.amount ? speech.money(stage.amount) : null,
    below: [stage.cash ? words.cashToo(speech.money(stage.cash)) : null], primary: { label: words.next, ready: true },
  }),

  abandon: (state, stage, speech, words) => {
    // The drawer gives back what it has, the bank terminal the rest.
    const total = stage.collected_cents ?? stage.draft?.due ?? 0;
    const byDraft = stage.draft?.tender === 'tpe' ? total - cashOf(stage.draft, total) : 0;
    const onTpe = tpeOf(stage, total) ?? byDraft;
    const cash = total - onTpe;
    return {
      tone: 'doubt', mark: 'doubt', figure: onTpe && !cash ? words.abandonTpe : words.abandonAsk(speech.money(cash)),
      below: [onTpe && cash ? words.restBackOnTpe : null, words.abandonHint],
      acts: [button({ type: 'leave' }, words.back, { key: 'Échap' })], primary: { label: onTpe && !cash ? words.giveBack : words.abandonYes, ready: true },
    };
  },

  abandoning: (state, stage, { words }) => ({ tone: 'doubt', mark: 'doubt', figure: words.quoting, below: [] }),

  undo: (state, stage, speech, words) => ({
    tone: 'calm', above: `${words.entry(stage.entry)}, ${stage.line.card ?? ''}`, figure: words.undo(speech.money(stage.line.collected_cents)), below: [words.undoHint],
    acts: [button({ type: 'leave' }, words.back, { key: 'Échap' }), button({ type: 'withoutCard' }, words.withoutCard)],
    primary: { label: words.undoYes, ready: true },
  }),

  undoing: (state, stage, { words }) => ({
    tone: 'calm', mark: 'card', above: stage.line?.card ?? '', figure: words.undoing, below: [words.undoingHint],
    acts: [button({ type: 'leave' }, words.cancel, { key: 'Échap' }), button({ type: 'withoutCard' }, words.withoutCard)],
  }),

  undone: (state, stage, speech, words) => {
    const back = stage.answer.returned_cents;
    const hint = { undone: words.undoneHint, 'undo-requested': words.requestedHint, abandoned: words.abandonedHint }[stage.answer.outcome];
    // The bank terminal gives back what it took: of that nothing leaves the drawer.
    const onTpe = tpeOf(stage.answer, back) ?? 0;
    const inHand = back - onTpe;
    return {
      tone: 'granted', mark: 'granted', figure: inHand ? words.undone(speech.money(inHand)) : onTpe ? words.backOnTpe : words.undoneFree,
      amount: onTpe && !inHand ? speech.money(onTpe) : null,
      below: [onTpe && inHand ? words.onTpeToo(speech.money(onTpe)) : null, onTpe ? words.holdersCard : hint, `${words.entry(stage.answer.entry)}, ${stage.answer.card}`], primary: { label: words.next, ready: true },
      acts: state.training || stage.answer.outcome === 'abandoned' ? [] : [receiptOf(stage.answer.entry, state, words, { key: 'F5' })],
    };
  },
};

/** What is shown of a sale that the bank terminal took no money for, may have taken it for, or took a part of it. */
const PAYMENT_SCREENS = {
  'payment-not-made': (state, { refusal, draft }, speech, words) => ({
    tone: 'refused', mark: 'refused', above: words.notPaidOnTpe, figure: words.nothingTaken, amount: refusal.due_cents ? speech.money(refusal.due_cents) : null,
    below: [words.nothingTakenNext, draft.cash ? words.cashInHand(speech.money(draft.cash)) : null],
    acts: [button({ type: 'inCash' }, words.inCash, { id: 'cash' })], primary: { label: words.again, ready: true },
  }),

  'payment-unknown': (state, { refusal, draft, foreign }, speech, words) => {
    const due = refusal.due_cents ?? paymentOf(state, draft, 'unknown')?.asked_cents ?? draft.due;
    return {
      tone: 'doubt', mark: 'doubt', above: foreign ? words.verifyTpe : draft.card, figure: words.paymentUnknown, amount: due ? speech.money(due) : null, below: [words.lookAtTpe],
      acts: [button({ type: 'later' }, words.later, { key: 'Échap' })],
      answers: [button({ type: 'paid', paid: true }, words.paidOnTpe, { id: 'paid', kind: 'word' }),
        button({ type: 'paid', paid: false }, words.notPaidOnTpe, { id: 'not-paid', kind: 'word' })],
    };
  },

  'payment-incomplete': (state, { refusal, notReturned, foreign, draft }, speech, words) => foreign && !notReturned ? {
    tone: 'doubt', mark: 'doubt', figure: words.heldHere, amount: speech.money(refusal.held_cents), below: [words.heldNext],
    acts: [button({ type: 'later' }, words.later, { key: 'Échap' }), button({ type: 'giveBack' }, words.giveBack)],
  } : ({
    tone: 'doubt', mark: 'doubt', above: draft.card, figure: notReturned ? words.notReturned : words.partTaken,
    amount: refusal.due_cents ? speech.money(refusal.due_cents) : null, over: words.missing, below: [notReturned ? speech.set(refusal.message) : words.partTakenNext],
    acts: [
      button({ type: 'later' }, words.later, { key: 'Échap' }), button({ type: 'giveBack' }, words.giveBack),
      notReturned || !refusal.due_cents ? null : button({ type: 'restInCash' }, words.restInCash),
    ].filter(Boolean),
    primary: notReturned ? null : { label: words.goOn, ready: true },
  }),
};

/** Asks for a receipt; says so once it is on paper. */
const receiptOf = (entry, state, words, { key } = {}) =>
  button({ type: 'receipt', entry }, state.receipt?.onPaper && state.receipt.entry === entry ? words.receiptPrinted : words.receipt, { id: `receipt-${entry}`, key });

/** Who is at the till: a name, then its code. */
function signIn(state, words, speech) {
  const { signing } = state;
  if (!signing) {
    return {
      tone: 'calm', figure: words.whoAreYou, below: [words.whoHint],
      side: h('ol', { class: 'choices' }, signers(state.people).map((person, index) => h('li', {},
        button({ type: 'person', person }, person.name, { id: `person-${person.cashier}`, key: String(index + 1), kind: 'choice' })))),
    };
  }
  return {
    tone: 'calm', above: signing.person.name, figure: words.pin, amount: '•'.repeat(signing.typed.length) || '–', typing: true,
    below: [], warning: signing.message ? speech.set(signing.message) : null,
    side: pad(words, { comma: false }), acts: [button({ type: 'leave' }, words.back, { key: 'Échap' })],
    primary: { label: words.signIn, ready: signing.typed.length >= 4 },
  };
}

/** What of `total` the bank terminal has; nothing where it is not said how it was paid. */
const tpeOf = ({ tender, parts }, total) => !tender ? undefined
  : parts?.find((part) => part.tender === 'tpe')?.amount_cents ?? (tender === 'tpe' ? total : 0);

/** What was paid, or is given back, by each tender. */
const partsOf = (parts, speech) => upper(parts
  .map(({ tender, amount_cents: amount }) => `${speech.words[tender === 'other' ? 'otherTender' : tender]} ${speech.money(amount)}`).join(', '));

const lower = (text) => text.charAt(0).toLowerCase() + text.slice(1);

const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** What the card has left that can be used here. */
const holdings = (state, speech) => (state.card.benefits ?? []).filter((line) => line.here)
  .map((line) => `${line.label} ${speech.words.leftNow(speech.amount(line.left, line.unit))}`).join(', ') || null;

const seats = (quote, draft, words) => h('div', { class: 'stepper', role: 'group', 'aria-label': words.seats },
  button({ type: 'seats', by: -1 }, '−', { id: 'fewer', name: words.less, kind: 'step', attributes: { disabled: quote.amount <= 1 } }),
  h('span', { class: 'count' }, h('strong', {}, String(quote.amount)), ` ${words.perSeat(quote.amount)}`),
  button({ type: 'seats', by: 1 }, '+', { id: 'more', name: words.more, kind: 'step', attributes: { disabled: quote.left < 1 || quote.amount >= (draft.seatsMax ?? Infinity) } }));

const tenders = (state, draft, words) => h('div', { class: 'tenders', role: 'group', 'aria-label': words.tender },
  tendersOf(state).map((tender) => button({ type: 'tender', tender }, words[tender === 'other' ? 'otherTender' : tender], {
    id: `tender-${tender}`, kind: 'pick', attributes: { 'aria-pressed': String(draft.tender === tender) },
  })));

/** Around a QR symbol there is white for so many of its modules (ISO/IEC 18004). */
const QUIET = 4;

const NOTES = [100, 200, 500, 1000, 2000, 5000];

function changeOf(due, received, typed, speech, words) {
  const notes = NOTES.filter((note) => note > due).slice(0, 3);
  const change = received - due;
  return h('div', { class: 'change' },
    h('div', { class: 'notes', role: 'group', 'aria-label': words.notes },
      notes.map((note) => button({ type: 'received', cents: note }, speech.money(note).replace(/[,.]00/, ''), { id: `note-${note}`, kind: 'pick' })),
      typed ? button({ type: 'received', cents: '' }, words.exact, { id: 'exact', kind: 'pick' }) : null),
    h('p', { class: 'given' }, typed ? [`${words.received} ${speech.money(received)}`, h('br'),
      h('strong', {}, `${change < 0 ? words.missing : words.change} ${speech.money(Math.abs(change))}`)] : ''));
}

/** A sentence of more characters than this takes more than two lines. */
const LONG = 44;

/** Puts a screen of the counter together. */
export function assemble(screen, words) {
  const primary = screen.primary;
  return h('section', { class: `counter ${screen.tone} ${screen.side ? 'sided' : 'whole'} ${screen.amount ? 'amounted' : ''} ${screen.figure?.length > LONG ? 'long' : ''}` },
    h('div', { class: 'tell' },
      h('p', { class: 'above' }, screen.above ?? ''),
      h('div', { class: 'centre' },
        screen.mark ? mark(screen.mark) : null,
        screen.figure ? h('h1', { class: 'figure' }, screen.figure) : null,
        screen.amount ? h(screen.figure ? 'p' : 'h1', { class: 'amount' }, screen.over ? h('small', {}, screen.over) : null,
          h('span', { class: screen.typing ? 'typing' : '' }, screen.amount)) : null),
      h('div', { class: 'below' }, screen.below.filter(Boolean).map((line) => h('p', {}, line)),
        screen.warning ? h('p', { class: 'warning' }, screen.warning) : null)),
    screen.side ? h('div', { class: 'side' }, screen.side) : null,
    h('div', { class: 'acts' }, screen.acts ?? []),
    screen.answers ? h('div', { class: 'answers' }, screen.answers)
      : primary ? button({ type: 'primary' }, primary.label, { key: '⏎', kind: 'primary', attributes: { disabled: !primary.ready } }) : h('span', { class: 'noprimary' }));
}

/** The journal of the day. */
export function journal(entries, search, speech, state) {
  const { words } = speech;
  const sales = entries.filter((entry) => entry.kind === 'debit' && !entry.related);
  const needle = search.trim().toLowerCase();
  const lines = entries.map((entry) => ({ entry, cells: cells(entry, speech) }));
  const found = needle ? lines.filter(({ cells: texts }) => texts.join(' ').toLowerCase().replace(/[\s\u00a0\u202f]/g, ' ').includes(needle)) : lines;
  const total = sales.reduce((sum, entry) => sum + entry.collected_cents, 0);
  return h('section', { class: 'place' },
    h('div', { class: 'heading' }, h('h1', {}, words.journalTitle), h('p', {}, words.day(sales.length, speech.money(total))),
      h('input', { type: 'search', 'data-key': 'search', id: 'search', value: search, placeholder: words.search, 'aria-label': words.search, autocomplete: 'off' })),
    h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': words.journalTitle },
      found.length ? h('table', {},
        h('thead', {}, h('tr', {}, ['#', words.time, words.what, words.cardNumber, words.amount, words.state, ''].map((title) =>
          title ? h('th', { scope: 'col' }, title) : h('td')))),
        h('tbody', {}, found.map(({ entry, cells: texts }) => h('tr', { class: entry.related && entry.kind === 'debit' ? 'struck' : '' },
          texts.map((text) => h('td', {}, text)),
          h('td', {}, state.training || !['debit', 'reversal', 'undo-request'].includes(entry.kind) ? null : receiptOf(entry.entry, state, words),
            entry.kind === 'debit' && !entry.related
            ? button({ type: 'undo', line: { entry: entry.entry, collected_cents: entry.collected_cents, card: entry.card } }, words.cancel, { id: `undo-${entry.entry}` }) : null)))))
        : h('p', { class: 'none' }, needle ? words.noMatch : words.nothing)),
    h('div', { class: 'acts' }, button({ type: 'leave' }, words.back, { key: 'Échap' }), state.training ? null : button({ type: 'closing', period: 'day' }, words.close.day, { id: 'closing' })));
}

function cells(entry, speech) {
  const { words } = speech;
  const what = words.kinds[entry.kind] ?? entry.kind;
  const amount = entry.amount !== null && entry.unit ? ` ${speech.amount(entry.amount, entry.unit)}` : '';
  const money = entry.kind === 'debit' ? speech.money(entry.collected_cents) : entry.returned_cents ? `−${speech.money(entry.returned_cents)}` : '';
  const state = entry.related && entry.kind === 'debit' ? words.undoneRow : entry.verdict ? words[entry.verdict] : entry.acknowledged ? words.sent : words.waits;
  return [String(entry.entry), speech.clock(entry.time), `${what} ${entry.label ?? entry.benefit ?? entry.words ?? entry.detail ?? ''}${amount}`, entry.card ?? '', money, state];
}

/** The signed entry as a QR symbol: whoever has it checks it off line. */
const symbol = ({ side, path }, words) => h('svg', { class: 'symbol', viewBox: `${-QUIET} ${-QUIET} ${side + 2 * QUIET} ${side + 2 * QUIET}`, role: 'img', 'aria-label': words.symbol },
  h('path', { d: path }));

/** A receipt to be printed from here, or why there is none. */
export function receipt(shown, speech) {
  const { words } = speech;
  return h('section', { class: 'place' },
    h('div', { class: 'heading' }, h('h1', {}, words.receipt)),
    h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': words.receipt }, 
      h('div', { class: 'slip' }, h('pre', { class: 'paper' }, speech.set(shown.text)), shown.symbol ? symbol(shown.symbol, words) : null)),
    h('div', { class: 'acts' }, button({ type: 'leave' }, words.back, { key: 'Échap' }),
      shown.entry ? button({ type: 'primary' }, words.print, { key: '⏎', kind: 'primary' }) : null));
}

/** A day is closed, with what is in the drawer; or a month, or a year, of days that are closed. What should be in the drawer is said afterwards. */
export function closing({ period, typed, answer }, speech) {
  const { words } = speech;
  const title = words.close[period];
  if (!answer) {
    const others = Object.keys(words.close).filter((other) => other !== period);
    const screen = {
      tone: 'calm', above: title, primary: { label: title, ready: true },
      acts: [button({ type: 'leave' }, words.cancel, { key: 'Échap' }), ...others.map((other) => button({ type: 'closing', period: other }, words.close[other], { id: `closing-${other}` }))],
    };
    return assemble(period === 'day'
      ? { ...screen, over: words.counted, amount: typed ? speech.money(cents(typed)) : '–', typing: true, below: [words.countedHint], side: pad(words) }
      : { ...screen, figure: words.closeAsk[period], below: [words.closeHint[period]] }, words);
  }
  if (answer.outcome !== 'closed') {
    return assemble({ tone: 'refused', mark: 'refused', above: title, figure: speech.set(answer.message), below: [], primary: { label: words.understood, ready: true } }, words);
  }
  const { cash } = answer;
  const difference = cash.difference_cents;
  return assemble({
    tone: 'granted', mark: 'granted', above: words.closedPeriod(answer.of, answer.number), figure: words.closed[period],
    over: words.collectedNet, amount: speech.money(answer.collected_cents - answer.returned_cents),
    below: [
      period === 'day' ? words.drawer(speech.money(cash.expected_cents)) + (difference === null ? '' : ` ${words.difference(speech.money(difference))}`) : null,
      words.perpetual(speech.money(answer.perpetual_net_cents)), answer.in_doubt ? words.inDoubt(answer.in_doubt) : null,
    ],
    primary: { label: words.next, ready: true },
  }, words);
}

/** What is left on the card, for its holder to see. */
export function balance(card, speech) {
  const { words } = speech;
  const lines = card.benefits ?? [];
  return h('section', { class: 'place' },
    h('div', { class: 'heading' }, h('h1', {}, words.balanceTitle),
      h('p', {}, card.card ? `${card.card}${card.season_label ? `, ${lower(words.season(card.season_label))}` : ''}` : '')),
    h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': words.balanceTitle },
      lines.length ? h('ul', { class: 'benefits' }, lines.map((line) => h('li', { class: line.here ? 'here' : '' },
        h('span', { class: 'name' }, line.label, h('small', {}, line.here ? words.here : words.elsewhere)),
        h('strong', {}, speech.amount(line.left, line.unit)), h('small', {}, words.ofGranted(speech.amount(line.granted, line.unit))))))
        : h('p', { class: 'none' }, card.refusal ? speech.set(card.refusal.message) : words.balanceNone)),
    h('div', { class: 'acts' }, button({ type: 'leave' }, words.back, { key: 'Échap' })));
}

/** The terminal cannot be reached, or does not know this page. */
export function cut(line, stage, words) {
  const [figure, hint] = { down: [words.down, stage.lost || stage.name === 'selling' ? words.lostHint : words.downHint],
    locked: [words.locked, words.lockedHint], elsewhere: [words.elsewhereOpen, words.elsewhereHint], connecting: [words.connecting, ''] }[line];
  return assemble({ tone: line === 'connecting' ? 'calm' : 'cut', mark: line === 'connecting' ? 'card' : 'doubt', figure, below: [hint] }, words);
}

/** Who this is, and where one can go. */
export function top(state, speech) {
  const { words } = speech;
  const pressed = (place) => ({ 'aria-pressed': String(state.place === place) });
  return [
    h('p', { class: 'who' }, state.status?.partner_name ?? words.app),
    state.cashier && !state.training ? button({ type: 'signOut' }, state.cashier.name, { id: 'cashier', kind: 'tab', name: words.signOutOf(state.cashier.name) }) : null,
    h('nav', { 'aria-label': words.app },
      button({ type: 'go', place: 'journal' }, words.journal, { id: 'journal', key: 'F2', kind: 'tab', attributes: pressed('journal') }),
      button({ type: 'go', place: 'balance' }, words.balance, { id: 'balance', key: 'F3', kind: 'tab', attributes: pressed('balance') }),
      button({ type: 'training' }, state.training ? words.trainingEnd : words.training, { id: 'training', key: 'F9', kind: 'tab' }),
      button({ type: 'language' }, words.other, { id: 'language', key: 'F8', kind: 'tab', attributes: { lang: speech.language === 'fr' ? 'en' : 'fr' } })),
  ].filter(Boolean);
}

/** Exchange and exposure: always in sight, never in the way. */
export function bottom(state, speech, practice) {
  const { words } = speech;
  if (state.training) {
    return [h('p', { class: 'training' }, words.trainingBanner),
      h('div', { class: 'practice', role: 'group', 'aria-label': words.trainingCards }, practice.map(({ id, name }) =>
        button({ type: 'practice', card: id }, name, { id: `practice-${id}`, kind: 'tab' })))];
  }
  const item = (level, text) => h('p', { class: `item ${level}` }, h('i', { 'aria-hidden': 'true' }), text);
  if (state.line !== 'up' || !state.status) {
    // What was known before is not shown as if it were so still.
    return state.line === 'down' ? [item('hard', words.down)] : [h('p', { class: 'item' }, '')];
  }
  const { exchange, reader, printer, in_doubt: inDoubt, refusal, time } = state.status;
  const levels = ['offline_hours', 'waiting_entries', 'waiting_cents', 'deny_list_hours'].map((name) => exchange[name].level);
  const worst = levels.includes('hard') ? 'hard' : levels.includes('soft') ? 'soft' : 'within';
  const listAge = new Date(Date.parse(time) - exchange.deny_list_hours.value * 3600000).toISOString();
  const readerWord = { ready: words.readerReady, unavailable: words.readerNone, frozen: words.readerFrozen }[reader.state];
  const readerGood = reader.state === 'ready' && reader.names.length > 0;
  return [
    item(worst, speech.set(`${words[worst]} : `) + `${words.lastExchange(speech.age(exchange.last, time))}, ${words.waiting(exchange.waiting_entries.value, speech.money(exchange.waiting_cents.value))}, ${words.list(speech.age(listAge, time))}`),
    item(readerGood ? 'within' : 'hard', `${words.reader} ${readerGood ? readerWord : words.readerNone}`),
    printer?.error ? item('soft', words.printerFails(printer.waiting)) : null,
    inDoubt ? item('soft', words.inDoubt(inDoubt)) : null,
    unknownOnes(state).slice(0, 1).map((payment) => button({ type: 'unknown', payment }, words.verify(speech.money(payment.asked_cents)), { id: 'unknown', kind: 'tab soft' })),
    paidOnes(state).slice(0, 1).map((draft) => button({ type: 'awaited', name: nameOf(draft) }, words.awaited, { id: 'awaited', kind: 'tab soft' })),
    heldOnes(state).slice(0, 1).map((held) => button({ type: 'heldMoney', held }, words.heldMoney(speech.money(held.amount_cents)), { id: 'held', kind: 'tab soft' })),
    refusal ? item('hard', speech.set(refusal.message)) : null,
    button({ type: 'exchange' }, words.exchangeNow, { id: 'exchange', kind: 'tab' }),
  ].flat().filter(Boolean);
}
