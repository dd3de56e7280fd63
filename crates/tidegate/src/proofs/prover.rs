//! Makes roots, checkpoints and proofs from a store's log.

use std::fmt;
use std::sync::Arc;

use tidegate_format::{Error, ErrorKind, ErrorPlace, Hash, Position, Result};
use tidegate_proof::tree::{self, ConsistencyProof, InclusionProof, Tile, TileSource};
use tidegate_proof::{Checkpoint, Disclosure, DisclosureForm, Proof, SignedCheckpoint, Signer};

use crate::read::{View, ViewTiles};
use crate::store::{Opening, StoreReader};

/// The tree over a store's log: its roots, checkpoints that a [`Signer`] signs, and proofs under them.
///
/// It costs no append anything. Each call reads what it needs: a proof the records of 256 events and a few kilobytes
/// of hashes, for a log of any size.
///
/// It is a [`TileSource`], so the tree can be written as a folder of tiles.
#[derive(Clone)]
pub struct Proofs(StoreReader);

impl Proofs {
    pub(super) fn new(store: StoreReader) -> Self {
        Self(store)
    }

    pub(super) fn store(&self) -> &StoreReader {
        &self.0
    }

    /// Returns the root of the tree over the first `size` events, durable or not.
    ///
    /// ```
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let receipt = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(store.proofs().root(1)?, receipt.events[0].leaf);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the log has fewer events, [`Retired`](ErrorKind::Retired) if it lacks the records
    /// that the root follows from, and those of reading.
    pub fn root(&self, size: u64) -> Result<Hash> {
        let (opening, view) = self.now()?;
        check_size(&view, size)?;
        tree::root(&tiles(&opening, &view), size)
    }

    /// Signs the log as it is durable now, after a sync if anything is not. The signer's last checkpoint must be of this log
    /// too. If nothing was appended since, the same checkpoint is returned.
    ///
    /// ```
    /// use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, KeyFile};
    /// use tidegate::{Draft, Store};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let (directory, key) = (folder.path().join("shop"), folder.path().join("keys/shop.key"));
    /// let store = Store::open(&directory)?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let signer = KeyFile::create(&key, &Checkpoint::origin_of(DEFAULT_PREFIX, store.id())?)?;
    /// let signed = store.proofs().checkpoint(&signer)?;
    /// assert_eq!(signed.checkpoint().size(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// * [`Invalid`](ErrorKind::Invalid) if the signer's key is for another store;
    /// * [`Older`](ErrorKind::Older) if the signer signed more events than the log has: an older copy of the store was put
    ///   back;
    /// * [`Diverged`](ErrorKind::Diverged) if it signed other events: a copy of the store went on by itself;
    /// * [`Ended`](ErrorKind::Ended) if the writer ended and something is not durable; those of reading and of the signer.
    pub fn checkpoint(&self, signer: &dyn Signer) -> Result<SignedCheckpoint> {
        let origin = self.check_origin(signer.key().name())?;
        let sign = |last: Option<&Checkpoint>| {
            let (opening, view) = self.durable()?;
            let (next, hashes) = extending(&opening, &view, |tiles| {
                let size = view.head().0;
                let next = Checkpoint::new(&origin, size, tree::root(tiles, size)?)?;
                let hashes = extend(tiles, &next, last)?;
                Ok((next, hashes))
            })?;
            // keeps C3: what a signer returns is in its memory.
            signer.sign(&next, &hashes)
        };
        with_memory(signer, sign)
    }

    /// Has another signer sign a checkpoint of this log too, and adds its signature: while one key replaces another, both
    /// sign.
    ///
    /// ```
    /// use tidegate::Store;
    /// use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, KeyFile};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let keys = folder.path().join("keys");
    /// let store = Store::in_memory()?;
    /// let origin = Checkpoint::origin_of(DEFAULT_PREFIX, store.id())?;
    /// let old = KeyFile::create(keys.join("2026.key"), &origin)?;
    /// let new = KeyFile::create(keys.join("2027.key"), &origin)?;
    /// let mut signed = store.proofs().checkpoint(&old)?;
    /// store.proofs().countersign(&mut signed, &new)?;
    /// assert_eq!(signed.note().signatures().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check) and of [`checkpoint`](Self::checkpoint); [`Older`](ErrorKind::Older) also if the signer
    /// signed a later checkpoint already. The checkpoint stays as it is then.
    pub fn countersign(&self, signed: &mut SignedCheckpoint, signer: &dyn Signer) -> Result<()> {
        self.check_origin(signer.key().name())?;
        let next = signed.checkpoint().clone();
        let sign = |last: Option<&Checkpoint>| {
            self.check(&next)?;
            let (opening, view) = self.durable()?;
            let hashes = extending(&opening, &view, |tiles| extend(tiles, &next, last))?;
            signer.sign(&next, &hashes)
        };
        let own = with_memory(signer, sign)?;
        let key = signer.key();
        let signature = own.note().signatures().iter().find(|signature| key.is_named_by(signature));
        let missing = || Error::invalid(format!("the signer {} gave no signature of its key", key.name()));
        signed.add(signature.ok_or_else(missing)?.clone())
    }

    /// Checks that the log has all events of a checkpoint: that it is of this store, and that the tree over as many events
    /// has its root. Signatures are not checked.
    ///
    /// ```
    /// use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX};
    /// use tidegate::{Draft, ErrorKind, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let receipt = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let origin = Checkpoint::origin_of(DEFAULT_PREFIX, store.id())?;
    /// store.proofs().check(&Checkpoint::new(&origin, 1, receipt.events[0].leaf)?)?;
    /// let longer = Checkpoint::new(&origin, 2, receipt.events[0].leaf)?;
    /// assert_eq!(store.proofs().check(&longer).unwrap_err().kind(), ErrorKind::Older);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if it is of another store, [`Older`](ErrorKind::Older) if the log has fewer durable
    /// events, [`Diverged`](ErrorKind::Diverged) if it has others, and those of reading.
    pub fn check(&self, checkpoint: &Checkpoint) -> Result<()> {
        let (opening, view) = self.durable()?;
        self.check_is_in(&view, checkpoint)?;
        extending(&opening, &view, |tiles| {
            let root = tree::root(tiles, checkpoint.size())?;
            if root == checkpoint.root() { Ok(()) } else { Err(diverged(checkpoint, root)) }
        })
    }

    /// Makes the proof that the event at a position is under a checkpoint, with as much of the event as `form` says. As text
    /// it is a `.tlog-proof` file.
    ///
    /// ```
    /// use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, DisclosureForm, KeyFile};
    /// use tidegate::{Draft, ErrorKind, Position, Store};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let key = folder.path().join("keys/shop.key");
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let signer = KeyFile::create(&key, &Checkpoint::origin_of(DEFAULT_PREFIX, store.id())?)?;
    /// let checkpoint = store.proofs().checkpoint(&signer)?;
    ///
    /// let proof = store.proofs().prove(Position(1), &checkpoint, DisclosureForm::Entry)?;
    /// assert!(proof.to_string().starts_with("c2sp.org/tlog-proof@v1\n"));
    /// let later = store.proofs().prove(Position(2), &checkpoint, DisclosureForm::Entry).unwrap_err();
    /// assert_eq!(later.kind(), ErrorKind::Invalid);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// * [`Invalid`](ErrorKind::Invalid) if the checkpoint is of another store, or has no such position;
    /// * [`Erased`](ErrorKind::Erased) if the payload is to be shown and was erased; its names can be shown;
    /// * [`Retired`](ErrorKind::Retired) if the records that it follows from were retired;
    /// * [`Damaged`](ErrorKind::Damaged) if one of them is damaged;
    /// * [`Older`](ErrorKind::Older) and [`Diverged`](ErrorKind::Diverged) if the log has not all events of the checkpoint.
    pub fn prove(
        &self,
        position: Position,
        checkpoint: &SignedCheckpoint,
        form: DisclosureForm,
    ) -> Result<Proof> {
        let one = self.prove_each(&[position], checkpoint, form)?.pop();
        Ok(one.expect("there is one for each position"))
    }

    /// Makes a proof for each of several events under one checkpoint, in the order of `positions`. Events beside each other cost
    /// little more than one of them, if the positions ascend: what they are made from is read once for 256 events. They are
    /// all in memory at the end, so take as many at a time as there is room for.
    ///
    /// ```
    /// use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, DisclosureForm, KeyFile};
    /// use tidegate::{Draft, Position, Store};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let key = folder.path().join("keys/shop.key");
    /// let store = Store::in_memory()?;
    /// for kind in ["order.placed", "order.paid", "order.sent"] {
    ///     store.append(Draft::new(("shop", "order-7"), kind))?;
    /// }
    /// let signer = KeyFile::create(&key, &Checkpoint::origin_of(DEFAULT_PREFIX, store.id())?)?;
    /// let checkpoint = store.proofs().checkpoint(&signer)?;
    ///
    /// let positions = [Position(1), Position(3)];
    /// let proofs = store.proofs().prove_each(&positions, &checkpoint, DisclosureForm::Names)?;
    /// assert_eq!(proofs.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`prove`](Self::prove), for the first position that has one.
    pub fn prove_each(
        &self,
        positions: &[Position],
        checkpoint: &SignedCheckpoint,
        form: DisclosureForm,
    ) -> Result<Vec<Proof>> {
        let head = checkpoint.checkpoint();
        let (opening, view) = self.now()?;
        self.check_is_in(&view, head)?;
        let make = |tiles: &ViewTiles<'_>| {
            let proofs = positions.iter().map(|position| prove_in(&view, tiles, *position, checkpoint, form));
            proofs.collect()
        };
        extending(&opening, &view, make)
    }

    /// Makes the proof that the log with `newer` events continues the one with `older` events, as witnesses ask for it.
    ///
    /// ```
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// for kind in ["order.placed", "order.paid", "order.sent"] {
    ///     store.append(Draft::new(("shop", "order-7"), kind))?;
    /// }
    /// let proofs = store.proofs();
    /// proofs.consistency(1, 3)?.verify(proofs.root(1)?, proofs.root(3)?)?;
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the older size is the larger one, or the log has fewer events than the newer one,
    /// [`Retired`](ErrorKind::Retired) if it lacks the records that the proof follows from, and those of reading.
    pub fn consistency(&self, older: u64, newer: u64) -> Result<ConsistencyProof> {
        let (opening, view) = self.now()?;
        check_size(&view, newer)?;
        ConsistencyProof::make(&tiles(&opening, &view), older, newer)
    }

    /// Returns the log as it is now, with the opening that it is of.
    fn now(&self) -> Result<(Arc<Opening>, View)> {
        let opening = self.0.opening();
        let view = opening.view()?;
        Ok((opening, view))
    }

    /// Returns the log as it is durable now (keeps C1).
    fn durable(&self) -> Result<(Arc<Opening>, View)> {
        let (opening, view) = self.now()?;
        let head = view.head();
        // A store that was opened for reading only shows nothing else.
        opening.make_durable(head)?;
        let view = view.as_of(opening.frontier().durable.min(head));
        Ok((opening, view))
    }

    /// Returns the log as it is durable now, for what may be signed.
    pub(super) fn durable_view(&self) -> Result<View> {
        self.durable().map(|(_, view)| view)
    }

    /// Returns the origin of a key, if it is one of this store.
    fn check_origin(&self, origin: &str) -> Result<String> {
        let store = self.0.id();
        let named = Checkpoint::new(origin, 0, tree::empty_root())?;
        if named.is_of(store) {
            return Ok(origin.to_owned());
        }
        let message = format!("the key signs for {origin}, and this is the store {store}");
        Err(Error::invalid(message)
            .advise("a fork, a salvage or a copy has its own id, and needs its own key"))
    }

    /// Refuses a checkpoint of another store, and one of more events than there are.
    fn check_is_in(&self, view: &View, checkpoint: &Checkpoint) -> Result<()> {
        self.check_origin(checkpoint.origin())?;
        if checkpoint.size() > view.head().0 {
            view.check_end()?;
            return Err(older(checkpoint, view));
        }
        Ok(())
    }
}

impl TileSource for Proofs {
    /// Returns the hashes of a tile, from the log as it is now. Leaves come from their records.
    fn tile(&self, tile: Tile) -> Result<Vec<Hash>> {
        let (opening, view) = self.now()?;
        tiles(&opening, &view).tile(tile)
    }
}

impl fmt::Debug for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proofs").field(&self.0.id()).finish()
    }
}

/// Signs with what the signer remembers. If another caller signs at the same time, it is done again behind that.
fn with_memory(
    signer: &dyn Signer,
    sign: impl Fn(Option<&Checkpoint>) -> Result<SignedCheckpoint>,
) -> Result<SignedCheckpoint> {
    let mut last = signer.last()?;
    loop {
        let signed = sign(last.as_ref().map(SignedCheckpoint::checkpoint));
        let Err(error) = &signed else { return signed };
        if !matches!(error.kind(), ErrorKind::Older | ErrorKind::Diverged) {
            return signed;
        }
        let now = signer.last()?;
        if now == last {
            return signed;
        }
        last = now;
    }
}

/// Makes the proof of one event from the tiles of a view.
fn prove_in(
    view: &View,
    tiles: &ViewTiles<'_>,
    position: Position,
    checkpoint: &SignedCheckpoint,
    form: DisclosureForm,
) -> Result<Proof> {
    let head = checkpoint.checkpoint();
    let Some(index) = position.0.checked_sub(1).filter(|index| *index < head.size()) else {
        let size = head.size();
        let message =
            format!("position {position} is not under the checkpoint, which has the events from 1 to {size}");
        return Err(Error::invalid(message).advise("sign a newer checkpoint"));
    };
    let event = view.at(position)?.ok_or_else(|| older(head, view))?;
    let at = |error: Error| error.at(ErrorPlace::Event(position));
    let disclosure = Disclosure::of(&event.record(), form).map_err(at)?;
    let inclusion = InclusionProof::make(tiles, index, head.size())?;
    // keeps C4
    let root = inclusion.root(disclosure.entry().leaf())?;
    if root != head.root() {
        return Err(diverged(head, root));
    }
    Proof::new(disclosure, inclusion, checkpoint.clone())
}

fn tiles<'a>(opening: &'a Opening, view: &'a View) -> ViewTiles<'a> {
    ViewTiles::new(view, opening.tree())
}

/// Asks the tree as it is kept, and once more the one that follows from the records if it contradicts what was signed.
fn extending<T>(opening: &Opening, view: &View, ask: impl Fn(&ViewTiles<'_>) -> Result<T>) -> Result<T> {
    let kept = ask(&tiles(opening, view));
    let Err(error) = &kept else { return kept };
    if !matches!(error.kind(), ErrorKind::Diverged | ErrorKind::Disproved) {
        return kept;
    }
    let computed = ask(&ViewTiles::of_records(view));
    if computed.is_ok() {
        tracing::warn!(%error, "hashes that are kept of the tree are not those of the log, and are forgotten");
        opening.tree().forget();
    }
    computed
}

/// Returns the hashes that show that a checkpoint continues the last one (keeps C2).
fn extend(tiles: &ViewTiles<'_>, next: &Checkpoint, last: Option<&Checkpoint>) -> Result<Vec<Hash>> {
    let Some(last) = last else { return Ok(Vec::new()) };
    let mut hashes = Vec::new();
    if last.size() < next.size() {
        hashes = ConsistencyProof::make(tiles, last.size(), next.size())?.hashes;
    }
    next.check_extends(last, &hashes)?;
    Ok(hashes)
}

fn check_size(view: &View, size: u64) -> Result<()> {
    if size <= view.head().0 {
        return Ok(());
    }
    view.check_end()?;
    Err(Error::invalid(format!("the log has {} events, and a tree over {size} is asked for", view.head())))
}

fn older(checkpoint: &Checkpoint, view: &View) -> Error {
    let message = format!("the log has {} events, and the checkpoint has {}", view.head(), checkpoint.size());
    Error::new(ErrorKind::Older, message).advise("put the newer copy back")
}

fn diverged(checkpoint: &Checkpoint, root: Hash) -> Error {
    let message = format!(
        "the first {} events have the root {root}, and the checkpoint has {}",
        checkpoint.size(),
        checkpoint.root()
    );
    Error::new(ErrorKind::Diverged, message)
}
