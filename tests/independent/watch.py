"""What the page asks of a terminal, as far as the card can see it.

The card itself refuses only what its table of status words refuses. Here is the rest: the form of each command, the
order of the commands, what a terminal cannot need to ask because it was told, and that what was in doubt is settled
first. One `Watch` belongs to one card in one reader; what must be known across removals is kept in the card's file.
"""

import re


class Violation(Exception):
    """What the terminal did that the page does not allow."""


# Case (ISO/IEC 7816-3): 2 has an answer and no data, 3 has data and no answer, 4 has both.
CASES = {
    "SELECT": 4,
    "READ-CERTIFICATE": 2,
    "READ-KEY": 2,
    "OPEN": 4,
    "READ-ENTITLEMENT": 2,
    "READ-RECORD": 2,
    "DEBIT": 4,
    "REVERSE": 4,
    "PUT-ENTITLEMENT": 3,
    "PUT-KEY": 3,
    "BLOCK": 3,
    "GENERATE-KEY": 2,
    "STORE": 3,
}
CHANGES = ("DEBIT", "REVERSE")

# The commands from SELECT to a change of the purse. READ CERTIFICATE and READ ENTITLEMENT may be missing where a quote stands; READ
# RECORD comes first where something was in doubt.
BEFORE_CHANGE = re.compile(r"SELECT (READ-CERTIFICATE )?OPEN (READ-RECORD )*(READ-ENTITLEMENT )?(READ-RECORD )*")

# What a terminal may hear without having known better.
INNOCENT = {
    # Another region key than it thought; a certificate older than the card has met.
    "OPEN": (0x6987, 0x6982),
    "READ-ENTITLEMENT": (0x6A82,),
    # Blocked or newer, which only OPEN would have said.
    "PUT-ENTITLEMENT": (0x6983, 0x6984),
    "PUT-KEY": (0x6983, 0x6984),
}


class Watch:
    """Sees every command before it is executed and every status word before it is answered."""

    def __init__(self, memory, t0, silent):
        self.memory, self.t0, self.silent = memory, t0, silent
        self.challenges = set()
        # The counter before the present command.
        self.atc = memory["atc"]
        self.reset()

    def reset(self):
        """Power, or a reset."""
        self.since_select = []
        self.reads = set()
        self.fetch = None
        self.again = None
        self.opened = None
        self.must_read = None

    def rule(self, kept, broken):
        if not kept and not self.silent:
            raise Violation(broken)

    # --- Before the command is executed

    def sees(self, name, apdu):
        """The command is about to be executed; `name` is None for one that does not exist."""
        self.rule(name is not None, f"there is no command {apdu.cla:02X} {apdu.ins:02X} in this life of the card")
        if name == "GET-RESPONSE":
            self.rule(self.fetch is not None, "GET RESPONSE with nothing to fetch")
            self.rule(apdu.raw == bytes([0x00, 0xC0, 0x00, 0x00, self.fetch or 0]), "GET RESPONSE not as 61 xx said")
            return
        self.rule(self.fetch is None, f"{name} before GET RESPONSE has fetched an answer")
        self.fetch = None
        self.atc = self.memory["atc"]
        self.form(name, apdu)
        self.again = None
        # READ ENTITLEMENT does nothing with the card, so it may come before.
        settles = name == "READ-ENTITLEMENT" or (name == "READ-RECORD" and apdu.p1 == self.must_read)
        self.rule(
            self.must_read is None or settles,
            f"{name} while a command is in doubt: READ RECORD {self.must_read} settles it first",
        )
        if name == "SELECT":
            self.rule(self.since_select != ["SELECT"], "SELECT twice in a row")
        elif name is not None:
            self.rule(self.since_select, f"{name} before SELECT")
            self.order(name, apdu)

    def form(self, name, apdu):
        """The bytes as the page writes them: T=1 with Le 00, T=0 without Le in case 4."""
        self.rule(not apdu.malformed, f"{name} is not a short APDU")
        case = CASES.get(name)
        self.rule((case == 2) == (apdu.data is None), f"{name} with the wrong fields")
        if case == 2:
            self.rule(apdu.le in (0, self.again), f"{name} with Le {apdu.le}")
        elif case == 3:
            self.rule(apdu.le is None, f"{name} has no answer, so no Le")
        elif not self.t0:
            self.rule(apdu.le == 0, f"{name} on T=1 has the Le 00")
        elif name != "SELECT":
            # SELECT may try: there it is found out what the reader wants.
            self.rule(apdu.le is None, f"{name} on T=0 has no Le")

    def order(self, name, apdu):
        if name.startswith("READ"):
            read = (name, apdu.p1)
            self.rule(read not in self.reads, f"{name} again without need")
        if name == "OPEN":
            challenge = apdu.data[:16] if apdu.data else b""
            self.rule(any(challenge), "OPEN without a random challenge")
            self.rule(challenge not in self.challenges, "OPEN with a challenge that was used before")
            self.challenges.add(challenge)
        if name in CHANGES:
            before = "".join(f"{command} " for command in self.since_select)
            self.rule(BEFORE_CHANGE.fullmatch(before), f"{name} after {before or 'nothing'}")
        if self.opened and self.opened["blocked"]:
            self.rule(name not in CHANGES + ("PUT-ENTITLEMENT", "PUT-KEY"), f"{name} though OPEN said: blocked")

    # --- After it was executed

    def answered(self, name, apdu, sw, card):
        """The status word is about to be answered. `card` is as it is now."""
        if name is None or self.silent:
            return
        if name == "GET-RESPONSE":
            self.rule(sw == 0x9000, f"GET RESPONSE was answered {sw:04X}")
            self.fetch = None
            return
        if sw >> 8 == 0x6C:
            self.rule(self.t0, f"{name} asked for too little")
            self.again = sw & 0xFF
            return
        if sw >> 8 == 0x61:
            self.fetch = sw & 0xFF
        done = sw == 0x9000 or sw >> 8 == 0x61
        self.rule(done or sw in self.innocent(name), f"{name} had to be answered {sw:04X}")
        if name == "SELECT":
            self.reset_session()
        self.since_select.append(name)
        if name.startswith("READ"):
            self.reads.add((name, apdu.p1))
        if name == "READ-RECORD" and self.must_read is not None:
            self.must_read = None
            self.settled()
        if done:
            self.done(name, card)

    def reset_session(self):
        self.since_select = []
        self.reads = set()
        self.opened = None

    def innocent(self, name):
        known = INNOCENT.get(name, ())
        return () if name.startswith("PUT") and self.opened else known

    def done(self, name, card):
        seen = self.memory["watch"]
        if name == "OPEN":
            self.reads = set()
            self.opened = {"terminal": card.terminal.id, "blocked": self.memory["blocked"]}
            doubt = seen["doubt"]
            if doubt and doubt["terminal"] == card.terminal.id:
                behind = self.memory["atc"] - doubt["atc"]
                self.must_read = behind if 1 <= behind <= 16 else None
                if behind == 0:
                    self.settled()
        elif name == "READ-ENTITLEMENT":
            quoted = {**seen["quoted"], str(card.terminal.id): self.memory["entitlement"]}
            self.memory.keep(watch={**seen, "quoted": quoted})
        elif name in CHANGES:
            self.reads = set()
            if name == "DEBIT":
                quoted = seen["quoted"].get(str(card.terminal.id))
                self.rule(quoted == self.memory["entitlement"], "DEBIT of a card whose entitlement was not read")

    def settled(self):
        self.memory.keep(watch={**self.memory["watch"], "doubt": None})

    def pulled(self, name, card):
        """The card leaves instead of answering: a change is now in doubt for the terminal."""
        if name in CHANGES and card.terminal:
            doubt = {"terminal": card.terminal.id, "atc": self.atc}
            self.memory.keep(watch={**self.memory["watch"], "doubt": doubt})
