//! The beginning of most stories: a region, a card with many seats, a cinema with a reader.

use pass::virtual_card::Fault;

use super::{Books, Card, Counter, HERE, Laid, Region, World, agree, many_seats};

/// A world with one counter and one card that nobody else serves.
pub(crate) struct Story {
    pub(crate) world: World,
    pub(crate) region: Region,
    pub(crate) card: Card,
    pub(crate) cinema: Counter,
}

impl Story {
    pub(crate) fn begin() -> Self {
        Self::begin_in(World::new())
    }

    /// The same in a world whose places were prepared.
    pub(crate) fn begin_in(world: World) -> Self {
        let region = world.region_with(&many_seats());
        let card = world.card(&region);
        let cinema = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
        Self { world, region, card, cinema }
    }

    /// Lays the card down.
    pub(crate) fn lay(&self) -> Laid {
        self.card.lay(&self.world, HERE)
    }

    /// Lays the card down, to do this wrong.
    pub(crate) fn lay_to(&self, fault: Fault) -> Laid {
        self.card.lay_faulty(&self.world, HERE, vec![fault])
    }

    /// Card, ledger and region, which must agree.
    #[track_caller]
    pub(crate) fn books(&self) -> Books {
        agree(&self.region, &self.cinema, &self.card)
    }
}
