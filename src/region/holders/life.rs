//! The life of a card, from the order to the end (R2, R3, R6, R7, R11): its stages, its steps, and which step leads where. A table and nothing else: it knows no
//! store and no clock.
//!
//! ```text
//! ordered --> validated --> personalised --> sent --> in use <--> lapsed
//!    |  ^         |              |             |         |           |
//!    v  |         v              +-------------+----+----+-----------+
//! refused --> withdrawn                             v
//!                                                denied --> replaced
//! ```
//!
//! Stages up to `sent`, and `denied` and `replaced`, are written down. `in use` and `lapsed` are not: they follow from what the card has signed and from
//! the present season ([`Stage::at_present`]), so that no program has to touch every card on 1 June.

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant:meta])* $value:ident $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant])* $value,)*
        }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$value),*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$value => $code,)* }
            }

            /// The one with this code.
            pub fn of_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.code() == code)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}
pub(super) use codes;

codes! {
    /// Where a card is in its life.
    Stage {
        /// The holder has ordered it.
        Ordered "ordered",
        /// The establishment has refused it; it may be ordered again.
        Refused "refused",
        /// The establishment has validated it, or it is to be made in the place of another.
        Validated "validated",
        /// It will not be made: the studies ended, or the holder was erased.
        Withdrawn "withdrawn",
        /// The chip has its number and its rights.
        Personalised "personalised",
        /// It was put in the post.
        Sent "sent",
        /// It was used.
        InUse "in-use",
        /// Its season is over and it was not revalidated (R2).
        Lapsed "lapsed",
        /// It was declared lost, stolen or broken.
        Denied "denied",
        /// Another card is in its place (R6).
        Replaced "replaced",
    }
}

codes! {
    /// What happens to a card.
    Step {
        /// The establishment says that the holder is its pupil, with this profile.
        Validate "validate",
        /// The establishment says no.
        Refuse "refuse",
        /// The holder orders again, with corrected details.
        Correct "correct",
        /// The order is given up.
        Withdraw "withdraw",
        /// The chip is written.
        Personalise "personalise",
        /// The card is put in the post.
        Send "send",
        /// The card signs something at a counter.
        Use "use",
        /// 31 May is over.
        SeasonEnds "season-ends",
        /// The establishment says that the studies go on.
        Revalidate "revalidate",
        /// The holder says that it is lost, stolen or broken.
        Declare "declare",
        /// A card was made in its place.
        Remake "remake",
    }
}

/// What is known of a card beside its stage that was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signs {
    /// It has signed something.
    pub used: bool,
    /// Seasons have begun since it was ordered.
    pub seasons_over: bool,
    /// Its holder was granted the present season.
    pub granted: bool,
}

impl Stage {
    /// The stage after `step`; `None` when the step cannot be taken.
    pub const fn after(self, step: Step) -> Option<Self> {
        Some(match (self, step) {
            (Self::Ordered, Step::Validate) => Self::Validated,
            (Self::Ordered, Step::Refuse) => Self::Refused,
            (Self::Refused, Step::Correct) => Self::Ordered,
            (Self::Ordered | Self::Refused | Self::Validated, Step::Withdraw) => Self::Withdrawn,
            (Self::Validated, Step::Personalise) => Self::Personalised,
            (Self::Personalised, Step::Send) => Self::Sent,
            (Self::Personalised | Self::Sent | Self::InUse, Step::Use) => Self::InUse,
            (Self::Personalised | Self::Sent | Self::InUse | Self::Lapsed, Step::SeasonEnds) => Self::Lapsed,
            (Self::Personalised | Self::Sent | Self::InUse | Self::Denied, Step::Revalidate) => self,
            (Self::Lapsed, Step::Revalidate) => Self::InUse,
            (Self::Personalised | Self::Sent | Self::InUse | Self::Lapsed | Self::Denied, Step::Declare) => {
                Self::Denied
            }
            (Self::Denied, Step::Remake) => Self::Replaced,
            (
                _,
                Step::Validate
                | Step::Refuse
                | Step::Correct
                | Step::Withdraw
                | Step::Personalise
                | Step::Send
                | Step::Use
                | Step::SeasonEnds
                | Step::Revalidate
                | Step::Declare
                | Step::Remake,
            ) => return None,
        })
    }

    /// What a stage that was written down is at present.
    #[must_use]
    pub fn at_present(self, signs: Signs) -> Self {
        let happened = [
            (signs.used, Step::Use),
            (signs.seasons_over, Step::SeasonEnds),
            (signs.seasons_over && signs.granted, Step::Revalidate),
        ];
        let steps = happened.into_iter().filter(|(happened, _)| *happened);
        steps.fold(self, |stage, (_, step)| stage.after(step).unwrap_or(stage))
    }
}

codes! {
    /// Why an establishment refuses an order. A code, because a sentence could say things about somebody.
    RefusalReason {
        /// Nobody of this name is in training here.
        NotEnrolled "not-enrolled",
        /// The profile is another.
        WrongProfile "wrong-profile",
        /// Name or year of birth are not those of our pupil.
        WrongDetails "wrong-details",
        /// The person has a card.
        Duplicate "duplicate",
    }
}

impl RefusalReason {
    /// What the holder is told.
    pub const fn french(self) -> &'static str {
        match self {
            Self::NotEnrolled => "l'établissement ne vous trouve pas parmi ses inscrits",
            Self::WrongProfile => "le profil demandé n'est pas le vôtre",
            Self::WrongDetails => "le nom ou l'année de naissance ne correspondent pas",
            Self::Duplicate => "vous avez déjà une carte",
        }
    }
}

codes! {
    /// What is declared of a card.
    DeclarationKind {
        /// Lost.
        Lost "lost",
        /// Stolen.
        Stolen "stolen",
        /// Broken.
        Broken "broken",
        /// Somebody brought it back (R9).
        Found "found",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_takes_these_steps_and_no_others() {
        let table: &[(Stage, &[(Step, Stage)])] = &[
            (
                Stage::Ordered,
                &[
                    (Step::Validate, Stage::Validated),
                    (Step::Refuse, Stage::Refused),
                    (Step::Withdraw, Stage::Withdrawn),
                ],
            ),
            (Stage::Refused, &[(Step::Correct, Stage::Ordered), (Step::Withdraw, Stage::Withdrawn)]),
            (Stage::Validated, &[(Step::Withdraw, Stage::Withdrawn), (Step::Personalise, Stage::Personalised)]),
            (Stage::Withdrawn, &[]),
            (
                Stage::Personalised,
                &[
                    (Step::Send, Stage::Sent),
                    (Step::Use, Stage::InUse),
                    (Step::SeasonEnds, Stage::Lapsed),
                    (Step::Revalidate, Stage::Personalised),
                    (Step::Declare, Stage::Denied),
                ],
            ),
            (
                Stage::Sent,
                &[
                    (Step::Use, Stage::InUse),
                    (Step::SeasonEnds, Stage::Lapsed),
                    (Step::Revalidate, Stage::Sent),
                    (Step::Declare, Stage::Denied),
                ],
            ),
            (
                Stage::InUse,
                &[
                    (Step::Use, Stage::InUse),
                    (Step::SeasonEnds, Stage::Lapsed),
                    (Step::Revalidate, Stage::InUse),
                    (Step::Declare, Stage::Denied),
                ],
            ),
            (
                Stage::Lapsed,
                &[(Step::SeasonEnds, Stage::Lapsed), (Step::Revalidate, Stage::InUse), (Step::Declare, Stage::Denied)],
            ),
            (
                Stage::Denied,
                &[(Step::Revalidate, Stage::Denied), (Step::Declare, Stage::Denied), (Step::Remake, Stage::Replaced)],
            ),
            (Stage::Replaced, &[]),
        ];
        assert_eq!(table.len(), Stage::ALL.len());
        for (stage, steps) in table {
            for step in Step::ALL {
                let expected = steps.iter().find(|(taken, _)| taken == step).map(|(_, to)| *to);
                assert_eq!(stage.after(*step), expected, "{stage} {step}");
            }
        }
    }

    #[test]
    fn what_is_not_written_down_follows() {
        let signs = |used, seasons_over, granted| Signs { used, seasons_over, granted };
        let table = [
            (Stage::Sent, signs(false, false, true), Stage::Sent),
            (Stage::Sent, signs(true, false, true), Stage::InUse),
            (Stage::Sent, signs(true, true, false), Stage::Lapsed),
            (Stage::Sent, signs(false, true, false), Stage::Lapsed),
            (Stage::Sent, signs(true, true, true), Stage::InUse),
            (Stage::Denied, signs(true, true, true), Stage::Denied),
            (Stage::Replaced, signs(true, true, false), Stage::Replaced),
            (Stage::Ordered, signs(false, true, false), Stage::Ordered),
        ];
        for (stored, signs, expected) in table {
            assert_eq!(stored.at_present(signs), expected, "{stored} {signs:?}");
        }
    }

    #[test]
    fn a_code_reads_back_as_what_it_stands_for() {
        for stage in Stage::ALL {
            assert_eq!(Stage::of_code(stage.code()), Some(*stage));
        }
        assert_eq!(Stage::of_code("asleep"), None);
    }
}
