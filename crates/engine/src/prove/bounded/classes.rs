use super::network::members;
use super::symmetry::{IDENTITY, Symmetry, TRIVIAL};
use super::views::{Rows, Views};

/// Obliged views that have to be answered like a view of another client, joined where they have to be
/// answered alike, and for each class the values that are left. Views that are one but for the names of
/// processes are kept as one, so are classes.
///
/// Views are joined as in a union-find structure whose edges carry renamings: a view is in the class of
/// its parent, renamed. A class can be the same as its renamed self; by which renamings is a group.
#[derive(Default)]
pub(super) struct Classes {
    /// What the views consist of.
    contents: Rows,
    parents: Vec<u32>,
    /// By view: it is in the class of its parent renamed by this.
    renamings: Vec<u16>,
    /// At the roots: the renamings under which the class stays the same.
    groups: Vec<u32>,
    /// At the roots: the clients whose values are left.
    allowed: Vec<u64>,
    /// How many views are joined with others, all names counted.
    views: usize,
    /// What made the classes as they are.
    links: Vec<Link>,
    scratch: (Vec<u32>, Vec<u16>),
}

/// A view, given by the one that stands for it and a renaming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) view: u32,
    pub(super) by: u16,
}

/// A view and another one, renamed, that occur in one execution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) one: u32,
    pub(super) other: Named,
}

impl Classes {
    /// The name of a view.
    pub(super) fn insert(&mut self, symmetry: &mut Symmetry, views: &mut Views, content: &[u32]) -> Named {
        let (mut least, mut by) = std::mem::take(&mut self.scratch);
        symmetry.least_content(views, content, &mut least, &mut by);
        let (view, new) = self.contents.insert(&least);
        if new {
            let back = symmetry.inverse(by[0]);
            let group = match by.len() {
                1 => TRIVIAL,
                _ => {
                    let keeps: Vec<u16> = by.iter().map(|&one| symmetry.product(one, back)).collect();
                    symmetry.generated(TRIVIAL, &keeps)
                }
            };
            self.parents.push(view);
            self.renamings.push(IDENTITY);
            self.groups.push(group);
            self.allowed.push(views.network.all_clients());
            self.views += symmetry.renamings.len() / symmetry.subgroup(group).len();
            self.narrow(symmetry, view, views.asked_by(&least));
        }
        let named = Named { view, by: symmetry.inverse(by[0]) };
        self.scratch = (least, by);
        named
    }

    /// The content of a view, of which the others are renamed.
    pub(super) fn content(&self, view: u32) -> &[u32] {
        self.contents.row(view)
    }

    /// How many views there are that are not renamed from each other.
    pub(super) fn len(&self) -> usize {
        self.contents.len()
    }

    /// How many views there are, all names counted.
    pub(super) fn views(&self) -> usize {
        self.views
    }

    /// How many classes they are in, all names counted.
    pub(super) fn count(&self, symmetry: &Symmetry) -> usize {
        let renamings = symmetry.renamings.len();
        self.roots().map(|root| renamings / symmetry.subgroup(self.groups[root as usize]).len()).sum()
    }

    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }

    /// The clients whose values are left for a view.
    pub(super) fn allowed(&mut self, symmetry: &mut Symmetry, named: Named) -> u64 {
        let root = self.root(symmetry, named);
        symmetry.clients(root.by, self.allowed[root.view as usize])
    }

    pub(super) fn is_contradictory(&self) -> bool {
        self.roots().any(|root| self.allowed[root as usize] == 0)
    }

    /// These two views are answered alike.
    pub(super) fn join(&mut self, symmetry: &mut Symmetry, one: Named, other: Named) {
        let from = symmetry.inverse(one.by);
        let link =
            Link { one: one.view, other: Named { view: other.view, by: symmetry.product(from, other.by) } };
        let (one, other) = (self.root(symmetry, one), self.root(symmetry, other));
        // The older root stays, as it has more below it most of the time.
        let (one, other) = if one.view < other.view { (other, one) } else { (one, other) };
        // one.view, renamed by `by`, is in the class of other.view.
        let back = symmetry.inverse(other.by);
        let by = symmetry.product(back, one.by);
        let (group, allowed) = if one.view == other.view {
            if symmetry.subgroup(self.groups[one.view as usize]).binary_search(&by).is_ok() {
                return;
            }
            (symmetry.generated(self.groups[one.view as usize], &[by]), self.allowed[one.view as usize])
        } else {
            self.parents[one.view as usize] = other.view;
            self.renamings[one.view as usize] = symmetry.inverse(by);
            let (below, above) = (self.groups[one.view as usize], self.groups[other.view as usize]);
            let allowed = symmetry.clients(by, self.allowed[one.view as usize]);
            let group = if below == TRIVIAL {
                above
            } else {
                let back = symmetry.inverse(by);
                let of_below = symmetry.subgroup(below).to_vec();
                let renamed = of_below.into_iter().map(|keeps| {
                    let keeps = symmetry.product(keeps, back);
                    symmetry.product(by, keeps)
                });
                let renamed: Vec<u16> = renamed.collect();
                symmetry.generated(above, &renamed)
            };
            (group, allowed & self.allowed[other.view as usize])
        };
        self.groups[other.view as usize] = group;
        self.allowed[other.view as usize] = left(symmetry, group, allowed);
        self.links.push(link);
    }

    /// The answer to this view is one of these clients' values.
    fn narrow(&mut self, symmetry: &mut Symmetry, view: u32, to: u64) {
        let root = self.root(symmetry, Named { view, by: IDENTITY });
        let to = symmetry.clients(symmetry.inverse(root.by), to);
        let allowed = &mut self.allowed[root.view as usize];
        *allowed = left(symmetry, self.groups[root.view as usize], *allowed & to);
    }

    /// The root, renamed so that the view is in its class.
    fn root(&mut self, symmetry: &mut Symmetry, named: Named) -> Named {
        let Named { mut view, mut by } = named;
        loop {
            let parent = self.parents[view as usize];
            if parent == view {
                return Named { view, by };
            }
            // Paths are halved on every walk.
            let renaming = symmetry.product(self.renamings[view as usize], self.renamings[parent as usize]);
            self.parents[view as usize] = self.parents[parent as usize];
            self.renamings[view as usize] = renaming;
            by = symmetry.product(by, renaming);
            view = self.parents[view as usize];
        }
    }

    fn roots(&self) -> impl Iterator<Item = u32> {
        (0..self.parents.len() as u32).filter(|&view| self.parents[view as usize] == view)
    }

    pub(super) fn bytes(&self) -> usize {
        self.contents.bytes() + self.parents.capacity() * 18 + self.links.capacity() * size_of::<Link>()
    }
}

/// What is left of these clients' values for a class that stays the same under a group of renamings.
fn left(symmetry: &Symmetry, group: u32, allowed: u64) -> u64 {
    if group == TRIVIAL || members(allowed).next().is_none() {
        return allowed;
    }
    let images = symmetry.subgroup(group).iter().map(|&keeps| symmetry.clients(keeps, allowed));
    images.fold(allowed, |left, image| left & image)
}
