//! batpak in two versions, which have the same names for almost everything that is needed here.

/// A module with the engine over one version, and what only that version asks of a projection.
macro_rules! engine {
    ($module:ident, $batpak:ident, $name:literal, { $($asked:item)* }) => {
        mod $module {
            use std::path::Path;

            use serde::{Deserialize, Serialize, Serializer};
            use tidegate_compare::engine::{
                About, Durability, Engine, Entry, Query, Result, Seen, Skill, Visit,
            };
            use tidegate_compare::sample::{Id, KINDS, Sample};
            use $batpak::coordinate::{Coordinate, KindFilter, Region};
            use $batpak::event::{EventKind, EventSourced, ProjectionEvent, RawMsgpackInput};
            use $batpak::id::{EntityIdType as _, EventId};
            use $batpak::store::index::IndexEntry;
            use $batpak::store::{
                AppendOptions, BatchAppendItem, CausationRef, Freshness, Open, Store, StoreConfig,
            };

            /// What stands before the payload's bytes in `MessagePack`.
            const HEADER_BYTES: usize = 2;

            /// The category that the samples' kinds are given.
            const CATEGORY: u8 = 1;

            /// How many events of its own it puts among the samples at most, one whenever it is opened or
            /// closed.
            const OWN_EVENTS: usize = 16;

            pub(crate) fn entry() -> Entry {
                let settings = "as it comes, batches of up to 1,000; synced by a sync after each append, \
                                the only one it waits for; relaxed as it comes; \
                                projections incremental, with its native cache";
                let lacks = [Skill::Groups, Skill::Tags, Skill::Decides];
                Entry { about: About::new($name, settings, &lacks), open }
            }

            struct Batpak {
                store: Store<Open>,
                durability: Durability,
            }

            fn open(directory: &Path, durability: Durability) -> Result<Box<dyn Engine>> {
                let config = StoreConfig::new(directory.join("events")).with_batch_max_size(1000);
                // Projections go on from a cache if one is set up and this is asked for.
                let config = config.with_incremental_projection(true);
                let store = Store::open_with_native_cache(config, directory.join("cache"))?;
                Ok(Box::new(Batpak { store, durability }))
            }

            impl Batpak {
                fn visit(&self, id: EventId, position: u64, visit: Visit<'_>) -> Result {
                    let event = self.store.read_raw(id)?.event;
                    let kind = KINDS[event.header.event_kind.type_id() as usize];
                    let payload = event.payload.get(HEADER_BYTES..).unwrap_or_default();
                    visit(Seen { position, kind, payload });
                    Ok(())
                }

                fn entries(&self, query: Query<'_>, after: u64, limit: usize) -> Vec<IndexEntry> {
                    let region = match query {
                        Query::Stream(_, entity) => return self.store.by_entity(entity),
                        Query::Kind(kind) => Region::all().with_fact(KindFilter::Exact(kind_of(kind))),
                        Query::All | Query::Tag(_) => Region::all(),
                    };
                    let mut entries = if after == 0 && limit == usize::MAX {
                        self.store.query(&region)
                    } else {
                        let limit = limit.saturating_add(OWN_EVENTS);
                        self.store.query_entries_after(&region, Some(after), limit)
                    };
                    entries.retain(|entry| entry.event_kind().category() == CATEGORY);
                    entries
                }
            }

            impl Engine for Batpak {
                fn append(&self, events: Vec<Sample>) -> Result {
                    if let [event] = &events[..] {
                        let (stream, kind) = (stream(event)?, kind_of(event.kind));
                        let _receipt = self.store.append(&stream, kind, &Bytes(&event.payload))?;
                    } else {
                        let items = events.iter().map(|event| {
                            let (stream, kind, payload) =
                                (stream(event)?, kind_of(event.kind), Bytes(&event.payload));
                            let options = AppendOptions::new();
                            let cause = CausationRef::None;
                            Ok(BatchAppendItem::new(stream, kind, &payload, options, cause)?)
                        });
                        let _receipts = self.store.append_batch(items.collect::<Result<_>>()?)?;
                    }
                    match self.durability {
                        Durability::Synced => Ok(self.store.sync()?),
                        Durability::Relaxed => Ok(()),
                    }
                }

                fn last(&self) -> Result<u64> {
                    Ok(self.store.stats().global_sequence)
                }

                fn read(&self, query: Query<'_>, after: u64, limit: usize, visit: Visit<'_>) -> Result {
                    for entry in self.entries(query, after, limit).into_iter().take(limit) {
                        self.visit(entry.event_id().into(), entry.global_sequence(), visit)?;
                    }
                    Ok(())
                }

                fn find(&self, id: Id, visit: Visit<'_>) -> Result {
                    self.visit(EventId::new(u128::from_be_bytes(id)), 1, visit)
                }

                fn ids(&self, numbers: &[u64]) -> Result<Vec<Id>> {
                    let entries = self.entries(Query::All, 0, usize::MAX);
                    let id = |number: &u64| {
                        let entry = entries.get(*number as usize - 1).ok_or("an event is missing")?;
                        Ok(u128::from(entry.event_id()).to_be_bytes())
                    };
                    numbers.iter().map(id).collect()
                }

                fn fold(&self, _scope: &str, entity: &str) -> Result<u64> {
                    let total = self.store.project::<Total>(entity, &Freshness::Consistent)?;
                    Ok(total.unwrap_or_default().events)
                }

                fn close(self: Box<Self>) -> Result {
                    self.store.close()?;
                    Ok(())
                }
            }

            /// How many events and bytes there are in a stream.
            #[derive(Default, Serialize, Deserialize)]
            struct Total {
                events: u64,
                bytes: u64,
            }

            impl EventSourced for Total {
                type Input = RawMsgpackInput;
                $($asked)*

                fn from_events(events: &[ProjectionEvent<Self>]) -> Option<Self> {
                    let mut total = Self::default();
                    for event in events {
                        total.apply_event(event);
                    }
                    Some(total)
                }

                fn apply_event(&mut self, event: &ProjectionEvent<Self>) {
                    self.events += 1;
                    self.bytes += event.payload.len() as u64;
                }

                fn relevant_event_kinds() -> &'static [EventKind] {
                    &[]
                }

                fn supports_incremental_apply() -> bool {
                    true
                }
            }

            fn stream(event: &Sample) -> Result<Coordinate> {
                Ok(Coordinate::new(&event.entity, &event.scope)?)
            }

            fn kind_of(kind: &str) -> EventKind {
                let place = KINDS.iter().position(|other| *other == kind);
                EventKind::custom(CATEGORY, place.expect("every sample has one of these kinds") as u16)
            }

            /// A payload that is bytes and nothing else.
            struct Bytes<'a>(&'a [u8]);

            impl Serialize for Bytes<'_> {
                fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                    serializer.serialize_bytes(self.0)
                }
            }
        }
    };
}
