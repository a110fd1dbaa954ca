//! What a filter of the list of users names.

/// One thing by key, or none at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which<K> {
    /// The thing with this key.
    This(K),
    /// No such thing.
    Nothing,
}
