//! Values: what one event of the log stands for.

/// The values that one event stands for: one, or those that a `split` of an earlier version yields,
/// in order. One value takes no memory of its own.
///
/// ```
/// use tidegate::typed::Values;
///
/// assert_eq!(Values::one(7).collect::<Vec<_>>(), [7]);
/// assert_eq!(Values::from(vec![1, 2]).map(|n| n * 10).collect::<Vec<_>>(), [10, 20]);
/// ```
#[derive(Clone, Debug)]
pub struct Values<T> {
    first: Option<T>,
    rest: std::vec::IntoIter<T>,
}

impl<T> Values<T> {
    /// Returns one value.
    pub fn one(value: T) -> Self {
        Self { first: Some(value), rest: Vec::new().into_iter() }
    }
}

impl<T> From<Vec<T>> for Values<T> {
    fn from(values: Vec<T>) -> Self {
        Self { first: None, rest: values.into_iter() }
    }
}

impl<T> Iterator for Values<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.first.take().or_else(|| self.rest.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.rest.len() + usize::from(self.first.is_some());
        (count, Some(count))
    }
}

impl<T> ExactSizeIterator for Values<T> {}
