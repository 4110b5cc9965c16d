use super::views::Rows;

/// Obliged views of which any two of different clients occur together in an execution of one part.
pub(super) struct Scenes {
    /// The clients that are asked, the clients that are certainly non-faulty, each as two numbers; then the
    /// views, sorted.
    rows: Rows,
    /// By scene: the first part with such an execution.
    parts: Vec<u32>,
}

const HEAD: usize = 4;

impl Scenes {
    pub(super) fn new() -> Self {
        Scenes { rows: Rows::default(), parts: Vec::new() }
    }

    pub(super) fn insert(&mut self, asked: u64, non_faulty: u64, part: u32, views: &[u32]) {
        let mut row = Vec::with_capacity(views.len() + HEAD);
        for set in [asked, non_faulty] {
            row.extend([set as u32, (set >> 32) as u32]);
        }
        row.extend_from_slice(views);
        row[HEAD..].sort_unstable();
        if self.rows.insert(&row).1 {
            self.parts.push(part);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    pub(super) fn part(&self, scene: u32) -> u32 {
        self.parts[scene as usize]
    }

    pub(super) fn asked(&self, scene: u32) -> u64 {
        self.set(scene, 0)
    }

    pub(super) fn non_faulty(&self, scene: u32) -> u64 {
        self.set(scene, 2)
    }

    pub(super) fn views(&self, scene: u32) -> &[u32] {
        &self.rows.row(scene)[HEAD..]
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows.bytes() + self.parts.capacity() * 4
    }

    fn set(&self, scene: u32, at: usize) -> u64 {
        let row = self.rows.row(scene);
        u64::from(row[at]) | u64::from(row[at + 1]) << 32
    }
}

/// A world of a proof: a scene, with the views of it that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) scene: u32,
    pub(super) views: Vec<u32>,
    /// Whether it is said which values are left in it.
    pub(super) narrows: bool,
}

/// The worlds of a proof, in an order in which each but the first shares a view with an earlier one, and
/// whether no chain has fewer. `client` says whose view it is.
///
/// Between two worlds that leave no value in common the shortest chain is found, where a view that is in
/// no world of the chain that obliges the client to answer costs one world more. Where no two worlds do,
/// it takes what is left of the values from world to world.
pub(super) fn shortest(scenes: &Scenes, client: &[u8], all_clients: u64) -> Option<(Vec<Use>, bool)> {
    let index = Index::new(scenes, client.len());
    let mut best: Option<(u32, Vec<Use>)> = None;
    let mut firsts: Vec<u64> = (0..scenes.len() as u32).map(|scene| scenes.asked(scene)).collect();
    firsts.sort_unstable();
    firsts.dedup();
    for &first in &firsts {
        // The other end of the chain comes later: a chain is as long from its other end.
        if !firsts.iter().any(|&last| last > first && last & first == 0) {
            continue;
        }
        let mut search = Search::new(scenes, client, &index);
        for scene in (0..scenes.len() as u32).filter(|&scene| scenes.asked(scene) == first) {
            search.start(scene);
        }
        let most = best.as_ref().map_or(u32::MAX, |(worlds, _)| *worlds);
        if let Some((worlds, end)) = search.run(most, |scene| scenes.asked(scene) & first == 0) {
            best = Some((worlds, search.path(end)));
        }
    }
    match best {
        Some((_, uses)) => Some((uses, true)),
        None => tree(scenes, client, &index, all_clients).map(|uses| (uses, false)),
    }
}

/// Worlds that together leave no value, each reached from the first by a shortest chain. Of the worlds to
/// begin with not all are tried.
fn tree(scenes: &Scenes, client: &[u8], index: &Index, all_clients: u64) -> Option<Vec<Use>> {
    const ATTEMPTS: usize = 64;
    let mut best: Option<Vec<Use>> = None;
    let mut begun: Vec<(u64, u32)> = Vec::new();
    for first in (0..scenes.len() as u32).filter(|&scene| scenes.asked(scene) != all_clients) {
        let view = scenes.views(first)[0];
        if begun.contains(&(scenes.asked(first), view)) {
            continue;
        }
        begun.push((scenes.asked(first), view));
        if let Some(uses) = tree_from(scenes, client, index, first, view)
            && best.as_ref().is_none_or(|best| uses.len() < best.len())
        {
            best = Some(uses);
        }
        if best.is_some() && begun.len() >= ATTEMPTS {
            break;
        }
    }
    best
}

fn tree_from(scenes: &Scenes, client: &[u8], index: &Index, first: u32, view: u32) -> Option<Vec<Use>> {
    let mut left = scenes.asked(first);
    let mut uses: Vec<Use> = Vec::new();
    while left != 0 {
        let mut search = Search::new(scenes, client, index);
        search.start_with(first, view);
        let (_, end) = search.run(u32::MAX, |scene| scenes.asked(scene) & left != left)?;
        left &= scenes.asked(end.scene);
        for one in search.path(end) {
            match uses.iter_mut().find(|known| known.scene == one.scene && known.views == one.views) {
                Some(known) => known.narrows |= one.narrows,
                None => uses.push(one),
            }
        }
    }
    Some(uses)
}

/// By view: the scenes that it is in.
struct Index {
    starts: Vec<usize>,
    scenes: Vec<u32>,
}

impl Index {
    fn new(scenes: &Scenes, views: usize) -> Self {
        let mut starts = vec![0; views + 1];
        let all = || {
            (0..scenes.len() as u32).flat_map(|scene| scenes.views(scene).iter().map(move |&v| (scene, v)))
        };
        all().for_each(|(_, view)| starts[view as usize + 1] += 1);
        (0..views).for_each(|view| starts[view + 1] += starts[view]);
        let mut next = starts.clone();
        let mut of = vec![0; starts[views]];
        for (scene, view) in all() {
            of[next[view as usize]] = scene;
            next[view as usize] += 1;
        }
        Index { starts, scenes: of }
    }

    fn of(&self, view: u32) -> &[u32] {
        &self.scenes[self.starts[view as usize]..self.starts[view as usize + 1]]
    }
}

const NONE: u32 = u32::MAX;

/// The end of a chain: the last world, and the view (as a node) by which it was reached.
#[derive(Clone, Copy)]
struct End {
    scene: u32,
    node: u32,
}

/// Shortest chains of worlds, breadth first. A node is a view, twice its number, and one more if a world
/// so far obliges its client to answer.
struct Search<'a> {
    scenes: &'a Scenes,
    client: &'a [u8],
    index: &'a Index,
    /// By node: the fewest worlds.
    worlds: Vec<u32>,
    /// By node: the last world, and the node before it.
    from: Vec<End>,
    /// Nodes by number of worlds.
    open: Vec<Vec<u32>>,
    /// By scene: the fewest worlds with which it was entered by views of one client, and which; the fewest
    /// by those of another.
    entered: Vec<[(u32, u8); 2]>,
}

impl<'a> Search<'a> {
    fn new(scenes: &'a Scenes, client: &'a [u8], index: &'a Index) -> Self {
        Search {
            scenes,
            client,
            index,
            worlds: vec![NONE; client.len() * 2],
            from: vec![End { scene: NONE, node: NONE }; client.len() * 2],
            open: Vec::new(),
            entered: vec![[(NONE, 0); 2]; scenes.len()],
        }
    }

    fn start(&mut self, scene: u32) {
        for &view in self.scenes.views(scene) {
            self.start_with(scene, view);
        }
    }

    fn start_with(&mut self, scene: u32, view: u32) {
        self.reach(scene, view, NONE, 1);
    }

    fn obliges(&self, scene: u32, view: u32) -> bool {
        self.scenes.non_faulty(scene) >> self.client[view as usize] & 1 == 1
    }

    fn reach(&mut self, scene: u32, view: u32, before: u32, worlds: u32) {
        let node = view * 2 + u32::from(self.obliges(scene, view));
        if worlds < self.worlds[node as usize] {
            self.worlds[node as usize] = worlds;
            self.from[node as usize] = End { scene, node: before };
            let worlds = worlds as usize;
            self.open.resize(self.open.len().max(worlds + 1), Vec::new());
            self.open[worlds].push(node);
        }
    }

    /// The nearest world that is an end, if it takes fewer worlds than `most`: how many, and the end.
    fn run(&mut self, most: u32, is_end: impl Fn(u32) -> bool) -> Option<(u32, End)> {
        let mut best: Option<(u32, End)> = None;
        let mut worlds = 0;
        while worlds < self.open.len() {
            if best.map_or(most, |(best, _)| best) as usize <= worlds + 1 {
                break;
            }
            for node in std::mem::take(&mut self.open[worlds]) {
                if self.worlds[node as usize] as usize == worlds {
                    self.leave(node, worlds as u32, most, &is_end, &mut best);
                }
            }
            worlds += 1;
        }
        best
    }

    fn leave(
        &mut self,
        node: u32,
        worlds: u32,
        most: u32,
        is_end: &impl Fn(u32) -> bool,
        best: &mut Option<(u32, End)>,
    ) {
        let (view, is_obliged) = (node / 2, node % 2 == 1);
        let me = self.client[view as usize];
        let index = self.index;
        for &scene in index.of(view) {
            let enough = is_obliged || self.obliges(scene, view);
            let worlds = worlds + if enough { 1 } else { 2 };
            if is_end(scene) && worlds < best.map_or(most, |(best, _)| best) {
                *best = Some((worlds, End { scene, node }));
            }
            // What a scene gives to the views of a client that it was not entered by is the same from any
            // other; so only the best way in counts, and the best by another client.
            let [first, second] = &mut self.entered[scene as usize];
            if worlds < first.0 {
                if first.1 != me {
                    *second = *first;
                }
                *first = (worlds, me);
            } else if first.1 != me && worlds < second.0 {
                *second = (worlds, me);
            } else {
                continue;
            }
            let scenes = self.scenes;
            for &other in scenes.views(scene) {
                if self.client[other as usize] != me {
                    self.reach(scene, other, node, worlds);
                }
            }
        }
    }

    /// The worlds of a chain, from its first.
    fn path(&self, end: End) -> Vec<Use> {
        let mut uses = vec![Use { scene: end.scene, views: vec![end.node / 2], narrows: true }];
        let mut node = end.node;
        while node != NONE {
            let End { scene, node: before } = self.from[node as usize];
            let views = if before == NONE { vec![node / 2] } else { vec![before / 2, node / 2] };
            uses.push(Use { scene, views, narrows: before == NONE });
            node = before;
        }
        uses.reverse();
        uses
    }
}
