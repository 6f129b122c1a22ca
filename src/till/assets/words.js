// Every word of the page, in French and in English. What the terminal says comes from it already in the right language.

const NO_BREAK = '\u00a0';
const NARROW = '\u202f';

/** French with its spaces that do not break, and its apostrophes. */
export const typeset = (text, language) => language !== 'fr' ? text : text
  .replace(/ ([;!?])/g, `${NARROW}$1`).replace(/ (:)/g, `${NO_BREAK}$1`).replace(/« /g, `«${NO_BREAK}`).replace(/ »/g, `${NO_BREAK}»`)
  .replace(/(\d) (?=(€|h|places?|ventes?)(\b|$|\s))/g, `$1${NO_BREAK}`).replace(/'/g, '’');

const fr = {
  app: "Caisse PASS'Région",
  journal: 'Journal', balance: 'Solde', training: 'Formation', other: 'English',
  next: 'Suivant', back: 'Retour', cancel: 'Annuler', again: 'Recommencer', understood: 'Compris', correct: 'Corriger',
  idle: 'Présentez la carte', idleHint: 'Livre, licence : tapez aussi le prix, avant ou après la carte.',
  typePrice: 'Taper un prix',
  reading: 'Lecture de la carte…', readingHint: 'Laissez-la posée.',
  quoting: 'Un instant…',
  rest: 'Retirez la carte', restHint: "C'est fini pour cette carte.", restAgain: 'Servir encore cette carte',
  collect: 'À encaisser', free: 'Rien à encaisser', confirm: "Encaissé, valider", confirmFree: 'Valider',
  leftAfter: (left) => `Il restera ${left}`, leftNow: (left) => `reste ${left}`,
  takes: (amount) => `Le PASS prend ${amount}`,
  price: 'Prix', supplement: 'Supplément', addSupplement: 'Supplément', seats: 'Places', more: 'Une place de plus', less: 'Une place de moins',
  tender: 'Payé', cash: 'espèces', card: 'carte', cheque: 'chèque', otherTender: 'autre', tpe: 'TPE',
  payOnTpe: 'Payer sur le TPE', onTpe: 'Paiement sur le TPE', paidOnTpe: 'Payé', notPaidOnTpe: 'Non payé', inCash: 'Encaisser autrement', later: 'Plus tard', goOn: 'Continuer',
  paymentUnknown: 'On ne sait pas si le TPE a pris l’argent', lookAtTpe: 'Que dit le TPE ou son ticket ? Rien n’est redemandé avant votre réponse.', verifyTpe: 'TPE à vérifier',
  verify: (amount) => `TPE à vérifier : ${amount}`, awaited: 'Payé, carte attendue', paidWithoutCard: (card) => `C’est payé sur le TPE : il manque la carte ${card}.`,
  nothingTaken: 'Le TPE n’a pas pris d’argent', nothingTakenNext: 'Recommencez, ou encaissez en espèces.', partTaken: 'Le TPE n’a pris qu’une partie', partTakenNext: 'Continuez pour le reste, encaissez-le en espèces, ou remboursez ce qui a été pris.',
  cashPart: 'Une partie en espèces', cashPartPrompt: 'Reçu en espèces', cashPartNext: 'Continuer', restOnTpe: (amount) => `Reste à payer sur le TPE : ${amount}`,
  nothingLeftForTpe: 'Il ne reste rien pour le TPE : revenez, et choisissez espèces.', inParts: (cash, rest) => `Espèces ${cash}, TPE ${rest}`, payRestOnTpe: 'Encaissé, puis TPE',
  restInCash: 'Reste encaissé en espèces', cashInHand: (amount) => `Vous avez déjà ${amount} en espèces : à rendre si la vente ne se fait pas.`, cashHad: (amount) => `Dont ${amount} déjà en main`,
  cashToo: (amount) => `Rendez aussi ${amount} en espèces.`, onTpeToo: (amount) => `Et remboursement de ${amount} sur le TPE.`, restBackOnTpe: 'Le reste est remboursé sur le TPE.',
  heldMoney: (amount) => `À rendre sur le TPE : ${amount}`, heldHere: 'Le TPE garde de l’argent d’une vente', heldNext: 'La vente n’a pas été faite, ou elle a été annulée : remboursez le titulaire, avec sa carte bancaire.',
  notReturned: 'Pas remboursé', giveBack: 'Rembourser sur le TPE', backOnTpe: 'Remboursement sur le TPE', abandonTpe: 'Abandonner et rembourser sur le TPE ?', holdersCard: 'Le titulaire présente la carte bancaire avec laquelle il a payé.', givenBack: 'Remboursé sur le TPE',
  received: 'Reçu', exact: 'Compte juste', change: 'À rendre', missing: 'Il manque',
  pricePrompt: 'Prix de l’achat', priceNext: 'Continuer', priceWaiting: 'Présentez la carte',
  supplementPrompt: 'Supplément à la charge du jeune', supplementNext: 'Ajouter',
  choice: 'Quel avantage ?', choiceHint: 'Touchez, ou tapez son numéro.',
  selling: 'Débit en cours…', sellingHint: 'Laissez la carte posée.',
  sellingAgain: 'On retrouve la vente en cours…', lostHint: "N'encaissez pas une seconde fois : la même vente va être retrouvée.",
  present: 'Représentez la carte',
  granted: 'Accordé', repeated: 'Déjà accordé', repeatedHint: 'Cette vente était faite : rien n’a été débité une seconde fois.',
  collected: (amount) => `Encaissé ${amount}`, entry: (number) => `Écriture ${number}`,
  servedBefore: (time) => `Déjà servie ici à ${time}. Encore une fois ?`,
  undoLast: 'Annuler la vente', refused: 'Refusé', fullPrice: (amount) => `Sans le PASS : ${amount}`,
  notSold: "La vente n'a pas été faite.", notSoldNext: "Rien n'a été débité : vous pouvez recommencer.",
  notKnown: 'Le terminal a été interrompu.', notKnownNext: "Regardez dans le journal si c'est fait.",
  doubt: 'Représentez la carte', doubtWhat: (card, amount) => `On ne sait pas encore si la carte ${card} a été débitée. Encaissé : ${amount}.`,
  doubtHint: 'Rien ne sera débité deux fois. Vous pouvez servir une autre carte.',
  abandon: "Rendre l'argent", abandonAsk: (amount) => `Rendez ${amount}`,
  abandonHint: 'La vente en doute sera abandonnée. Si la carte avait été débitée, le droit lui sera rendu à son retour.', abandonYes: "J'ai rendu l'argent",
  undo: (amount) => `Annuler et rendre ${amount} ?`, undoHint: 'Présentez la carte de cette vente.', undoYes: 'Annuler la vente',
  undoing: 'Présentez la carte de la vente', undoingHint: 'Le droit est rendu à la carte.',
  withoutCard: "La carte n'est pas là", undone: (amount) => `Rendez ${amount}`, undoneFree: 'Vente annulée',
  requestedHint: 'La région rendra le droit à la carte.', undoneHint: 'Le droit est revenu sur la carte.', abandonedHint: 'La vente en doute est abandonnée.',
  journalTitle: 'Journal du jour', search: 'Chercher : carte, montant, heure, numéro', nothing: 'Aucune vente aujourd’hui.', noMatch: 'Rien ne correspond.',
  time: 'Heure', what: 'Quoi', cardNumber: 'Carte', amount: 'Encaissé', state: 'Région',
  sent: 'transmise', waits: 'en attente', payable: 'acceptée', contested: 'contestée', recorded: 'vue',
  undoneRow: 'annulée', day: (count, amount) => `${count} ${count > 1 ? 'ventes' : 'vente'}, encaissé ${amount}`,
  balanceTitle: 'Solde de la carte', balanceNone: 'Présentez la carte pour lire ce qui lui reste.', ofGranted: (granted) => `sur ${granted}`,
  here: 'ici', elsewhere: 'chez un autre partenaire', season: (label) => `Saison ${label}`,
  lastExchange: (age) => `échange ${age}`, waiting: (count, amount) => count ? `${count} en attente, ${amount}` : 'tout est transmis',
  list: (age) => `liste des oppositions ${age}`, inDoubt: (count) => `${count} en doute`, reader: 'Lecteur', readerReady: 'prêt', readerNone: 'absent', readerFrozen: 'bloqué',
  exchangeNow: 'Échanger', ago: (age) => `il y a ${age}`, now: "à l'instant", minutes: 'min', hours: 'h', days: 'j',
  within: 'Région', soft: 'Région, à surveiller', hard: 'Région, ventes arrêtées',
  down: 'Terminal injoignable', downHint: 'La page se reconnecte toute seule. Ne servez pas de carte pour le moment.',
  connecting: 'Connexion au terminal…', locked: 'Cette page n’est pas reliée au terminal', lockedHint: 'Sur la machine du terminal, lancez « pass-terminal page » et ouvrez l’adresse donnée.',
  elsewhereOpen: 'La caisse est déjà ouverte', elsewhereHint: 'Elle est dans un autre onglet : fermez-le, et elle s’ouvre ici.',
  trainingBanner: 'FORMATION : aucune carte n’est débitée, rien n’est enregistré', trainingEnd: 'Quitter la formation', trainingCards: 'Cartes d’exercice', trainingTake: 'Retirer la carte',
  printerFails: (count) => `Imprimante : ${count} en attente`, receipt: 'Reçu', receiptPrinted: 'Reçu imprimé', print: 'Imprimer', symbol: 'Code de contrôle du reçu',
  close: { day: 'Clôturer la journée', month: 'Clôturer le mois', year: 'Clôturer l’année' },
  closeAsk: { month: 'Clôturer le mois ?', year: 'Clôturer l’année ?' },
  closeHint: { month: 'Ses journées sont clôturées d’abord. On n’y ajoute plus rien.', year: 'Ses mois sont clôturés d’abord. On n’y ajoute plus rien.' }, counted: 'Compté dans le tiroir',
  countedHint: 'Fond de caisse compris. Rien de compté ? Validez tel quel.', closed: { day: 'Journée clôturée', month: 'Mois clôturé', year: 'Année clôturée' }, closedPeriod: (of, number) => `${of.split('-').reverse().join('/')}, clôture ${number}`,
  collectedNet: 'Encaissé, rendus déduits', drawer: (amount) => `Attendu dans le tiroir : ${amount}.`, difference: (amount) => `Écart : ${amount}.`,
  perpetual: (amount) => `Total perpétuel : ${amount}`,
  whoAreYou: 'Qui est à la caisse ?', whoHint: 'Touchez votre nom, ou tapez son numéro.', pin: 'Votre code', signIn: "S'identifier", signOutOf: (name) => `${name} : se déconnecter`,
  perSeat: (count) => count > 1 ? 'places' : 'place', keypad: 'Pavé numérique', erase: 'Effacer', notes: 'Somme reçue',
  kinds: {
    debit: 'vente', reversal: 'annulation', 'undo-request': 'annulation, carte absente', abandoned: 'vente abandonnée', 'not-done': 'vente non faite',
    refused: 'carte refusée', 'card-read': 'carte relevée', closing: 'clôture', event: 'terminal',
  },
};

const en = {
  app: "PASS'Région till",
  journal: 'Journal', balance: 'Balance', training: 'Training', other: 'Français',
  next: 'Next', back: 'Back', cancel: 'Cancel', again: 'Start again', understood: 'Understood', correct: 'Correct',
  idle: 'Present the card', idleHint: 'Book or licence: type the price too, before or after the card.',
  typePrice: 'Type a price',
  reading: 'Reading the card…', readingHint: 'Leave it there.',
  quoting: 'One moment…',
  rest: 'Take the card away', restHint: 'This card is done.', restAgain: 'Serve this card again',
  collect: 'To collect', free: 'Nothing to collect', confirm: 'Collected, confirm', confirmFree: 'Confirm',
  leftAfter: (left) => `${left} will be left`, leftNow: (left) => `${left} left`,
  takes: (amount) => `The PASS pays ${amount}`,
  price: 'Price', supplement: 'Supplement', addSupplement: 'Supplement', seats: 'Seats', more: 'One seat more', less: 'One seat fewer',
  tender: 'Paid', cash: 'cash', card: 'card', cheque: 'cheque', otherTender: 'other', tpe: 'bank terminal',
  payOnTpe: 'Pay by bank terminal', onTpe: 'On the bank terminal', paidOnTpe: 'Paid', notPaidOnTpe: 'Not paid', inCash: 'Collect otherwise', later: 'Later', goOn: 'Continue',
  paymentUnknown: 'Nobody knows whether the bank terminal took the money', lookAtTpe: 'What does it say, or its ticket? Nothing is asked again before your answer.', verifyTpe: 'Bank terminal to check',
  verify: (amount) => `Bank terminal to check: ${amount}`, awaited: 'Paid, card awaited', paidWithoutCard: (card) => `It is paid on the bank terminal: card ${card} is missing.`,
  nothingTaken: 'The bank terminal took no money', nothingTakenNext: 'Try again, or take cash.', partTaken: 'The bank terminal took a part', partTakenNext: 'Continue for the rest, take it in cash, or refund what was taken.',
  cashPart: 'A part in cash', cashPartPrompt: 'Received in cash', cashPartNext: 'Continue', restOnTpe: (amount) => `Left to pay on the bank terminal: ${amount}`,
  nothingLeftForTpe: 'Nothing is left for the bank terminal: go back and choose cash.', inParts: (cash, rest) => `Cash ${cash}, bank terminal ${rest}`, payRestOnTpe: 'Collected, then terminal',
  restInCash: 'Rest collected in cash', cashInHand: (amount) => `You have ${amount} in cash: to be given back if the sale does not come about.`, cashHad: (amount) => `${amount} of it is in hand`,
  cashToo: (amount) => `Give ${amount} in cash back too.`, onTpeToo: (amount) => `And ${amount} is refunded on the bank terminal.`, restBackOnTpe: 'The rest is refunded on the bank terminal.',
  heldMoney: (amount) => `To refund: ${amount}`, heldHere: 'The bank terminal has money of a sale', heldNext: 'The sale was not made, or it was undone: refund the holder, with their bank card.',
  notReturned: 'Not refunded', giveBack: 'Refund on the bank terminal', backOnTpe: 'Refund on the bank terminal', abandonTpe: 'Give up and refund on the bank terminal?', holdersCard: 'The holder presents the bank card that paid.', givenBack: 'Refunded on the bank terminal',
  received: 'Received', exact: 'Exact money', change: 'Change', missing: 'Missing',
  pricePrompt: 'Price of the purchase', priceNext: 'Continue', priceWaiting: 'Present the card',
  supplementPrompt: 'Supplement, paid by the holder', supplementNext: 'Add',
  choice: 'Which benefit?', choiceHint: 'Touch it, or type its number.',
  selling: 'Debiting…', sellingHint: 'Leave the card there.',
  sellingAgain: 'Finding the sale that was under way…', lostHint: 'Do not collect a second time: the same sale will be found.',
  present: 'Present the card again',
  granted: 'Granted', repeated: 'Granted already', repeatedHint: 'This sale was done: nothing was debited a second time.',
  collected: (amount) => `Collected ${amount}`, entry: (number) => `Entry ${number}`,
  servedBefore: (time) => `Served here at ${time} already. Once more?`,
  undoLast: 'Undo the sale', refused: 'Refused', fullPrice: (amount) => `Without the PASS: ${amount}`,
  notSold: 'The sale was not made.', notSoldNext: 'Nothing was debited: you can start again.',
  notKnown: 'The terminal was interrupted.', notKnownNext: 'Look in the journal whether it is done.',
  doubt: 'Present the card again', doubtWhat: (card, amount) => `It is not known yet whether card ${card} was debited. Collected: ${amount}.`,
  doubtHint: 'Nothing is debited twice. You can serve another card.',
  abandon: 'Give the money back', abandonAsk: (amount) => `Give ${amount} back`,
  abandonHint: 'The sale in doubt is given up. If the card was debited, it gets its right back at its return.', abandonYes: 'I gave the money back',
  undo: (amount) => `Undo and give ${amount} back?`, undoHint: 'Present the card of this sale.', undoYes: 'Undo the sale',
  undoing: 'Present the card of the sale', undoingHint: 'The right goes back to the card.',
  withoutCard: 'The card is not here', undone: (amount) => `Give ${amount} back`, undoneFree: 'Sale undone',
  requestedHint: 'The region will give the right back to the card.', undoneHint: 'The right is back on the card.', abandonedHint: 'The sale in doubt is given up.',
  journalTitle: 'Journal of the day', search: 'Search: card, amount, time, number', nothing: 'No sale today.', noMatch: 'Nothing matches.',
  time: 'Time', what: 'What', cardNumber: 'Card', amount: 'Collected', state: 'Region',
  sent: 'sent', waits: 'waiting', payable: 'accepted', contested: 'contested', recorded: 'seen',
  undoneRow: 'undone', day: (count, amount) => `${count} ${count === 1 ? 'sale' : 'sales'}, ${amount} collected`,
  balanceTitle: 'Balance of the card', balanceNone: 'Present the card to read what is left on it.', ofGranted: (granted) => `of ${granted}`,
  here: 'here', elsewhere: 'at another partner', season: (label) => `Season ${label}`,
  lastExchange: (age) => `exchange ${age}`, waiting: (count, amount) => count ? `${count} waiting, ${amount}` : 'all is sent',
  list: (age) => `deny list ${age}`, inDoubt: (count) => `${count} in doubt`, reader: 'Reader', readerReady: 'ready', readerNone: 'missing', readerFrozen: 'frozen',
  exchangeNow: 'Exchange', ago: (age) => `${age} ago`, now: 'just now', minutes: 'min', hours: 'h', days: 'd',
  within: 'Region', soft: 'Region, to be watched', hard: 'Region, sales stopped',
  down: 'The terminal cannot be reached', downHint: 'The page reconnects by itself. Serve no card for the moment.',
  connecting: 'Connecting to the terminal…', locked: 'This page is not connected to the terminal', lockedHint: 'On the terminal’s machine run “pass-terminal page” and open the address that it gives.',
  elsewhereOpen: 'The till is open already', elsewhereHint: 'It is in another tab: close that, and it opens here.',
  trainingBanner: 'TRAINING: no card is debited, nothing is recorded', trainingEnd: 'Leave training', trainingCards: 'Practice cards', trainingTake: 'Take the card away',
  printerFails: (count) => `Printer: ${count} waiting`, receipt: 'Receipt', receiptPrinted: 'Receipt printed', print: 'Print', symbol: 'The receipt’s code, to be checked',
  close: { day: 'Close the day', month: 'Close the month', year: 'Close the year' }, closeAsk: { month: 'Close the month?', year: 'Close the year?' },
  closeHint: { month: 'Its days are closed first. Nothing is added to it any more.', year: 'Its months are closed first. Nothing is added to it any more.' }, counted: 'Counted in the drawer',
  countedHint: 'With the float. Nothing counted? Confirm as it is.', closed: { day: 'Day closed', month: 'Month closed', year: 'Year closed' }, closedPeriod: (of, number) => `${of}, closing ${number}`,
  collectedNet: 'Collected, less given back', drawer: (amount) => `Expected in the drawer: ${amount}.`, difference: (amount) => `Difference: ${amount}.`,
  perpetual: (amount) => `Perpetual total: ${amount}`,
  whoAreYou: 'Who is at the till?', whoHint: 'Touch your name, or type its number.', pin: 'Your PIN', signIn: 'Sign in', signOutOf: (name) => `${name}: sign out`,
  perSeat: (count) => count > 1 ? 'seats' : 'seat', keypad: 'Keypad', erase: 'Erase', notes: 'Money received',
  kinds: {
    debit: 'sale', reversal: 'undo', 'undo-request': 'undo, card missing', abandoned: 'sale given up', 'not-done': 'sale not made',
    refused: 'card refused', 'card-read': 'card read', closing: 'closing', event: 'terminal',
  },
};

const TABLE = { fr, en };

/** The words of a language, and how it writes amounts, times and ages. */
export function speech(language) {
  const words = TABLE[language];
  const locale = language === 'fr' ? 'fr-FR' : 'en-GB';
  const euros = new Intl.NumberFormat(locale, { style: 'currency', currency: 'EUR' });
  const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', timeZone: 'Europe/Paris' });
  const money = (cents) => euros.format(cents / 100);
  return {
    language,
    words: new Proxy(words, {
      get: (table, key) => typeof table[key] === 'function' ? (...values) => typeset(table[key](...values), language)
        : typeof table[key] === 'string' ? typeset(table[key], language) : table[key],
    }),
    set: (text) => typeset(text ?? '', language),
    money,
    clock: (time) => clock.format(new Date(time)),
    /** An amount in the unit of a benefit. */
    amount: (value, unit) => unit === 'seat' ? `${value}${NO_BREAK}${words.perSeat(value)}` : money(value),
    age(from, to) {
      const minutes = Math.max(0, Math.floor((Date.parse(to) - Date.parse(from)) / 60000));
      const [value, unit] = minutes < 60 ? [minutes, words.minutes] : minutes < 48 * 60 ? [Math.floor(minutes / 60), words.hours]
        : [Math.floor(minutes / 1440), words.days];
      return minutes === 0 ? typeset(words.now, language) : words.ago(`${value}${NO_BREAK}${unit}`);
    },
  };
}
