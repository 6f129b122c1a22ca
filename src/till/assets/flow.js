// What the page does next: a function from the state and what happened to the next state and what is to be done. It touches nothing.
//
// What always holds:
// - A sale has one name from its first quote to its end. Whatever is tapped twice, asked twice or lost on the way is the same sale.
// - Nothing says "granted" before the terminal did.
// - A card that comes, leaves or is another one is followed at once, but for a sale that was confirmed: that one ends first.
// - A result stays until somebody goes on, or its card has been away for some seconds.

/** How long a result is shown after its card left, in milliseconds. */
const LINGER_MS = 6000;
/** After how long a busy terminal is asked again, in milliseconds. */
const BUSY_MS = 700;
/** A card that was served less than so long ago is asked about, in milliseconds. */
const JUST_SERVED_MS = 15 * 60 * 1000;
/** The most cents that can be typed: the terminal's own limit. */
const CENTS_MAX = 9_999_999;

const [PIN_DIGITS_MIN, PIN_DIGITS_MAX] = [4, 8];

/** Those who may sign in. */
export const signers = (people) => people.cashiers.filter((person) => !person.disabled);

/** Refusals after which the same is worth asking again at once. */
const RETRIED = ['card-changed', 'card-removed', 'busy', 'several-cards', 'not-sold'];

const TENDERS = ['cash', 'card', 'cheque', 'other'];

/** How a sale can be paid: on the bank terminal where one is set up, and never in practice. */
export const tendersOf = (state) => (state.status?.bank_terminal && !state.training ? ['tpe', ...TENDERS] : TENDERS);

/** Refusals after which the same sale goes on under its own name: the bank terminal has, or may have, money of it. */
const HELD = ['payment-unknown', 'payment-incomplete'];

/** The name of a sale, as the terminal writes it. */
export const nameOf = (draft) => draft.id.replaceAll('-', '');

/** The payment of a sale that is in this state, where there is one. */
export const paymentOf = (state, draft, ...states) =>
  state.status?.payments?.find((payment) => draft && payment.request === nameOf(draft) && states.includes(payment.state));

/** Payments that nobody knows the end of. */
export const unknownOnes = (state) => (state.status?.payments ?? []).filter((payment) => payment.state === 'unknown');

/** Money that the bank terminal has of sales that this page knows nothing of. */
export const heldOnes = (state) => (state.status?.held ?? [])
  .filter(({ request }) => !state.kept[request] && !(state.stage.draft && nameOf(state.stage.draft) === request));

/** What of a sale is paid in cash, where the bank terminal takes the rest. */
export const cashOf = (draft, due) => (draft.tender === 'tpe' && draft.cash > 0 && draft.cash < due ? draft.cash : 0);

/** Sales that wait for their card: they are paid. */
export const paidOnes = (state) => Object.values(state.kept).filter((draft) => draft.paid);

export const beginning = () => ({
  line: 'connecting', status: null, card: { present: false }, place: 'counter', stage: { name: 'idle' }, turn: 0, training: false,
  people: null, cashier: null, signing: null, receipt: null, closing: null, kept: {},
});

const fresh = (id, kept = {}) => ({
  id, benefit: null, price: null, seats: null, supplement: 0, tender: 'cash', received: null, ...kept,
});

/** Whether a card is there and can be served. */
const ready = (card) => card.present && card.genuine === true && !card.refusal;

export const justServed = (card, now) =>
  ready(card) && card.served && now - Date.parse(card.served.time) < JUST_SERVED_MS ? card.served : null;

/** Whether somebody has to say who they are before anything is sold. */
export const needsSignIn = (state) => !state.training && Boolean(state.people?.sign_in_needed) && !state.cashier;

/** Cents out of what was typed: from the right as on a bank terminal, or with a comma. */
export const cents = (typed) => {
  const [whole, part] = typed.split(',');
  return part === undefined ? Number(typed || 0) : Number(whole || 0) * 100 + Number(part.padEnd(2, '0'));
};

const type = (typed, key) => {
  if (key === 'back') {
    return typed.slice(0, -1);
  }
  if (key === ',') {
    return typed.includes(',') ? typed : `${typed || '0'},`;
  }
  const longer = `${typed}${key}`.replace(/^0+(?=\d)/, '');
  const [, part] = longer.split(',');
  return (part ?? '').length > 2 || cents(longer) > CENTS_MAX ? typed : longer;
};

/** The next state, and what is to be done. */
export function next(state, event) {
  const step = steps[event.type];
  return step ? step(state, event) : [state, []];
}

const to = (state, stage, effects = []) => [{ ...state, stage, turn: state.turn + 1 }, effects];
const stay = (state, changes, effects = []) => [{ ...state, ...changes }, effects];
const revise = (state, changes, effects = []) => stay(state, { stage: { ...state.stage, ...changes } }, effects);

/** Asks what the draft would cost. */
const quoting = (state, draft) =>
  to(state, { name: 'quoting', draft }, [{ do: 'quote', draft, turn: state.turn + 1 }]);

/** A card can be served: what was typed before it came is for it. */
const serve = (state, id) => {
  const kept = state.stage.draft ?? {};
  const typed = state.stage.name === 'price' ? cents(state.stage.typed) : 0;
  if (state.stage.name === 'price' && !typed && state.stage.early) {
    return to(state, { ...state.stage, draft: fresh(id), early: false });
  }
  return quoting(state, fresh(id, typed ? { price: typed, tender: kept.tender ?? 'cash' } : {}));
};

/** What the bank terminal has or may have money of is kept until its end, whoever is served meanwhile. */
function keep(state, draft, changes = {}) {
  const kept = { ...state.kept, [nameOf(draft)]: { ...draft, ...changes } };
  return [{ ...state, kept }, [{ do: 'keep', kept }]];
}

/** A sale has ended: it is kept no longer. */
function release(state, draft) {
  if (!draft || !state.kept[nameOf(draft)]) {
    return [state, []];
  }
  const { [nameOf(draft)]: _ended, ...kept } = state.kept;
  return [{ ...state, kept }, [{ do: 'keep', kept }]];
}

/** Paid, and its card is not there: it is waited for, and others are served. */
function awaitCard(state, draft) {
  const [now, effects] = keep(state, draft, { paid: true });
  return to(now, { name: 'doubt', paid: true, card: draft.card, draft: now.kept[nameOf(draft)] }, [...effects, { do: 'forget' }]);
}

/** A sale, and whether only a part of it is paid. */
const withPart = ({ draft, refusal }) => ({ ...draft, part: draft.part ?? Boolean(refusal?.due_cents) });

/** The same sale once more, under a new name: over the card that lies there. */
const retry = (state, draft) => (ready(state.card) && [undefined, state.card.card].includes(draft.card) ? quoting(state, draft) : rest(state));

/** Nothing is under way: a card that lies there was dealt with, and is served again only when that is asked for. */
const rest = (state) => to(state, { name: state.card.present ? 'rest' : 'idle' });

/** A card came, changed or left while nothing holds the page. */
function follow(state, card, id) {
  if (card.in_doubt) {
    return to(state, { name: 'doubt', ...card.in_doubt, draft: state.stage.draft ?? null }, [{ do: 'sound', sound: 'doubt' }]);
  }
  if (!card.present) {
    const { stage } = state;
    return stage.name === 'price' && stage.early ? [state, []] : to(state, { name: 'idle' });
  }
  if (card.refusal) {
    return to(state, { name: 'refused', refusal: card.refusal, card: card.card }, [{ do: 'sound', sound: 'refused' }]);
  }
  if (needsSignIn(state)) {
    return to(state, { name: 'rest' });
  }
  return ready(card) ? serve(state, id) : to(state, { ...state.stage, name: state.stage.name === 'price' ? 'price' : 'reading' });
}

/** Whether it is the same card in the same state, as far as the page can see. */
const same = (one, other) => one.present && other.present && one.card === other.card && one.counter === other.counter;

const steps = {
  line(state, { line }) {
    if (line === state.line) {
      return [state, []];
    }
    const back = line === 'up' && state.stage.lost ? [{ do: 'recover', draft: state.stage.draft }] : [];
    return stay(state, { line }, line === 'up' ? [{ do: 'people' }, ...back] : back);
  },

  /** Who may sign in, and who has. */
  people(state, { answer, id }) {
    const cashier = answer.cashiers.find((person) => person.cashier === answer.signed_in) ?? null;
    const now = { ...state, people: answer, cashier, signing: cashier ? null : state.signing };
    const waits = ['idle', 'rest', 'refused'].includes(state.stage.name) && state.card.present && !needsSignIn(now);
    return needsSignIn(state) && waits ? follow({ ...now, stage: { name: 'idle' } }, state.card, id) : [now, []];
  },

  /** Somebody says who they are. */
  person(state, { person }) {
    return stay(state, { signing: person ? { person, typed: '', message: '' } : null });
  },

  signed(state, { answer }) {
    return answer.outcome === 'signed-in' ? stay(state, { signing: null }, [{ do: 'people' }])
      : state.signing ? stay(state, { signing: { ...state.signing, typed: '', message: answer.message } }, [{ do: 'sound', sound: 'refused' }]) : [state, []];
  },

  signOut(state) {
    const holds = ['selling', 'undoing', 'abandoning', 'returning'].includes(state.stage.name);
    return holds ? [state, []] : stay({ ...rest(state)[0], place: 'counter' }, { cashier: null, signing: null }, [{ do: 'signOut' }]);
  },

  snapshot(state, { data, id }) {
    const [now, effects] = stay(state, { status: data.status });
    const { card } = data.status;
    // Everything is told anew after a restart and with a change of language: what lies there, and what was done with it, is no news then.
    if (same(state.card, card) && !(card.refusal && state.stage.name === 'refused')) {
      return [{ ...now, card }, effects];
    }
    if (['idle', 'reading'].includes(state.stage.name) && !state.card.present && justServed(card, Date.parse(data.status.time))) {
      return rest({ ...now, card });
    }
    const [then, more] = steps.card(now, { data: card, id });
    return [then, [...effects, ...more]];
  },

  status(state, { data }) {
    return stay(state, { status: data });
  },

  /** Another client was answered: the journal has something new. */
  outcome(state) {
    return [state, []];
  },

  card(state, { data: card, id }) {
    const before = state.card;
    const now = { ...state, card };
    const { stage } = state;
    switch (stage.name) {
      // What was confirmed ends first; the card that is asked for is shown meanwhile.
      case 'selling': case 'undoing': case 'abandoning': case 'returning':
        return [now, []];
      case 'doubt':
        // The card is back: the sale of that name is asked for again, which debits nothing a second time.
        if (ready(card)) {
          return stage.draft && stage.card === card.card
            ? to(now, { name: 'selling', draft: stage.draft, again: true }, [{ do: 'recover', draft: stage.draft }]) : follow(now, card, id);
        }
        return card.refusal ? follow(now, card, id) : [now, []];
      case 'granted': case 'undone': case 'returned':
        if (card.present && !before.present) {
          return follow(now, card, id);
        }
        return card.present || !before.present ? [now, []]
          : [now, [{ do: 'later', after: LINGER_MS, event: { type: 'faded', turn: state.turn } }]];
      case 'refused':
        if (HELD.includes(stage.refusal.refusal)) {
          return [now, []];
        }
        if (!card.present) {
          return [now, [{ do: 'later', after: LINGER_MS, event: { type: 'faded', turn: state.turn } }]];
        }
        return card.refusal && card.refusal.refusal === stage.refusal.refusal || same(before, card) ? [now, []] : follow(now, card, id);
      case 'undo': case 'abandon':
        return [now, []];
      case 'quoting': case 'quoted': case 'choice': case 'supplement': case 'cashPart': case 'price': case 'rest':
        return same(before, card) ? [now, []] : follow(now, card, id);
      default:
        return follow(now, card, id);
    }
  },

  faded(state, { turn }) {
    return turn === state.turn && !state.card.present ? to(state, { name: 'idle' }) : [state, []];
  },

  quoted(state, { turn, answer }) {
    if (turn !== state.turn || state.stage.name !== 'quoting') {
      return [state, []];
    }
    const { draft } = state.stage;
    if (answer.outcome === 'quoted') {
      const cash = cashOf(draft, answer.due_cents);
      return to(state, { name: 'quoted', draft: { ...draft, benefit: answer.benefit, cash }, quote: answer, typed: '' });
    }
    switch (answer.refusal) {
      case 'price-needed':
        return to(state, { name: 'price', draft, typed: '', early: false });
      case 'choose-benefit':
        return to(state, { name: 'choice', draft, choices: answer.choices });
      case 'busy':
        return [state, [{ do: 'later', after: BUSY_MS, event: { type: 'requote', turn } }]];
      case 'card-removed':
        return state.card.present ? [state, [{ do: 'later', after: BUSY_MS, event: { type: 'requote', turn } }]] : rest(state);
      case 'amount-refused':
        if (draft.seats > 1) {
          // One seat more than may be taken at once: back to what may.
          return quoting(state, { ...draft, seats: draft.seats - 1, seatsMax: draft.seats - 1 });
        }
        return to(state, { name: 'refused', refusal: answer, draft }, [{ do: 'sound', sound: 'refused' }]);
      case 'sign-in-needed':
        // The session is over: who sells is asked first.
        return stay(rest(state)[0], { cashier: null }, [{ do: 'people' }]);
      default:
        return to(state, { name: 'refused', refusal: answer, draft }, [{ do: 'sound', sound: 'refused' }]);
    }
  },

  requote(state, { turn }) {
    return turn === state.turn && state.stage.name === 'quoting' ? quoting(state, state.stage.draft) : [state, []];
  },

  /** The end of a sale, an undo or an abandonment, as the terminal says it. */
  ended(state, { id, answer }) {
    const { stage } = state;
    if (stage.draft?.id !== id && stage.id !== id) {
      return [state, []];
    }
    switch (answer.outcome) {
      case 'granted': {
        const [now, effects] = release(state, stage.draft);
        return to(now, { name: 'granted', answer, draft: stage.draft }, [{ do: 'sound', sound: 'granted' }, { do: 'forget' }, ...effects]);
      }
      case 'undone': case 'undo-requested': case 'abandoned':
        return to(state, { name: 'undone', answer }, [{ do: 'sound', sound: 'granted' }, { do: 'forget' }]);
      default: {
        const doubt = answer.refusal === 'sale-in-doubt';
        if (doubt && stage.name !== 'undoing') {
          const due = stage.quote?.due_cents ?? stage.collected_cents ?? 0;
          return to(state, { name: 'doubt', card: answer.card, collected_cents: due, draft: stage.draft }, [{ do: 'sound', sound: 'doubt' }]);
        }
        // What the bank terminal may have money of keeps its name, also over a reload.
        const maybePaid = stage.draft?.tender === 'tpe' && !['payment-not-made', ...HELD].includes(answer.refusal);
        const forget = HELD.includes(answer.refusal) ? [] : maybePaid ? [{ do: 'askHeld', draft: stage.draft }] : [{ do: 'forget' }];
        return to(state, { name: 'refused', refusal: answer, draft: stage.draft }, [{ do: 'sound', sound: 'refused' }, ...forget]);
      }
    }
  },

  /** A payment that nobody knows the end of is asked about again. */
  unknown(state, { payment }) {
    if (!['idle', 'rest', 'refused', 'granted', 'undone', 'returned'].includes(state.stage.name)) {
      return [state, []];
    }
    const draft = state.kept[payment.request];
    const refusal = { refusal: 'payment-unknown', message: payment.message, next: '', due_cents: payment.asked_cents };
    return to({ ...state, place: 'counter' }, { name: 'refused', refusal, draft: draft ?? { id: payment.request }, foreign: !draft || payment.way === 'refund' });
  },

  /** A sale that is paid waits for its card. */
  awaited(state, { name }) {
    const free = ['idle', 'rest', 'refused', 'granted', 'undone', 'returned'].includes(state.stage.name);
    return free && state.kept[name] ? awaitCard({ ...state, place: 'counter' }, state.kept[name]) : [state, []];
  },

  /** The cashier has looked at the bank terminal: the sale goes on, or is paid anew. */
  paid(state, { paid }) {
    const { stage } = state;
    const waits = stage.name === 'refused' && stage.refusal.refusal === 'payment-unknown' && stage.draft;
    const draft = waits && { ...stage.draft, tender: 'tpe' };
    return waits ? to(state, { name: 'selling', draft, foreign: stage.foreign, again: true }, [{ do: 'answerPayment', draft, paid }]) : [state, []];
  },

  /** The word is on record: paid goes on with the sale, not paid begins it again. A sale of another till goes on there. */
  answered(state, { paid }) {
    const { stage } = state;
    if (stage.name !== 'selling') {
      return [state, []];
    }
    if (stage.foreign) {
      return rest(state);
    }
    if (paid) {
      return state.card.card === stage.draft.card ? [state, [{ do: 'resume', draft: stage.draft }]] : awaitCard(state, stage.draft);
    }
    const [now, effects] = release(state, stage.draft);
    const [then, more] = state.card.card === stage.draft.card ? quoting(now, stage.draft) : rest(now);
    return [then, [...effects, { do: 'forget' }, ...more]];
  },

  /** Others are served first: the sale is kept. */
  later(state) {
    const { stage } = state;
    if (stage.name !== 'refused' || !HELD.includes(stage.refusal.refusal) || !stage.draft) {
      return [state, []];
    }
    const paid = stage.refusal.refusal === 'payment-incomplete';
    const [now, effects] = stage.foreign ? [state, []] : keep(state, withPart(stage), { paid });
    return [rest(now)[0], [...effects, { do: 'forget' }]];
  },

  /** Money that the bank terminal has, and nobody knows here of which sale. */
  heldMoney(state, { held }) {
    const free = ['idle', 'rest', 'refused', 'granted', 'undone', 'returned'].includes(state.stage.name);
    const refusal = { refusal: 'payment-incomplete', message: '', next: '', held_cents: held.amount_cents };
    return free ? to({ ...state, place: 'counter' }, { name: 'refused', refusal, draft: { id: held.request }, foreign: true }) : [state, []];
  },

  /** The rest is collected in cash: the same sale goes on with it. */
  restInCash(state) {
    const { stage } = state;
    const missing = stage.name === 'refused' && stage.refusal.refusal === 'payment-incomplete' && !stage.notReturned && stage.refusal.due_cents;
    if (!missing || !stage.draft) {
      return [state, []];
    }
    const draft = { ...stage.draft, tender: 'tpe', cash: (stage.draft.cash ?? 0) + missing };
    return to(state, { name: 'selling', draft, again: true }, [{ do: 'resume', draft }]);
  },

  /** What the bank terminal took for a sale that does not come about goes back the same way. */
  giveBack(state) {
    const { stage } = state;
    const held = stage.draft && (stage.name === 'doubt' && stage.paid || stage.name === 'refused' && stage.refusal.refusal === 'payment-incomplete');
    return held ? to(state, { name: 'returning', draft: withPart(stage) }, [{ do: 'giveBack', draft: stage.draft }]) : [state, []];
  },

  givenBack(state, { id, answer }) {
    const { stage } = state;
    if (stage.name !== 'returning' || stage.draft.id !== id) {
      return [state, []];
    }
    if (answer.state === 'approved' || answer.refusal === 'nothing-to-return' || answer.state === 'unknown') {
      const [now, effects] = release(state, stage.draft);
      const done = answer.state === 'unknown' ? steps.unknown({ ...rest(now)[0] }, { payment: answer })
        : to(now, { name: 'returned', amount: answer.amount_cents ?? 0, cash: stage.draft.cash ?? 0 }, [{ do: 'sound', sound: 'granted' }]);
      return [done[0], [...done[1], ...effects, { do: 'forget' }]];
    }
    const refusal = { refusal: 'payment-incomplete', message: answer.message, next: '' };
    return to(state, { name: 'refused', refusal, draft: stage.draft, notReturned: true }, [{ do: 'sound', sound: 'refused' }]);
  },

  /** The bank terminal surely took nothing: cash then, for the same. */
  inCash(state, { id }) {
    const { stage } = state;
    return stage.name === 'refused' && stage.refusal.refusal === 'payment-not-made' && stage.draft
      ? retry(state, { ...stage.draft, id, tender: 'cash', cash: 0, had: stage.draft.cash ?? 0 }) : [state, []];
  },

  /** The answer was lost, or the terminal could not give one. */
  lost(state, { id, problem }) {
    const { stage } = state;
    if (stage.draft?.id !== id && stage.id !== id) {
      return [state, []];
    }
    if (problem === 'request-unknown' || problem === 'quote-unknown') {
      return to(state, { name: 'refused', refusal: { refusal: 'not-sold' }, draft: stage.draft }, [{ do: 'sound', sound: 'refused' }, { do: 'forget' }]);
    }
    if (stage.name === 'quoting') {
      return [state, [{ do: 'later', after: BUSY_MS, event: { type: 'requote', turn: state.turn } }]];
    }
    if (!stage.draft || stage.name === 'returning') {
      return to(state, { name: 'refused', refusal: { refusal: 'not-known' } }, [{ do: 'sound', sound: 'refused' }]);
    }
    const [now] = revise(state, { lost: true });
    return state.line === 'up' ? [now, [{ do: 'later', after: BUSY_MS, event: { type: 'recover', turn: state.turn } }]] : [now, []];
  },

  recover(state, { turn }) {
    const again = turn === state.turn && state.stage.lost && state.line === 'up';
    return again ? [state, [{ do: 'recover', draft: state.stage.draft }]] : [state, []];
  },

  /** The sale was begun: only then it is asked for again, under its own name. */
  found(state, { id, answer }) {
    const { stage } = state;
    if (stage.draft?.id === id && stage.name === 'selling' && answer.refusal === 'payment-incomplete' && !state.card.present) {
      return awaitCard(state, stage.draft);
    }
    return stage.draft?.id === id && stage.name === 'selling'
      ? revise(state, { lost: false, again: true, doubt: answer.refusal === 'sale-in-doubt' }, [{ do: 'resume', draft: stage.draft }]) : [state, []];
  },

  /** A sale came to nothing: whether the bank terminal has money of it. */
  held(state, { draft, held }) {
    if (!held) {
      return [state, [{ do: 'forget' }]];
    }
    const { stage } = state;
    if (stage.name === 'refused' && stage.draft?.id === draft.id && stage.refusal.refusal === 'card-removed') {
      return awaitCard(state, draft);
    }
    const [now, effects] = keep(state, draft, { paid: true });
    return [now, [...effects, { do: 'forget' }]];
  },

  /** The card did not come: the sale is not waited for any longer, and what became of it is asked. */
  giveUp(state) {
    const { stage } = state;
    return stage.name === 'selling' ? revise(state, { lost: true }, [{ do: 'cancel' }, { do: 'later', after: BUSY_MS, event: { type: 'recover', turn: state.turn } }]) : [state, []];
  },

  /** A sale that was under way when the page was closed. */
  resumed(state, { draft }) {
    return to(state, { name: 'selling', draft, lost: true, again: true });
  },

  // --- What the cashier does. ---

  /** A receipt is wanted: on paper from the terminal's printer, where it has one; else the page shows it, to be printed from here. */
  receipt(state, { entry }) {
    return [state, [{ do: 'receipt', entry }]];
  },

  printed(state, { answer }) {
    return answer.outcome === 'receipt' ? stay(state, { receipt: answer, place: answer.onPaper ? state.place : 'receipt' })
      : stay(state, { receipt: { text: answer.message }, place: 'receipt' });
  },

  /** A day, a month, a year is to be closed: for a day the drawer is counted first. */
  closing(state, { period }) {
    return stay(state, { place: 'closing', closing: { period, typed: '', answer: null } });
  },

  closed(state, { answer }) {
    return state.closing ? stay(state, { closing: { ...state.closing, answer } }) : [state, []];
  },

  /** The one thing that is to be done on this screen. */
  primary(state, { id }) {
    const { stage } = state;
    if (needsSignIn(state)) {
      const { person, typed } = state.signing ?? {};
      return typed?.length >= PIN_DIGITS_MIN ? [state, [{ do: 'signIn', cashier: person.cashier, pin: typed }]] : [state, []];
    }
    if (state.place === 'closing' && !state.closing.answer) {
      const { period, typed } = state.closing;
      return [state, [{ do: 'close', period, counted: typed ? cents(typed) : undefined }]];
    }
    if (state.place === 'receipt') {
      return [state, [{ do: 'print' }]];
    }
    if (state.place !== 'counter') {
      return steps.go(state, { place: 'counter' });
    }
    switch (stage.name) {
      case 'quoted': {
        const received = stage.draft.tender === 'cash' ? cents(stage.typed) : 0;
        const draft = { ...stage.draft, received: received || null, card: stage.quote.card, due: stage.quote.due_cents };
        return to(state, { name: 'selling', draft, quote: stage.quote }, [{ do: 'sell', draft, quote: stage.quote }]);
      }
      case 'price': {
        const price = cents(stage.typed);
        if (!price) {
          return [state, []];
        }
        return ready(state.card) ? quoting(state, { ...(stage.draft ?? fresh(id)), price }) : revise(state, { early: true, waiting: true });
      }
      case 'supplement':
        return quoting(state, { ...stage.draft, supplement: cents(stage.typed) });
      case 'cashPart':
        return cents(stage.typed) < stage.quote.due_cents
          ? to(state, { name: 'quoted', draft: { ...stage.draft, cash: cents(stage.typed) }, quote: stage.quote, typed: '' }) : [state, []];
      case 'refused':
        if ((stage.refusal.refusal === 'payment-unknown' || stage.notReturned) && stage.draft) {
          // Neither word is the one to say without looking; and whoever wants money back is not asked for more.
          return [state, []];
        }
        if (stage.refusal.refusal === 'payment-not-made' && stage.draft) {
          return retry(state, { ...stage.draft, id });
        }
        if (stage.refusal.refusal === 'payment-incomplete' && stage.foreign) {
          return [state, []];
        }
        if (stage.refusal.refusal === 'payment-incomplete' && stage.draft) {
          return to(state, { name: 'selling', draft: { ...stage.draft, tender: 'tpe' }, again: true }, [{ do: 'resume', draft: { ...stage.draft, tender: 'tpe' } }]);
        }
        if (RETRIED.includes(stage.refusal.refusal) && ready(state.card)) {
          const { price, benefit, tender } = stage.draft ?? {};
          return quoting(state, fresh(id, stage.draft ? { price, benefit, tender } : {}));
        }
        return stage.refusal.refusal === 'amount-refused' && stage.draft?.price
          ? to(state, { name: 'price', draft: { ...stage.draft, id }, typed: '', early: false }) : rest(state);
      case 'granted': case 'undone': case 'returned':
        return rest(state);
      case 'undo':
        return to(state, { name: 'undoing', id, entry: stage.entry, line: stage.line }, [{ do: 'undo', id, entry: stage.entry, withoutCard: false }]);
      case 'abandon':
        return to(state, { name: 'abandoning', id, draft: null }, [{ do: 'abandon', id }]);
      default:
        return [state, []];
    }
  },

  /** Back, or: done with this. */
  leave(state) {
    const { stage } = state;
    if (needsSignIn(state)) {
      return stay(state, { signing: null });
    }
    if (state.place !== 'counter') {
      return steps.go(state, { place: 'counter' });
    }
    switch (stage.name) {
      case 'quoted':
        return stage.quote.unit === 'cent' ? to(state, { name: 'price', draft: stage.draft, typed: '', early: false }) : [state, []];
      case 'supplement':
        return quoting(state, stage.draft);
      case 'cashPart':
        return to(state, { name: 'quoted', draft: stage.draft, quote: stage.quote, typed: '' });
      case 'price':
        return stage.typed ? revise(state, { typed: '', waiting: false }) : stage.early ? rest(state) : [state, []];
      case 'abandon':
        return to(state, { ...stage, name: 'doubt' });
      case 'refused':
        return HELD.includes(stage.refusal.refusal) && stage.draft ? steps.later(state) : rest(state);
      case 'undo': case 'granted': case 'undone': case 'returned':
        return rest(state);
      case 'undoing':
        return [rest(state)[0], [{ do: 'cancel' }]];
      default:
        return [state, []];
    }
  },

  /** The card that lies there once more. */
  again(state, { id }) {
    return state.stage.name === 'rest' && ready(state.card) ? quoting(state, fresh(id)) : [state, []];
  },

  key(state, { key }) {
    const { stage } = state;
    if (needsSignIn(state)) {
      if (!state.signing) {
        const person = signers(state.people)[Number(key) - 1];
        return person ? steps.person(state, { person }) : [state, []];
      }
      const typed = key === 'back' ? state.signing.typed.slice(0, -1) : /^[0-9]+$/.test(key) ? `${state.signing.typed}${key}` : state.signing.typed;
      return stay(state, { signing: { ...state.signing, typed: typed.slice(0, PIN_DIGITS_MAX), message: '' } });
    }
    if (state.place === 'closing' && state.closing.period === 'day' && !state.closing.answer) {
      return stay(state, { closing: { ...state.closing, typed: type(state.closing.typed, key) } });
    }
    if (state.place !== 'counter') {
      return [state, []];
    }
    if (stage.name === 'idle' && /^[0-9]/.test(key)) {
      return to(state, { name: 'price', draft: null, typed: type('', key), early: true });
    }
    if (stage.name === 'choice' && stage.choices[Number(key) - 1]) {
      return steps.choose(state, { benefit: stage.choices[Number(key) - 1] });
    }
    if (stage.name === 'quoted' && stage.draft.tender === 'tpe' && stage.quote.due_cents > 1 && /^[0-9]/.test(key)) {
      return steps.cashPart(state, { typed: type('', key) });
    }
    return ['price', 'supplement', 'cashPart', 'quoted'].includes(stage.name) && stage.typed !== undefined
      ? revise(state, { typed: type(stage.typed, key), waiting: false }) : [state, []];
  },

  /** A note or coin that was handed over. */
  received(state, { cents: received }) {
    return state.stage.name === 'quoted' ? revise(state, { typed: String(received) }) : [state, []];
  },

  choose(state, { benefit }) {
    return state.stage.name === 'choice' ? quoting(state, { ...state.stage.draft, benefit }) : [state, []];
  },

  seats(state, { by }) {
    const { stage } = state;
    if (stage.name !== 'quoted' || stage.quote.unit !== 'seat') {
      return [state, []];
    }
    const seats = stage.quote.amount + by;
    return seats < 1 || seats > Math.min(stage.quote.amount + stage.quote.left, stage.draft.seatsMax ?? Infinity) ? [state, []] : quoting(state, { ...stage.draft, seats });
  },

  tender(state, { tender }) {
    const { stage } = state;
    if (stage.name !== 'quoted') {
      return [state, []];
    }
    const tenders = tendersOf(state);
    const following = tenders[(tenders.indexOf(stage.draft.tender) + 1) % tenders.length];
    return revise(state, { draft: { ...stage.draft, tender: tender ?? following, cash: 0 }, typed: '' });
  },

  /** A part is paid in cash, the rest on the bank terminal. */
  cashPart(state, { typed = '' }) {
    const { stage } = state;
    return stage.name === 'quoted' && stage.draft.tender === 'tpe' && stage.quote.due_cents > 1
      ? to(state, { name: 'cashPart', draft: stage.draft, quote: stage.quote, typed }) : [state, []];
  },

  supplement(state) {
    return state.stage.name === 'quoted' ? to(state, { name: 'supplement', draft: state.stage.draft, typed: '' }) : [state, []];
  },

  /** A sale is to be taken back: first it is said which, and what it gives back. */
  undo(state, { line }) {
    const holds = ['selling', 'undoing', 'abandoning', 'doubt', 'returning'].includes(state.stage.name);
    return holds ? [state, []] : to({ ...state, place: 'counter' }, { name: 'undo', entry: line.entry, line });
  },

  withoutCard(state, { id }) {
    const { stage } = state;
    return stage.name === 'undo' || stage.name === 'undoing'
      ? to(state, { name: 'undoing', id, entry: stage.entry, line: stage.line },
        [{ do: 'cancel' }, { do: 'undo', id, entry: stage.entry, withoutCard: true }])
      : [state, []];
  },

  abandon(state) {
    const { stage, card } = state;
    const known = card.in_doubt ?? { card: stage.card, collected_cents: stage.collected_cents ?? stage.quote?.due_cents };
    return ['doubt', 'selling'].includes(stage.name)
      ? to(state, { ...stage, name: 'abandon', ...known, draft: stage.draft }, [{ do: 'cancel' }]) : [state, []];
  },

  go(state, { place }) {
    return stay(state, { place: state.place === place ? 'counter' : place });
  },

  training(state) {
    const training = !state.training;
    return [{ ...beginning(), line: state.line, status: state.status, people: state.people, cashier: state.cashier, kept: state.kept, training, turn: state.turn + 1 }, [{ do: 'train', training }]];
  },
};
