//! Work on what strangers bring, a little at a time.
//!
//! Whoever can reach us can bring a response, and reading one costs a few milliseconds of a processor. Two are read at
//! once and some wait; whoever comes beyond hears at once that it is busy just now. Pages and provisioning go on.

use crate::error::{Error, Result};
use actix_web::web;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const AT_ONCE: usize = 2;
/// A whole company at nine o'clock is less: these are done within a second.
const MOST_WAITING: usize = 200;
const RETRY_AFTER_S: u64 = 2;

/// The places for such work.
pub(in crate::web) struct Examinations {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for Examinations {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), waiting: AtomicUsize::new(0) }
    }
}

impl Examinations {
    /// Does some work off the async threads, once there is a place for it.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let place = self.place().await?;
        // The place is taken until the work is done, even if whoever asked for it hangs up.
        let held = move || {
            let _place = place;
            work()
        };
        web::block(held).await.map_err(Error::internal)
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit> {
        let _waiting = Waiting::among(&self.waiting)?;
        self.places.clone().acquire_owned().await.map_err(Error::internal)
    }
}

/// One of those who wait; it is counted until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(waiting: &'a AtomicUsize) -> Result<Self> {
        let one = Self(waiting);
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        if before >= MOST_WAITING { Err(Error::Busy(RETRY_AFTER_S)) } else { Ok(one) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[actix_web::test]
    async fn whoever_comes_beyond_those_who_wait_hears_at_once_that_it_is_busy() {
        let examinations = Examinations::default();
        let taken = [examinations.place().await.unwrap(), examinations.place().await.unwrap()];
        let mut waiting: Vec<_> = (0..MOST_WAITING).map(|_| Box::pin(examinations.place())).collect();
        for one in &mut waiting {
            assert!(one.as_mut().now_or_never().is_none());
        }
        assert!(matches!(examinations.place().await, Err(Error::Busy(RETRY_AFTER_S))));
        // Whoever hangs up makes room; whoever is done lets the next one in.
        waiting.pop();
        assert!(examinations.place().now_or_never().is_none());
        drop(taken);
        assert!(waiting.remove(0).await.is_ok());
    }
}
