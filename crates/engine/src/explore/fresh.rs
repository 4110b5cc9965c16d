use super::key::{Layout, join};
use super::parallel::in_order;
use super::set::{Builder, Cursor, Set, Storage, StorageError, Union};
use super::unite::Factored;

/// A head, a run, and the position in it of the states under the head.
type Under = (u32, usize, usize);

/// Heads that are worked on at a time.
const HEADS: usize = 32;

/// The states that follow and were not visited before. Both are read once, in order. With `full` memory is short,
/// and what is found goes into the storage at once.
pub(crate) fn fresh<const N: usize>(
    following: &[Factored<N>],
    visited: &[Set<N>],
    storage: Option<&dyn Storage>,
    full: bool,
    layout: &Layout,
    threads: usize,
) -> Result<Set<N>, StorageError> {
    let mut heads: Vec<Under> = Vec::new();
    for (run, factored) in following.iter().enumerate() {
        heads.extend(factored.heads.iter().map(|&(head, class)| (head, run, class as usize)));
    }
    heads.sort_unstable();
    let groups: Vec<&[Under]> = heads.chunk_by(|one, other| one.0 == other.0).collect();
    let pieces: Vec<&[&[Under]]> = groups.chunks(HEADS).collect();
    let sets = in_order(
        threads,
        pieces.len(),
        || (),
        |(), piece| {
            let mut builder = Builder::new();
            let visited = visited.iter().filter(|set| !set.is_empty());
            let mut visited: Vec<Cursor<'_, N>> = visited.map(|set| set.cursor(storage)).collect();
            for group in pieces[piece] {
                let head = layout.part::<N>(0, group[0].0);
                let cursor = |&(_, run, class): &Under| following[run].classes[class].cursor(storage);
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
    let mut all = Set::new();
    for set in sets {
        all.append(set?);
    }
    Ok(all)
}
