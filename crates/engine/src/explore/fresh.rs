use super::key::{Layout, join};
use super::parallel::in_order;
use super::set::{Builder, Cursor, Set, Storage, StorageError, Union};
use super::unite::Factored;

/// A part, a head, a run of what follows, and the position in it of the states under the head.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Under {
    part: usize,
    head: u32,
    run: usize,
    class: usize,
}

/// Heads that are worked on at a time.
const HEADS: usize = 32;

/// What follows from the states of one part, and the sets in which it is not new.
pub(crate) struct Search<'a, const N: usize> {
    pub(crate) following: &'a [Factored<N>],
    pub(crate) visited: &'a [Set<N>],
}

/// For each part the states that follow and were not visited before. Both are read once, in order. With `full`
/// memory is short, and what is found goes into the storage at once.
pub(crate) fn fresh<const N: usize>(
    parts: &[Search<'_, N>],
    storage: Option<&dyn Storage>,
    full: bool,
    layout: &Layout,
    threads: usize,
) -> Result<Vec<Set<N>>, StorageError> {
    let mut under: Vec<Under> = Vec::new();
    for (part, search) in parts.iter().enumerate() {
        for (run, factored) in search.following.iter().enumerate() {
            let of = |&(head, class): &(u32, u32)| Under { part, head, run, class: class as usize };
            under.extend(factored.heads.iter().map(of));
        }
    }
    under.sort_unstable();
    let mut pieces: Vec<&[Under]> = Vec::new();
    for part in under.chunk_by(|one, other| one.part == other.part) {
        let mut rest = part;
        while !rest.is_empty() {
            let heads = rest.chunk_by(|one, other| one.head == other.head).take(HEADS);
            let (piece, behind) = rest.split_at(heads.map(<[_]>::len).sum());
            pieces.push(piece);
            rest = behind;
        }
    }
    let sets = in_order(
        threads,
        pieces.len(),
        || (),
        |(), piece| {
            let mut builder = Builder::new();
            let search = &parts[pieces[piece][0].part];
            let visited = search.visited.iter().filter(|set| !set.is_empty());
            let mut visited: Vec<Cursor<'_, N>> = visited.map(|set| set.cursor(storage)).collect();
            for group in pieces[piece].chunk_by(|one, other| one.head == other.head) {
                let head = layout.part::<N>(0, group[0].head);
                let cursor = |under: &Under| search.following[under.run].classes[under.class].cursor(storage);
                let mut states = Union::new(group.iter().map(cursor).collect());
                while let Some((mut key, mut word)) = states.next()? {
                    join(&mut key, &head);
                    for cursor in &mut visited {
                        cursor.seek(&key)?;
                        if let Some((same, seen)) = cursor.peek()?
                            && same == key
                        {
                            word &= !seen;
                            if word == 0 {
                                break;
                            }
                        }
                    }
                    if word != 0 {
                        builder.push((key, word));
                    }
                }
            }
            let mut set = builder.finish();
            if let (true, Some(storage)) = (full, storage) {
                set.store(storage)?;
            }
            Ok(set)
        },
    );
    let mut all: Vec<Set<N>> = parts.iter().map(|_| Set::new()).collect();
    for (piece, set) in pieces.iter().zip(sets) {
        all[piece[0].part].append(set?);
    }
    Ok(all)
}
