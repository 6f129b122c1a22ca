//! The items of a feed page, packed and unpacked. The one place that names `zstd`.
//!
//! What always holds: packing needs no more than the page, and unpacking no more memory than [`PAGE_BYTES_MAX`] and a window of the same size, whatever the
//! bytes say of themselves. Whether a page is signed is looked at before, by who reads an answer: nobody else's bytes come here.

use std::io::Read as _;

use zstd::stream::read::Decoder;

use crate::wire::cbor::{CborError, Opaque, decode, encode};
use crate::wire::feed::{FeedPage, Item, PAGE_BYTES_MAX, PackedItems, PackedPage};

/// How hard it is tried. Most of a full page is signatures, which nothing makes shorter: more than this costs time and gains no bytes.
const LEVEL: i32 = 3;

/// The largest window that is accepted, as a power of two: that of the largest page.
const WINDOW_LOG_MAX: u32 = PAGE_BYTES_MAX.ilog2();

/// Why items were not packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// More than [`PAGE_BYTES_MAX`].
    #[error("the items of a page have {0} bytes, more than a terminal takes")]
    TooLarge(usize),
    /// There was no room to work in.
    #[error("the items of a page could not be packed: {0}")]
    Compressor(#[from] std::io::Error),
}

/// Why items were not unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// They say that they are more than [`PAGE_BYTES_MAX`]; nothing was unpacked.
    #[error("they say that they have {0} bytes, more than a page may have")]
    TooLarge(u32),
    /// Not one whole frame of zstd, or one that asks for a larger window.
    #[error("they are not packed as a page is")]
    Frame,
    /// Not as many bytes as they say.
    #[error("they do not have the {0} bytes that they say")]
    Size(u32),
    /// Bytes follow the frame.
    #[error("something follows them")]
    Trailing,
    /// Not items.
    #[error(transparent)]
    Unreadable(#[from] CborError),
}

/// Packs the items of a page.
///
/// # Errors
/// [`PackError`].
pub fn pack(items: &Vec<Item>) -> Result<PackedItems, PackError> {
    let plain = encode(items);
    let size = u32::try_from(plain.len()).ok().filter(|size| *size <= PAGE_BYTES_MAX);
    let size = size.ok_or(PackError::TooLarge(plain.len()))?;
    let mut zstd = zstd::bulk::compress(&plain, LEVEL)?;
    // It was made with room for what cannot be made shorter, and may be kept for long.
    zstd.shrink_to_fit();
    Ok(PackedItems { size, zstd: Opaque(zstd) })
}

/// Unpacks the items of a page whose signature holds.
///
/// # Errors
/// [`UnpackError`].
pub fn unpack(packed: &PackedItems) -> Result<Vec<Item>, UnpackError> {
    Ok(decode(&inflate(packed)?)?)
}

/// A page as it travels.
///
/// # Errors
/// [`PackError`].
pub fn pack_page(page: &FeedPage) -> Result<PackedPage, PackError> {
    Ok(page.with(pack(&page.items)?))
}

/// A page that has travelled.
///
/// # Errors
/// [`UnpackError`].
pub fn unpack_page(page: &PackedPage) -> Result<FeedPage, UnpackError> {
    Ok(page.with(unpack(&page.items)?))
}

fn inflate(packed: &PackedItems) -> Result<Vec<u8>, UnpackError> {
    let size = packed.size;
    if size > PAGE_BYTES_MAX {
        return Err(UnpackError::TooLarge(size));
    }
    let frame = |_| UnpackError::Frame;
    let mut decoder = Decoder::with_buffer(packed.zstd.0.as_slice()).map_err(frame)?.single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(frame)?;
    let mut plain = Vec::with_capacity(size as usize);
    // One byte more than there may be shows that there is more.
    decoder.by_ref().take(u64::from(size) + 1).read_to_end(&mut plain).map_err(frame)?;
    if plain.len() != size as usize {
        return Err(UnpackError::Size(size));
    }
    if !decoder.finish().is_empty() {
        return Err(UnpackError::Trailing);
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CardNumber, Counter};
    use crate::wire::feed::{PAGE_ITEMS_MAX, RecordsWanted};

    fn items(count: u64) -> Vec<Item> {
        let card = |number| CardNumber::from_account(925_000_000_000_000 + number).unwrap();
        let (from, to) = (Counter::new(1), Counter::new(4));
        (0..count).map(|number| Item::RecordsWanted(RecordsWanted { card: card(number), from, to })).collect()
    }

    fn frame(plain: &[u8]) -> Opaque {
        Opaque(zstd::bulk::compress(plain, LEVEL).unwrap())
    }

    #[test]
    fn items_come_back_and_are_fewer_bytes() {
        for count in [0, 1, 7, PAGE_ITEMS_MAX as u64] {
            let packed = pack(&items(count)).unwrap();
            assert_eq!(unpack(&packed), Ok(items(count)));
            assert_eq!(packed.size as usize, encode(&items(count)).len());
        }
        let packed = pack(&items(1000)).unwrap();
        assert!(packed.zstd.0.len() * 2 < packed.size as usize, "{} of {}", packed.zstd.0.len(), packed.size);
    }

    #[test]
    fn what_says_it_is_too_large_is_not_looked_at() {
        let packed = PackedItems { size: PAGE_BYTES_MAX + 1, zstd: Opaque(Vec::new()) };
        assert_eq!(unpack(&packed), Err(UnpackError::TooLarge(PAGE_BYTES_MAX + 1)));
    }

    #[test]
    fn what_is_larger_than_it_says_ends_where_it_should_end() {
        // Sixteen megabytes in a few kilobytes, which say that they are a page.
        let bomb = |window_log| {
            let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(window_log).unwrap();
            std::io::copy(&mut std::io::repeat(0).take(16 << 20), &mut encoder).unwrap();
            PackedItems { size: PAGE_BYTES_MAX, zstd: Opaque(encoder.finish().unwrap()) }
        };
        assert!(bomb(17).zstd.0.len() < 10_000);
        assert_eq!(inflate(&bomb(17)), Err(UnpackError::Size(PAGE_BYTES_MAX)));
        assert_eq!(inflate(&bomb(23)), Err(UnpackError::Frame), "its window is larger than a page");
        let page = frame(&vec![0; PAGE_BYTES_MAX as usize]);
        assert_eq!(inflate(&PackedItems { size: 1000, zstd: page }), Err(UnpackError::Size(1000)));
    }

    #[test]
    fn a_window_that_is_larger_than_a_page_is_refused_though_the_page_is_small() {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), LEVEL).unwrap();
        encoder.window_log(WINDOW_LOG_MAX + 1).unwrap();
        std::io::Write::write_all(&mut encoder, &encode(&items(3))).unwrap();
        std::io::Write::flush(&mut encoder).unwrap();
        let (zstd, size) = (Opaque(encoder.finish().unwrap()), encode(&items(3)).len() as u32);
        assert_eq!(unpack(&PackedItems { size, zstd }), Err(UnpackError::Frame));
    }

    #[test]
    fn every_cut_every_byte_too_many_and_every_other_size_is_refused() {
        let packed = pack(&items(20)).unwrap();
        for end in 0..packed.zstd.0.len() {
            let zstd = Opaque(packed.zstd.0[..end].to_vec());
            assert!(unpack(&PackedItems { zstd, ..packed.clone() }).is_err(), "{end}");
        }
        for more in [&b"\0"[..], &packed.zstd.0] {
            let zstd = Opaque([&packed.zstd.0, more].concat());
            assert_eq!(unpack(&PackedItems { zstd, ..packed.clone() }), Err(UnpackError::Trailing));
        }
        for size in [0, packed.size - 1, packed.size + 1, PAGE_BYTES_MAX] {
            assert_eq!(unpack(&PackedItems { size, ..packed.clone() }), Err(UnpackError::Size(size)));
        }
        let no_items = PackedItems { size: 2, zstd: frame(&[0x18, 0x20]) };
        assert!(matches!(unpack(&no_items), Err(UnpackError::Unreadable(_))));
    }

    #[test]
    fn a_page_that_no_terminal_takes_is_not_made() {
        let partner = crate::wire::feed::Partner { name: "n".repeat(PAGE_BYTES_MAX as usize), activities: Vec::new() };
        assert!(matches!(pack(&vec![Item::Partner(partner)]), Err(PackError::TooLarge(_))));
    }
}
