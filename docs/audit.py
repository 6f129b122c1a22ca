#!/usr/bin/env python3
"""Checks a ledger without the programs that wrote it, and without trusting what its tables say beside the signed bytes.

    python3 audit.py LEDGER KEY [ROOT]

LEDGER is a backup of a terminal (pass-terminal backup), KEY the first public key of the terminal and ROOT the region's root key, in hexadecimal digits, from
the region and not from the ledger. It follows "A verifier, step by step" of exchange.md, with pycose, cryptography and SQLite of Python alone.
The exit status is 0 when all holds and 1 when not.
"""

import sqlite3
import sys
from hashlib import sha256

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from pycose.headers import Algorithm
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.algorithms import Es256
from pycose.messages import Sign1Message

DEBIT, REVERSAL, EVENT, KEYS_CHANGED = 1, 2, 9, 10
TENDERS = {1: "cash", 2: "card", 3: "cheque", 4: "other", 5: "tpe"}


def wrong(what):
    sys.exit(f"WRONG: {what}")


def number(data, at, size):
    return int.from_bytes(data[at : at + size], "big")


def holds_p256(key, separator, signed, signature):
    """Whether the 64 bytes r || s are a signature of `separator` and `signed` by an uncompressed point."""
    try:
        point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), key)
        der = encode_dss_signature(number(signature, 0, 32), number(signature, 32, 32))
        point.verify(der, separator + signed, ECDSA(SHA256()))
        return True
    except (InvalidSignature, ValueError):
        return False


def region_keys(ledger, root):
    """The region's public keys by serial, of those that the root has certified."""
    keys = {}
    for serial, data in ledger.execute("SELECT serial, bytes FROM region_key WHERE bytes IS NOT NULL"):
        if number(data, 1, 4) != serial or not holds_p256(root, b"PASS1-KEY", data[:70], data[70:]):
            wrong(f"region key {serial} is not certified by the root")
        keys[serial] = data[5:70]
    return keys


def card_key(ledger, keys, digest, card):
    """The public key of a card, out of the certificate that an entry names by its hash."""
    row = ledger.execute("SELECT bytes FROM card_certificate WHERE hash = ?", [digest]).fetchone()
    data = row[0] if row else wrong("an entry names a card certificate that is not there")
    if sha256(data).digest() != digest or number(data, 5, 8) != card:
        wrong("a card certificate is not the one that an entry names")
    if not holds_p256(keys.get(number(data, 1, 4), b""), b"PASS1-CARD", data[:99], data[99:]):
        wrong(f"the certificate of card {card} is not signed by the region")
    return data[34:99]


def check_record(ledger, keys, terminal, body):
    """A debit or a reversal: the card itself has signed it, for this terminal."""
    record, signature = body[0][:52], body[0][52:]
    key = card_key(ledger, keys, body[1], number(record, 0, 8))
    if number(record, 28, 4) != terminal or not holds_p256(key, b"PASS1-TXN", record, signature):
        wrong("a card has not signed what an entry says of it")
    return number(record, 9, 1), number(record, 12, 4)


def changed_key(terminal, sequence, previous, keys):
    """The entry key after this entry: both new keys have signed that they begin here."""
    entry_key, card_key, entry_proof, card_proof = keys
    place = terminal.to_bytes(4, "big") + sequence.to_bytes(8, "big") + previous + entry_key + card_key
    try:
        Ed25519PublicKey.from_public_bytes(entry_key).verify(entry_proof, b"PASS1-KEYS" + place)
    except InvalidSignature:
        wrong(f"the new entry key has not signed entry {sequence}")
    if not holds_p256(card_key, b"PASS1-KEYS", place, card_proof):
        wrong(f"the new card key has not signed entry {sequence}")
    return entry_key


def check_receipts(ledger, keys, hashes):
    count = 0
    for sequence, cose in ledger.execute("SELECT head_sequence, cose FROM receipt"):
        message = Sign1Message.decode(cose)
        serial = int.from_bytes(cbor2.loads(message.phdr_encoded)[4], "big")
        if message.phdr[Algorithm] is not Es256 or serial not in keys:
            wrong("a receipt is by no key of the region")
        to_sign = cbor2.dumps(["Signature1", message.phdr_encoded, b"", message.payload])
        if not holds_p256(keys[serial], b"", to_sign, message.signature):
            wrong("the signature of a receipt does not hold")
        if hashes.get(sequence) != cbor2.loads(message.payload)[1][1]:
            wrong(f"the region has acknowledged another entry {sequence}")
        count += 1
    return count


def add_money(sums, sequence, tender, whole, moved):
    """Adds what moved to the sums of its tenders. Parts are two or more, by tender, none is nothing, and together they are the whole."""
    parts = [[tender, whole]] if isinstance(tender, int) else tender
    in_order = all(one[0] < other[0] for one, other in zip(parts, parts[1:]))
    if parts is tender and (len(parts) < 2 or not in_order or any(part == 0 for _, part in parts)):
        wrong(f"the parts of entry {sequence} are none")
    if sum(part for _, part in parts) != whole:
        wrong(f"the parts of entry {sequence} do not add up to {whole} cents")
    for tender, part in parts:
        sums[tender] = sums.get(tender, 0) + (part if moved else 0)


def main(path, key, root=None):
    ledger = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    key = bytes.fromhex(key)
    (terminal, pinned) = ledger.execute("SELECT terminal, root_key FROM identity").fetchone()
    root = bytes.fromhex(root) if root else pinned
    keys = region_keys(ledger, root)
    expected = sha256(b"PASS1-CHAIN" + terminal.to_bytes(4, "big") + key).digest()
    hashes, debited, collected, returned = {0: expected}, {}, {}, {}
    for sequence, (cose,) in enumerate(ledger.execute("SELECT cose FROM entry ORDER BY sequence"), start=1):
        message = Sign1Message.decode(cose)
        message.key = OKPKey(crv=Ed25519, x=key)
        if not message.verify_signature():
            wrong(f"the terminal has not signed entry {sequence}")
        _version, of, said, previous, _time, _context, (kind, body), *_cashier = cbor2.loads(message.payload)
        if (of, said, previous) != (terminal, sequence, expected):
            wrong(f"entry {sequence} does not follow the one before it")
        expected = hashes[sequence] = sha256(cose).digest()
        if kind == EVENT and body[0] == KEYS_CHANGED:
            key = changed_key(terminal, sequence, previous, body[1])
        if kind == DEBIT:
            slot, amount = check_record(ledger, keys, terminal, body)
            debited[slot] = debited.get(slot, 0) + amount
            # What was due, and nothing of it is kept of a sale that had been given up.
            add_money(collected, sequence, body[4][5], body[4][4], body[5] > 0)
        elif kind == REVERSAL:
            slot, amount = check_record(ledger, keys, terminal, body)
            debited[slot] = debited.get(slot, 0) - amount
            add_money(returned, sequence, body[4], body[3], True)
    receipts = check_receipts(ledger, keys, hashes)
    print(f"terminal {terminal}: {len(hashes) - 1} entries, each signed, each after the one before; {receipts} receipts")
    print(f"head {expected.hex()}")
    for slot, amount in sorted(debited.items()):
        print(f"slot {slot}: {amount} debited and not taken back, signed by the cards")
    print(f"collected {sum(collected.values())} cents, returned {sum(returned.values())} cents")
    for tender in sorted(collected.keys() | returned.keys()):
        print(f"by {TENDERS[tender]}: collected {collected.get(tender, 0)} cents, returned {returned.get(tender, 0)} cents")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
