//! A card that misbehaves when it is told to: for tests, for the demonstration, for those who train cashiers.
//!
//! It stands between a card and its reader and looks at nothing but the commands' first two bytes, so that it can do what a
//! hand that pulls the card can do, or a relay that lies, and no more.

use std::fmt;

use super::applet::Applet;
use crate::wire::apdu::StatusWord;
use crate::wire::card::{ChangeAnswer, Instruction};

/// Which command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// The n-th APDU since the plan was made, from 1, GET RESPONSE counted.
    Nth(u32),
    /// The next with this instruction.
    Next(Instruction),
}

/// What happens to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The card leaves the reader, the command is not executed.
    LeaveBefore,
    /// The card leaves the reader, the command is executed, the answer never comes.
    LeaveAfter,
    /// The command is executed and answered with this status word alone.
    Lie(StatusWord),
    /// The command is not executed and answered with `90 00` and bytes that mean nothing, as many as DEBIT would answer.
    Garbage,
}

/// One fault, which happens once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Which command.
    pub when: When,
    /// What happens to it.
    pub effect: Effect,
}

impl Fault {
    /// `effect`, on the next command with this instruction.
    pub const fn next(instruction: Instruction, effect: Effect) -> Self {
        Self { when: When::Next(instruction), effect }
    }

    /// `effect`, on the n-th APDU.
    pub const fn nth(number: u32, effect: Effect) -> Self {
        Self { when: When::Nth(number), effect }
    }

    fn strikes(self, number: u32, command: &[u8]) -> bool {
        match self.when {
            When::Nth(nth) => nth == number,
            When::Next(instruction) => command.starts_with(&instruction.bytes()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = match self.when {
            When::Nth(number) => format!("APDU {number}"),
            When::Next(instruction) => instruction.to_string(),
        };
        match self.effect {
            Effect::LeaveBefore => write!(f, "left before {when}"),
            Effect::LeaveAfter => write!(f, "left after {when}"),
            Effect::Lie(status) => write!(f, "answered {status} to {when}, which was executed"),
            Effect::Garbage => write!(f, "answered garbage to {when}, which was not executed"),
        }
    }
}

/// An applet with a plan of faults.
pub struct Faulty<A> {
    applet: A,
    plan: Vec<Fault>,
    happened: Vec<Fault>,
    commands: u32,
}

impl<A: Applet> Faulty<A> {
    /// `applet`, to misbehave by `plan`. Of two faults that one command meets, the first in the plan happens.
    pub const fn new(applet: A, plan: Vec<Fault>) -> Self {
        Self { applet, plan, happened: Vec::new(), commands: 0 }
    }

    /// The applet.
    pub const fn applet(&self) -> &A {
        &self.applet
    }

    /// The applet, to look into it.
    pub const fn applet_mut(&mut self) -> &mut A {
        &mut self.applet
    }

    /// The faults that happened, the newest last.
    pub fn happened(&self) -> &[Fault] {
        &self.happened
    }

    /// One fault more.
    pub fn add(&mut self, fault: Fault) {
        self.plan.push(fault);
    }
}

impl<A: Applet> Applet for Faulty<A> {
    fn atr(&self) -> Vec<u8> {
        self.applet.atr()
    }

    fn power_on(&mut self) {
        self.applet.power_on();
    }

    fn power_off(&mut self) {
        self.applet.power_off();
    }

    fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        self.commands = self.commands.saturating_add(1);
        let number = self.commands;
        let Some(index) = self.plan.iter().position(|fault| fault.strikes(number, command)) else {
            return self.applet.transmit(command);
        };
        let fault = self.plan.remove(index);
        self.happened.push(fault);
        match fault.effect {
            Effect::LeaveBefore => None,
            Effect::LeaveAfter => {
                self.applet.transmit(command)?;
                None
            }
            Effect::Lie(status) => self.applet.transmit(command).map(|_| status.bytes().to_vec()),
            Effect::Garbage => Some([[0xA5; ChangeAnswer::BYTES].as_slice(), &StatusWord::DONE.bytes()].concat()),
        }
    }
}
