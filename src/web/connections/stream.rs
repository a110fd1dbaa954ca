//! A connection that ends when its place is taken away or its client is waited for too long.

use super::{Admitted, Connection};
use actix_web::rt::net::TcpStream;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// The clock is set anew only if it would be late by more than this.
const TOLERANCE: Duration = Duration::from_millis(100);

pub(in crate::web) struct Stream {
    io: TcpStream,
    admitted: Admitted,
    clock: Pin<Box<Sleep>>,
}

impl Stream {
    pub(in crate::web) fn new(io: TcpStream, admitted: Admitted) -> Self {
        let clock = Box::pin(tokio::time::sleep(admitted.left()));
        Self { io, admitted, clock }
    }

    pub(in crate::web) fn connection(&self) -> &Arc<Connection> {
        self.admitted.connection()
    }

    /// Whether it may go on; the task is woken when that is to be asked again.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let over = || Err(io::Error::new(ErrorKind::TimedOut, "the client was waited for long enough"));
        if self.admitted.poll_cut(cx).is_ready() {
            return over();
        }
        loop {
            let left = self.admitted.left();
            if left.is_zero() {
                return over();
            }
            let until = Instant::now() + left;
            if self.clock.is_elapsed() || self.clock.deadline() > until + TOLERANCE {
                self.clock.as_mut().reset(until);
            }
            if self.clock.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let before = into.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, into);
        if into.filled().len() > before {
            self.connection().hears();
        } else if read.is_ready() && into.remaining() > 0 {
            self.connection().hears_the_end();
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.connection().took(count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
