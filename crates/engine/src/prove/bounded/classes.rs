use super::space::Visit;
use super::views::Views;

/// Obliged views, joined where they have to be answered alike, and for each class the values that are left.
pub(super) struct Classes {
    parent: Vec<u32>,
    /// At the roots: the clients whose values are left.
    allowed: Vec<u64>,
}

impl Classes {
    pub(super) fn new(views: usize, all_clients: u64) -> Self {
        Classes { parent: (0..views as u32).collect(), allowed: vec![all_clients; views] }
    }

    pub(super) fn root(&mut self, view: u32) -> u32 {
        let mut view = view;
        while self.parent[view as usize] != view {
            let above = self.parent[self.parent[view as usize] as usize];
            self.parent[view as usize] = above;
            view = above;
        }
        view
    }

    /// The clients whose values are left for this view.
    pub(super) fn allowed(&mut self, view: u32) -> u64 {
        let root = self.root(view);
        self.allowed[root as usize]
    }

    /// Two views are answered alike. Whether that was not known.
    pub(super) fn join(&mut self, one: u32, other: u32) -> bool {
        let (one, other) = (self.root(one), self.root(other));
        if one == other {
            return false;
        }
        // The smaller number stays: no rank is needed, for paths are halved on every walk.
        let (above, below) = (one.min(other), one.max(other));
        self.parent[below as usize] = above;
        self.allowed[above as usize] &= self.allowed[below as usize];
        true
    }

    /// The answer to this view is one of these clients' values. Whether that was not known.
    pub(super) fn narrow(&mut self, view: u32, to: u64) -> bool {
        let root = self.root(view) as usize;
        let before = self.allowed[root];
        self.allowed[root] &= to;
        self.allowed[root] != before
    }

    pub(super) fn roots(&self) -> impl Iterator<Item = u32> {
        (0..self.parent.len() as u32).filter(|&view| self.parent[view as usize] == view)
    }

    pub(super) fn is_contradictory(&self) -> bool {
        self.roots().any(|root| self.allowed[root as usize] == 0)
    }

    pub(super) fn bytes(&self) -> usize {
        self.parent.capacity() * 4 + self.allowed.capacity() * 8
    }
}

/// Something learnt of the classes: two views (of different clients, unless they are the same) occur
/// together in an execution of this part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) one: u32,
    pub(super) other: u32,
    pub(super) part: u32,
}

/// Joins the obliged views of each execution.
pub(super) struct Joins<'a> {
    pub(super) obliged: &'a Views,
    /// By view: whether an obliged view begins with it.
    pub(super) leads: &'a [bool],
    pub(super) all_clients: u64,
    pub(super) asked: u64,
    pub(super) part: u32,
    pub(super) classes: &'a mut Classes,
    /// What changed the classes.
    pub(super) links: &'a mut Vec<Link>,
    /// Client and view.
    pub(super) group: Vec<(usize, u32)>,
}

impl Joins<'_> {
    /// Takes notice of a link.
    pub(super) fn link(&mut self, one: u32, other: u32) {
        let joined = one != other && self.classes.join(one, other);
        if self.classes.narrow(one, self.asked) || joined {
            self.links.push(Link { one, other, part: self.part });
        }
    }
}

impl Visit for Joins<'_> {
    fn is_client_worth(&self, _: usize, view: u32) -> bool {
        self.leads.get(view as usize).is_some_and(|&leads| leads)
    }

    /// One client alone teaches something only if it narrows down the values.
    fn is_state_worth(&self, clients: u64) -> bool {
        clients != 0 && (self.asked != self.all_clients || !clients.is_power_of_two())
    }

    fn last_view(&mut self, client: usize, content: &[u32]) {
        if let Some(view) = self.obliged.find(content) {
            self.group.push((client, view));
        }
    }

    fn end_of_group(&mut self) {
        let group = std::mem::take(&mut self.group);
        if let Some(&(client, first)) = group.first() {
            match group.iter().find(|(other, _)| *other != client) {
                None => group.iter().for_each(|&(_, view)| self.link(view, view)),
                Some(&(_, second)) => {
                    for &(other, view) in &group {
                        self.link(if other == client { second } else { first }, view);
                    }
                }
            }
        }
        self.group = group;
        self.group.clear();
    }

    fn bytes(&self) -> usize {
        self.obliged.bytes() + self.leads.len() + self.classes.bytes() + self.links.capacity() * 12
    }
}

/// Collects the views in which a client has to be answered.
pub(super) struct Obligations<'a> {
    /// The client, non-faulty in all of these executions.
    pub(super) client: usize,
    pub(super) obliged: &'a mut Views,
}

impl Visit for Obligations<'_> {
    fn is_client_worth(&self, client: usize, _: u32) -> bool {
        client == self.client
    }

    fn is_state_worth(&self, clients: u64) -> bool {
        clients != 0
    }

    fn last_view(&mut self, client: usize, content: &[u32]) {
        self.obliged.intern(client, content);
    }

    fn end_of_group(&mut self) {}

    fn bytes(&self) -> usize {
        self.obliged.bytes()
    }
}
