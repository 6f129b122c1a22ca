#!/usr/bin/env python3
"""A PASS card in a virtual reader, written from the page that is the card's contract and from nothing else.

It shares no code with the programs that it is held against: other language, other cryptography, other reading of the
page. What it owns: the card's memory (a JSON file, replaced whole before an answer leaves), the commands with their
status words in the page's order, the protocols T=1 and T=0 as they look through PC/SC, and the wire of vpcd.

A strict card (the default) also watches the terminal, see `watch.py`: at the first thing that the page does not allow it
writes down what, leaves the reader and exits with status 3. It exits with 0 when the reader goes, or when it was
told to leave by `--pull`.

Needs Python 3.9 and `cryptography` (Debian: python3-cryptography).
"""

import argparse
import dataclasses
import json
import os
import secrets
import socket
import struct
import sys
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from watch import Violation, Watch

AID = bytes.fromhex("F0 50 41 53 53 52 45 47 01")
SLOTS = 16
RECORDS_MAX = 16
DEBIT, REVERSAL = 1, 2
EXIT_VIOLATION = 3

# What each object is made of, signature included. ">" means big-endian and no padding.
KEY_CERTIFICATE = struct.Struct(">BI65s64s")
CARD_CERTIFICATE = struct.Struct(">BIQB16sI65s64s")
ENTITLEMENT = struct.Struct(">BIQHI64s64s64s")
TERMINAL_CERTIFICATE = struct.Struct(">BIIIHHII65s64s")
RECORD = struct.Struct(">QBBHIIIII16sI")
COUNTS = struct.Struct(">16I")


class Refused(Exception):
    """The command is answered with this status word and nothing else."""

    def __init__(self, sw):
        super().__init__(f"{sw:04X}")
        self.sw = sw


class Pulled(Exception):
    """The card leaves the reader instead of answering."""


def refuse(sw, condition):
    if condition:
        raise Refused(sw)


# --- Cryptography -----------------------------------------------------------------------------------------------------


def sign(private, message):
    signature = private.sign(message, ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(signature)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verifies(public, signature, message):
    """Whether `signature` (r || s) is one of `public` (04 || x || y), which need not be a point of the curve."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True


def signed_by(public, domain, signed_object):
    """Whether an object that ends in its signature was signed by `public`."""
    return verifies(public, signed_object[-64:], domain + signed_object[:-64])


def point(private):
    return private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


# --- The command as it comes ------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Apdu:
    """A short command APDU. `data` is None when there is no data field; `le` likewise."""

    raw: bytes
    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = None
    le: int = None
    malformed: bool = False

    @classmethod
    def parse(cls, raw):
        header = (raw + bytes(4))[:4]
        body = raw[4:]
        apdu = cls(raw, *header, malformed=len(raw) < 4)
        if len(body) == 1:
            apdu.le = body[0]
        elif body:
            lc = body[0]
            apdu.data = body[1 : 1 + lc]
            apdu.le = body[1 + lc] if len(body) == lc + 2 else None
            # Lc 0 with more behind it begins an extended length.
            apdu.malformed = lc == 0 or len(body) not in (lc + 1, lc + 2)
        return apdu


# --- The card's memory ------------------------------------------------------------------------------------------------


class Memory:
    """What the card keeps without power. Bytes are hexadecimal in the file."""

    BLANK = {
        "life": "blank",
        "private_key": None,
        "root": None,
        "region_key": None,
        "certificate": None,
        "entitlement": None,
        "blocked": False,
        "atc": 0,
        "reversals": 0,
        "consumed": [0] * SLOTS,
        # Newest first.
        "records": [],
        # The latest "issued at" of the terminal certificates that have debited the card.
        "met": 0,
        # Of the watch, not of the card.
        "watch": {"quoted": {}, "doubt": None},
    }

    def __init__(self, path):
        self.path = path
        self.now = json.loads(json.dumps(self.BLANK))
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                self.now = json.load(file)

    def __getitem__(self, name):
        return self.now[name]

    def bytes(self, name):
        return bytes.fromhex(self.now[name]) if self.now[name] is not None else None

    def keep(self, **changes):
        """Makes the changes, all or none of them, and returns when they survive a loss of power."""
        after = {**self.now, **changes}
        beside = f"{self.path}.new"
        with open(beside, "w", encoding="ascii") as file:
            json.dump(after, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path)
        directory = os.open(os.path.dirname(os.path.abspath(self.path)), os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
        self.now = after


# --- The card ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Terminal:
    """The terminal that OPEN remembered."""

    id: int
    season: int
    slots: int
    issued_at: int
    not_after: int
    public: bytes


class Card:
    """The application. Its conditions stand in the order of the page's table of status words."""

    # The length of the data field; None: any, the command itself looks. "reads" have none.
    LENGTHS = {
        "SELECT": None,
        "OPEN": 0xEA,
        "DEBIT": 0x5A,
        "REVERSE": 0x58,
        "PUT-ENTITLEMENT": 0xD3,
        "PUT-KEY": 0x86,
        "BLOCK": 0x40,
    }
    IN_USE = {
        (0x00, 0xA4): "SELECT",
        (0x00, 0xB0): "READ",
        (0x00, 0xB2): "READ-RECORD",
        (0x80, 0x50): "OPEN",
        (0x80, 0x54): "DEBIT",
        (0x80, 0x56): "REVERSE",
        (0x80, 0x58): "BLOCK",
        (0x80, 0x5A): "PUT-ENTITLEMENT",
        (0x80, 0x5C): "PUT-KEY",
    }
    BLANK = {(0x00, 0xA4): "SELECT", (0x80, 0xE0): "GENERATE-KEY", (0x80, 0xE2): "STORE"}
    FILES = {0x81: "READ-CERTIFICATE", 0x82: "READ-ENTITLEMENT", 0x83: "READ-KEY"}
    USE_CHALLENGE = ("OPEN", "DEBIT", "REVERSE", "PUT-ENTITLEMENT", "PUT-KEY", "BLOCK")
    END_SESSION = ("OPEN", "PUT-ENTITLEMENT", "PUT-KEY", "BLOCK")
    WITHOUT_ANSWER = ("PUT-ENTITLEMENT", "PUT-KEY", "BLOCK", "STORE")

    def __init__(self, memory):
        self.memory = memory
        self.reset()

    def reset(self):
        """Power, or a reset: nothing is selected, nobody is remembered."""
        self.selected = False
        self.challenge = None
        self.terminal = None

    @property
    def blank(self):
        return self.memory["life"] == "blank"

    def name(self, apdu):
        """The command's name; None: there is no such command."""
        name = (self.BLANK if self.blank else self.IN_USE).get((apdu.cla, apdu.ins))
        return self.FILES.get(apdu.p1, "READ-OTHER") if name == "READ" else name

    def execute(self, apdu):
        """The answer of a command that is done; raises Refused."""
        refuse(0x6E00, apdu.cla not in (0x00, 0x80))
        name = self.name(apdu)
        refuse(0x6D00, name is None or (name != "SELECT" and not self.selected))
        challenge = self.challenge
        if name in self.USE_CHALLENGE:
            self.challenge = None
        terminal = self.terminal
        if name in self.END_SESSION:
            self.terminal = None
        self.check_length(name, apdu)
        if name == "SELECT":
            return self.select(apdu)
        if name.startswith("READ"):
            return self.read(name, apdu, terminal)
        if name == "GENERATE-KEY":
            return self.generate_key(apdu)
        if name == "STORE":
            return self.store(apdu)
        if name == "DEBIT":
            return self.debit(apdu, challenge, terminal)
        refuse(0x6A86, (apdu.p1, apdu.p2) != (0, 0))
        if name == "OPEN":
            return self.open(apdu, challenge)
        if name == "REVERSE":
            return self.reverse(apdu, challenge, terminal)
        return {"PUT-ENTITLEMENT": self.put_entitlement, "PUT-KEY": self.put_key, "BLOCK": self.block}[name](apdu)

    def check_length(self, name, apdu):
        refuse(0x6700, apdu.malformed)
        if name.startswith("READ") or name == "GENERATE-KEY":
            refuse(0x6700, apdu.data is not None or apdu.le is None)
            return
        refuse(0x6700, apdu.data is None)
        refuse(0x6700, name in self.WITHOUT_ANSWER and apdu.le is not None)
        wanted = self.LENGTHS.get(name)
        refuse(0x6700, wanted is not None and len(apdu.data) != wanted)

    def select(self, apdu):
        refuse(0x6A86, (apdu.p1, apdu.p2) != (0x04, 0x00))
        refuse(0x6A82, apdu.data != AID)
        self.reset()
        self.selected = True
        if self.blank:
            said = b"\x00"
        else:
            self.challenge = secrets.token_bytes(16)
            said = b"\x01" + self.challenge
        inner = b"\x84" + bytes([len(AID)]) + AID + b"\x53" + bytes([len(said)]) + said
        return b"\x6F" + bytes([len(inner)]) + inner

    # --- Reads

    def read(self, name, apdu, terminal):
        if name == "READ-RECORD":
            refuse(0x6A86, apdu.p2 & 0x07 != 0x04)
            refuse(0x6A82, apdu.p2 != 0x1C)
            refuse(0x6982, terminal is None)
            records = self.memory["records"]
            refuse(0x6A83, not 1 <= apdu.p1 <= len(records))
            kept = records[apdu.p1 - 1]
            return bytes.fromhex(kept["record"] + kept["signature"])
        refuse(0x6A86, apdu.p1 & 0x80 == 0 or apdu.p2 != 0)
        field = {"READ-CERTIFICATE": "certificate", "READ-KEY": "region_key", "READ-ENTITLEMENT": "entitlement"}.get(name)
        refuse(0x6A82, field is None or self.memory[field] is None)
        refuse(0x6982, name == "READ-ENTITLEMENT" and terminal is None)
        return self.memory.bytes(field)

    # --- The session

    @property
    def number(self):
        """The card number as it stands in what is signed: 8 bytes."""
        return self.memory.bytes("certificate")[5:13]

    @property
    def region(self):
        """The serial and the public key of the region key."""
        _, serial, public, _ = KEY_CERTIFICATE.unpack(self.memory.bytes("region_key"))
        return serial, public

    @property
    def private(self):
        return ec.derive_private_key(int(self.memory["private_key"], 16), ec.SECP256R1())

    def entitlement(self):
        """Season, serial, granted, opening; None when there is none."""
        raw = self.memory.bytes("entitlement")
        if raw is None:
            return None
        _, _, _, season, serial, granted, opening, _ = ENTITLEMENT.unpack(raw)
        return season, serial, COUNTS.unpack(granted), COUNTS.unpack(opening)

    def open(self, apdu, challenge):
        theirs, certificate, signature = apdu.data[:16], apdu.data[16:170], apdu.data[170:]
        version, region, terminal_id, _, season, slots, issued_at, not_after, public, _ = TERMINAL_CERTIFICATE.unpack(
            certificate
        )
        serial, region_public = self.region
        refuse(0x6A80, version != 1)
        refuse(0x6987, region != serial)
        refuse(0x6982, challenge is None)
        refuse(0x6982, not signed_by(region_public, b"PASS1-TERM", certificate))
        refuse(0x6982, not verifies(public, signature, b"PASS1-AUTH" + self.number + challenge + theirs))
        refuse(0x6982, not_after < self.memory["met"])
        self.terminal = Terminal(terminal_id, season, slots, issued_at, not_after, public)
        self.challenge = secrets.token_bytes(16)
        season, serial, _, _ = self.entitlement() or (0, 0, None, None)
        state = (
            bytes([1 if self.memory["blocked"] else 0])
            + self.challenge
            + struct.pack(">IHI", self.memory["atc"], season, serial)
            + COUNTS.pack(*self.memory["consumed"])
        )
        return state + sign(self.private, b"PASS1-OPEN" + self.number + theirs + state)

    # --- The purse

    def authorised(self, domain, challenge, terminal, signed, signature, at):
        """The conditions of status word 69 82 for a command of the terminal that OPEN remembered."""
        refuse(0x6982, challenge is None or terminal is None)
        refuse(0x6982, not verifies(terminal.public, signature, domain + self.number + challenge + signed))
        refuse(0x6982, not terminal.issued_at <= at <= terminal.not_after)

    def repeated(self, terminal, transaction, same):
        """The answer of the record that this transaction already has; None when it has none."""
        for kept in self.memory["records"]:
            record = RECORD.unpack(bytes.fromhex(kept["record"]))
            if (record[8], record[9]) == (terminal.id, transaction):
                refuse(0x6985, not same(record))
                return self.receipt(kept)
        return None

    @staticmethod
    def receipt(kept):
        record = RECORD.unpack(bytes.fromhex(kept["record"]))
        return struct.pack(">II", record[7], record[6]) + bytes.fromhex(kept["signature"])

    def record(self, operation, slot, season, amount, link, consumed, terminal, transaction, at, **changes):
        """Changes the purse and keeps the record of it, all or nothing."""
        atc = self.memory["atc"] + 1
        number = struct.unpack(">Q", self.number)[0]
        record = RECORD.pack(
            number, operation, slot, season, amount, link, consumed, atc, terminal.id, transaction, at
        )
        kept = {"record": record.hex(), "signature": sign(self.private, b"PASS1-TXN" + record).hex()}
        all_consumed = list(self.memory["consumed"])
        all_consumed[slot] = consumed
        records = [kept] + self.memory["records"]
        self.memory.keep(atc=atc, consumed=all_consumed, records=records[:RECORDS_MAX], **changes)
        return self.receipt(kept)

    def debit(self, apdu, challenge, terminal):
        slot = apdu.p1
        refuse(0x6A86, slot >= SLOTS or apdu.p2 != 0)
        season, amount, transaction, at = struct.unpack(">HI16sI", apdu.data[:26])
        refuse(0x6A80, amount == 0)
        refuse(0x6983, self.memory["blocked"])
        signed = bytes([slot]) + apdu.data[:26]
        self.authorised(b"PASS1-DEBIT", challenge, terminal, signed, apdu.data[26:], at)
        mine = (DEBIT, slot, season, amount, at)
        again = self.repeated(terminal, transaction, lambda r: (r[1], r[2], r[3], r[4], r[10]) == mine)
        if again is not None:
            return again
        entitlement = self.entitlement()
        refuse(0x6984, entitlement is None or entitlement[0] != season)
        refuse(0x6986, terminal.season != season or not terminal.slots >> slot & 1)
        _, _, granted, opening = entitlement
        consumed = self.memory["consumed"][slot]
        refuse(0x6985, amount > max(0, granted[slot] - opening[slot] - consumed))
        link = self.memory["reversals"]
        met = max(self.memory["met"], terminal.issued_at)
        return self.record(
            DEBIT, slot, season, amount, link, consumed + amount, terminal, transaction, at, met=met
        )

    def reverse(self, apdu, challenge, terminal):
        atc, transaction, at = struct.unpack(">I16sI", apdu.data[:24])
        refuse(0x6983, self.memory["blocked"])
        self.authorised(b"PASS1-REVERSE", challenge, terminal, apdu.data[:24], apdu.data[24:], at)
        mine = (REVERSAL, atc, at)
        again = self.repeated(terminal, transaction, lambda r: (r[1], r[5], r[10]) == mine)
        if again is not None:
            return again
        records = [RECORD.unpack(bytes.fromhex(kept["record"])) for kept in self.memory["records"]]
        debits = [r for r in records if r[1] == DEBIT and r[7] == atc]
        refuse(0x6A83, not debits)
        _, _, slot, season, amount, _, _, _, whose, _, _ = debits[0]
        entitlement = self.entitlement()
        refuse(0x6984, entitlement is None or entitlement[0] != season)
        refuse(0x6986, whose != terminal.id)
        refuse(0x6985, any(r[1] == REVERSAL and r[5] == atc for r in records))
        consumed = self.memory["consumed"][slot] - amount
        reversals = self.memory["reversals"] + 1
        return self.record(
            REVERSAL, slot, season, amount, atc, consumed, terminal, transaction, at, reversals=reversals
        )

    # --- What comes from the region

    def put_entitlement(self, apdu):
        version, region, number, season, serial, *_ = ENTITLEMENT.unpack(apdu.data)
        region_serial, public = self.region
        refuse(0x6A80, version != 1 or struct.pack(">Q", number) != self.number)
        refuse(0x6983, self.memory["blocked"])
        refuse(0x6987, region != region_serial)
        refuse(0x6982, not signed_by(public, b"PASS1-ENT", apdu.data))
        old_season, old_serial, _, _ = self.entitlement() or (0, 0, None, None)
        refuse(0x6984, serial <= old_serial or season < old_season)
        consumed = self.memory["consumed"] if season == old_season else [0] * SLOTS
        self.memory.keep(entitlement=apdu.data.hex(), consumed=consumed)
        return b""

    def put_key(self, apdu):
        version, serial, _, _ = KEY_CERTIFICATE.unpack(apdu.data)
        refuse(0x6A80, version != 1)
        refuse(0x6983, self.memory["blocked"])
        refuse(0x6982, not signed_by(self.memory.bytes("root"), b"PASS1-KEY", apdu.data))
        refuse(0x6984, serial <= self.region[0])
        self.memory.keep(region_key=apdu.data.hex())
        return b""

    def block(self, apdu):
        refuse(0x6982, not verifies(self.region[1], apdu.data, b"PASS1-BLOCK" + self.number))
        self.memory.keep(blocked=True)
        return b""

    # --- The blank card

    def generate_key(self, apdu):
        refuse(0x6A86, (apdu.p1, apdu.p2) != (0, 0))
        private = ec.generate_private_key(ec.SECP256R1())
        self.memory.keep(private_key=f"{private.private_numbers().private_value:064x}")
        return point(private)

    def store(self, apdu):
        wanted = {0x00: 0xC7, 0x01: 0xA3}.get(apdu.p1)
        refuse(0x6700, wanted is not None and len(apdu.data) != wanted)
        refuse(0x6A86, wanted is None or apdu.p2 != 0)
        if apdu.p1 == 0x00:
            root, certificate = apdu.data[:65], apdu.data[65:]
            refuse(0x6A80, certificate[0] != 1)
            refuse(0x6982, not signed_by(root, b"PASS1-KEY", certificate))
            self.memory.keep(root=root.hex(), region_key=certificate.hex())
            return b""
        version, serial, _, _, _, _, public, _ = CARD_CERTIFICATE.unpack(apdu.data)
        refuse(0x6A80, version != 1)
        refuse(0x6982, self.memory["region_key"] is None or self.memory["private_key"] is None)
        region_serial, region_public = self.region
        refuse(0x6A80, serial != region_serial)
        refuse(0x6982, public != point(self.private))
        refuse(0x6982, not signed_by(region_public, b"PASS1-CARD", apdu.data))
        self.memory.keep(certificate=apdu.data.hex(), life="in use")
        return b""


# --- The contacts -----------------------------------------------------------------------------------------------------


class Contacts:
    """The card as a reader sees it: T=1, or T=0 where an answer is fetched with GET RESPONSE."""

    def __init__(self, card, watch, log, t0=False, direct=False, delay=0.0, pull=None):
        self.card, self.watch, self.log = card, watch, log
        self.t0, self.direct, self.delay, self.pull = t0, direct, delay, pull
        self.pending = b""

    def reset(self):
        self.card.reset()
        self.watch.reset()
        self.pending = b""

    def exchange(self, raw):
        """The answer to one command, as it goes to the reader."""
        apdu = Apdu.parse(raw)
        get_response = self.t0 and raw[:2] == b"\x00\xC0"
        name = "GET-RESPONSE" if get_response else self.card.name(apdu)
        self.log.line(f"> {name or 'UNKNOWN'} {raw.hex().upper()}")
        self.watch.sees(name, apdu)
        time.sleep(self.delay)
        answer = self.get_response(apdu) if get_response else self.command(name, apdu)
        self.log.line(f"< {answer.hex().upper()}")
        self.watch.answered(name, apdu, int.from_bytes(answer[-2:], "big"), self.card)
        return answer

    def command(self, name, apdu):
        self.pending = b""
        if self.pull == ("before", name):
            raise self.leave(name, apdu)
        try:
            data, sw = self.card.execute(apdu), 0x9000
        except Refused as refused:
            data, sw = b"", refused.sw
        if self.pull == ("after", name):
            raise self.leave(name, apdu)
        if sw != 0x9000:
            return sw.to_bytes(2, "big")
        fetched = self.t0 and not self.direct
        if name.startswith("READ"):
            # On T=0 exactly what there is must be asked for, otherwise not less.
            wanted = apdu.le or 256
            if wanted < len(data) or (fetched and wanted != len(data)):
                return bytes([0x6C, len(data)])
        elif fetched and data:
            self.pending = data
            return bytes([0x61, len(data)])
        return data + b"\x90\x00"

    def leave(self, name, apdu):
        self.log.line(f"pulled {self.pull[0]} {name}")
        self.watch.pulled(name, self.card)
        return Pulled()

    def get_response(self, apdu):
        if (apdu.p1, apdu.p2) != (0, 0):
            return b"\x6A\x86"
        if not self.pending:
            return b"\x69\x85"
        if (apdu.le or 256) != len(self.pending):
            return bytes([0x6C, len(self.pending)])
        answer, self.pending = self.pending, b""
        return answer + b"\x90\x00"


# --- The reader -------------------------------------------------------------------------------------------------------


class Vpcd:
    """The wire to a virtual reader: a length of two bytes, big-endian, and that many bytes, both ways."""

    OFF, ON, RESET, GET_ATR = 0, 1, 2, 4

    def __init__(self, host, port, patience):
        until = time.monotonic() + patience
        while True:
            try:
                self.socket = socket.create_connection((host, port))
                break
            except ConnectionRefusedError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self, size):
        """None when the reader has gone."""
        got = b""
        while len(got) < size:
            # The reader sends length and payload apart: without this the second waits for a delayed acknowledgement.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            try:
                more = self.socket.recv(size - len(got))
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            got += more
        return got

    def serve(self, contacts, atr):
        """Until the reader goes."""
        while True:
            length = self.receive(2)
            payload = length and self.receive(int.from_bytes(length, "big"))
            if payload is None or length is None:
                return
            if len(payload) != 1:
                answer = contacts.exchange(payload)
            elif payload[0] == self.GET_ATR:
                answer = atr
            else:
                if payload[0] in (self.OFF, self.ON, self.RESET):
                    contacts.log.line(("off", "on", "reset")[payload[0]])
                    contacts.reset()
                continue
            self.socket.sendall(len(answer).to_bytes(2, "big") + answer)

    def close(self):
        self.socket.close()


def answer_to_reset(protocols, historical):
    """ATR by ISO/IEC 7816-3 that offers these protocols, in this order, and says `historical`."""
    interface = {("T0",): [], ("T1",): [0x01], ("T0", "T1"): [0x80, 0x01]}[protocols]
    body = bytes([(0x80 if interface else 0x00) | len(historical)] + interface) + historical
    if protocols == ("T0",):
        return b"\x3B" + body
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3B" + body + bytes([check])


class Log:
    """The transcript; a line is in the file before what it tells of goes on."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="ascii", buffering=1) if path else sys.stderr

    def line(self, text):
        print(text, file=self.file)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("state", help="the card's file; a blank card when there is none")
    parser.add_argument("--vpcd", default="127.0.0.1:35963", metavar="HOST:PORT", help="where vpcd listens")
    parser.add_argument("--t0", action="store_true", help="speaks T=0: 61xx, 6Cxx, GET RESPONSE")
    parser.add_argument("--both", action="store_true", help="its ATR offers T=0 first, then T=1; it is spoken to by T=1")
    parser.add_argument("--direct", action="store_true", help="with --t0: the reader fetches the answers by itself")
    parser.add_argument("--historical", default="50415353", metavar="HEX", help="historical bytes of the ATR")
    parser.add_argument("--delay", type=int, default=0, metavar="MS", help="thinks so long about each command")
    parser.add_argument("--pull", metavar="before|after:COMMAND", help="leaves before or after executing it, and ends")
    parser.add_argument("--log", metavar="FILE", help="the transcript is appended here")
    strictness = parser.add_mutually_exclusive_group()
    strictness.add_argument("--strict", action="store_true", help="leaves when the terminal breaks the page (default)")
    strictness.add_argument("--lenient", action="store_true", help="answers whatever comes")
    parser.add_argument("--wait", type=float, default=10, metavar="SECONDS", help="for vpcd to listen")
    return parser.parse_args()


def main():
    asked = arguments()
    log = Log(asked.log)
    memory = Memory(asked.state)
    card = Card(memory)
    watch = Watch(memory, t0=asked.t0, silent=asked.lenient)
    pull = tuple(asked.pull.split(":", 1)) if asked.pull else None
    contacts = Contacts(card, watch, log, asked.t0, asked.direct, asked.delay / 1000, pull)
    protocols = ("T0",) if asked.t0 else ("T0", "T1") if asked.both else ("T1",)
    host, port = asked.vpcd.rsplit(":", 1)
    vpcd = Vpcd(host, int(port), asked.wait)
    log.line("inserted")
    try:
        vpcd.serve(contacts, answer_to_reset(protocols, bytes.fromhex(asked.historical)))
    except Pulled:
        return 0
    except Violation as violation:
        log.line(f"! {violation}")
        print(f"card.py: the terminal breaks the page: {violation}", file=sys.stderr)
        return EXIT_VIOLATION
    finally:
        vpcd.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
