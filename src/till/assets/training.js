// Practice: a terminal that is not one. It answers as the terminal does, out of this file alone; nothing is asked of the terminal, no card is touched, and
// nothing is kept when it is over.

import { Unanswered } from './line.js';

const seat = (left, here = true) => ({ benefit: 'cinema', label: ['Cinéma', 'Cinema'], unit: 'seat', granted: 5, left, here });
const books = (left, here = true) => ({ benefit: 'leisure-books', label: ['Livres loisirs', 'Leisure books'], unit: 'cent', granted: 800, left, here });

const CARDS = {
  seat: { name: ['Cinéma', 'Cinema'], benefits: () => [seat(4), books(800, false)] },
  book: { name: ['Librairie', 'Bookshop'], benefits: () => [seat(4, false), books(800)] },
  both: { name: ['Deux avantages', 'Two benefits'], benefits: () => [seat(5), books(650)] },
  spent: { name: ['Plus rien', 'Nothing left'], benefits: () => [seat(0)] },
  torn: { name: ['Retirée trop tôt', 'Pulled too early'], benefits: () => [seat(3)], torn: true },
  lost: { name: ['Déclarée perdue', 'Declared lost'], refusal: 'card-denied' },
};

const SENTENCES = {
  'card-denied': [['Cette carte a été déclarée perdue, volée ou remplacée : elle ne sert plus.', 'Ne la servez pas. Une carte trouvée se renvoie à la région.'],
    ['This card was declared lost, stolen or replaced: it no longer works.', 'Do not serve it. A found card goes back to the region.']],
  'nothing-left': [['Il ne reste rien de cet avantage sur la carte.', 'Le titulaire paie le plein tarif.'],
    ['Nothing is left of this benefit on the card.', 'The holder pays the full price.']],
  'card-removed': [["La carte n'est pas, ou n'est plus, sur le lecteur.", "Présentez la carte et laissez-la jusqu'au résultat."],
    ['The card is not, or no longer, on the reader.', 'Present the card and leave it until the result.']],
  'price-needed': [['Il manque le prix.', "Tapez le prix de l'achat."], ['The price is missing.', 'Type the price of the purchase.']],
  'choose-benefit': [['Plusieurs avantages conviennent.', "Choisissez l'avantage à utiliser."], ['Several benefits match.', 'Choose the benefit to use.']],
  'nothing-to-undo': [["Il n'y a rien à annuler.", 'Vérifiez le journal.'], ['There is nothing to undo.', 'Check the journal.']],
  'sale-in-doubt': [['On ne sait pas encore si la carte a été débitée.', 'Représentez la même carte : rien ne sera débité deux fois.'],
    ['It is not known yet whether the card was debited.', 'Present the same card again: nothing is debited twice.']],
};

export class Practice {
  #hear;
  #words = 0;
  #laid = null;
  #counter = 0;
  #journal = [];
  #torn = null;

  constructor(hear) {
    this.#hear = hear;
  }

  /** The cards that can be laid, and taking one away. */
  get cards() {
    const cards = Object.entries(CARDS).map(([id, { name }]) => ({ id, name: name[this.#words] }));
    return [...cards, { id: 'none', name: ['Retirer la carte', 'Take the card away'][this.#words] }];
  }

  begin(language) {
    this.#words = language === 'fr' ? 0 : 1;
    this.#laid = null;
    this.#torn = null;
    this.#journal = [];
    this.#show();
  }

  lay(id) {
    this.#laid = null;
    this.#show();
    if (CARDS[id]) {
      this.#counter += 1;
      this.#laid = { id, number: `9250 .... .... ${String(1000 + Object.keys(CARDS).indexOf(id))}`, benefits: CARDS[id].benefits?.() ?? [], served: null };
      this.#show();
    }
  }

  /** As [Line.ask]. */
  async ask(method, path, body) {
    await new Promise((done) => setTimeout(done, 150));
    const [address] = path.split('?');
    const answer = { '/v1/quotes': () => this.#quote(body), '/v1/quotes/confirm': () => this.#sell(body), '/v1/redemptions': () => this.#again(body),
      '/v1/undos': () => this.#undo(body), '/v1/abandonments': () => this.#abandon(body), '/v1/journal': () => ({ entries: this.#journal.toReversed() }) }[address];
    if (!answer) {
      if (address.startsWith('/v1/requests/') && this.#torn) {
        return this.#refused(this.#torn.id, 'sale-in-doubt');
      }
      throw new Unanswered({ code: 'request-unknown', title: '' });
    }
    return answer();
  }

  #show() {
    this.#hear({ type: 'card', data: this.#card() });
  }

  #card() {
    const laid = this.#laid;
    if (!laid) {
      const torn = this.#torn && { card: this.#torn.card.number, collected_cents: this.#torn.quote.due_cents };
      return { present: false, ...(torn ? { in_doubt: torn } : {}) };
    }
    const refusal = CARDS[laid.id].refusal;
    return {
      present: true, genuine: true, card: laid.number, counter: this.#counter, served: laid.served, season_label: '2026-2027',
      benefits: laid.benefits.map((line) => ({ ...line, label: line.label[this.#words] })), refusal: refusal ? this.#refused('', refusal) : null,
    };
  }

  #refused(id, refusal, more = {}) {
    const [message, next] = SENTENCES[refusal][this.#words];
    return { id, outcome: 'refused', refusal, message, next, due_cents: null, choices: [], again: refusal === 'card-removed', ...more };
  }

  #quote(asked) {
    if (!this.#laid) {
      return this.#refused(asked.id, 'card-removed');
    }
    const here = this.#laid.benefits.filter((line) => line.here && line.left > 0);
    const lines = asked.benefit ? here.filter((line) => line.benefit === asked.benefit) : here;
    if (lines.length === 0) {
      return this.#refused(asked.id, 'nothing-left');
    }
    if (lines.length > 1) {
      return this.#refused(asked.id, 'choose-benefit', { choices: lines.map((line) => line.benefit) });
    }
    const [line] = lines;
    if (line.unit === 'cent' && !asked.price_cents) {
      return this.#refused(asked.id, 'price-needed');
    }
    const supplement = asked.supplement_cents ?? 0;
    const amount = line.unit === 'seat' ? Math.min(asked.seats ?? 1, line.left) : Math.min(asked.price_cents, line.left);
    const due = (line.unit === 'seat' ? amount * 100 : asked.price_cents - amount) + supplement;
    const quote = {
      id: asked.id, outcome: 'quoted', card: this.#laid.number, benefit: line.benefit, label: line.label[this.#words], unit: line.unit, amount,
      price_cents: asked.price_cents ?? null, supplement_cents: supplement, due_cents: due, left: line.left - amount,
    };
    this.#laid.quote = quote;
    return quote;
  }

  #sell(asked) {
    const laid = this.#laid;
    if (!laid?.quote) {
      return this.#refused(asked.id, 'card-removed');
    }
    if (CARDS[laid.id].torn && !laid.settled) {
      laid.settled = true;
      this.#torn = { id: asked.id, card: laid, quote: laid.quote, tender: asked.paid };
      this.#laid = null;
      this.#show();
      return this.#refused(asked.id, 'sale-in-doubt', { card: laid.number });
    }
    return this.#grant(laid, laid.quote, asked);
  }

  #again(asked) {
    const torn = this.#torn;
    if (!torn) {
      throw new Unanswered({ code: 'request-unknown', title: '' });
    }
    this.#torn = null;
    return this.#grant(this.#laid ?? torn.card, torn.quote, asked);
  }

  #grant(card, quote, asked) {
    const line = card.benefits.find(({ benefit }) => benefit === quote.benefit);
    line.left -= quote.amount;
    this.#counter += 1;
    const entry = this.#journal.length + 1;
    const time = new Date().toISOString();
    card.served = { entry, time };
    card.quote = null;
    this.#journal.push({
      entry, time, kind: 'debit', card: card.number, benefit: quote.benefit, label: quote.label, amount: quote.amount, unit: quote.unit, collected_cents: quote.due_cents,
      returned_cents: 0, tender: asked.paid, related: null, acknowledged: false, verdict: null, detail: null,
    });
    return {
      id: asked.id, outcome: 'granted', entry, card: card.number, benefit: quote.benefit, label: quote.label, debited: quote.amount, unit: quote.unit,
      due_cents: quote.due_cents, collected_cents: quote.due_cents, tender: asked.paid, left: line.left, time, repeated: false, served_before: null,
    };
  }

  #undo(asked) {
    const debit = this.#journal.find((line) => line.kind === 'debit' && line.entry === asked.entry && !line.related);
    if (!debit) {
      return this.#refused(asked.id, 'nothing-to-undo');
    }
    const entry = this.#journal.length + 1;
    debit.related = entry;
    this.#journal.push({ ...debit, entry, kind: 'reversal', collected_cents: 0, returned_cents: debit.collected_cents, related: debit.entry });
    const line = this.#laid?.benefits.find(({ benefit }) => benefit === debit.benefit);
    if (line) {
      line.left += debit.amount;
    }
    return {
      id: asked.id, outcome: asked.without_card ? 'undo-requested' : 'undone', entry, debit: debit.entry, card: debit.card,
      returned_cents: debit.collected_cents, tender: debit.tender,
    };
  }

  #abandon(asked) {
    const torn = this.#torn;
    this.#torn = null;
    return torn ? { id: asked.id, outcome: 'abandoned', entry: this.#journal.length + 1, card: torn.card.number } : this.#refused(asked.id, 'nothing-to-undo');
  }
}
