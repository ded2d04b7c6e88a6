//! What one end of a connection does, as sockets do it: read, write, end, close.

use std::{
    io,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::{
    super::{
        Life,
        segments::{Closed, Segment},
        with,
    },
    delivery::DirectionId,
    events::Event,
};

pub fn poll_read(
    life: Life,
    id: DirectionId,
    most: usize,
    context: &Context<'_>,
) -> Poll<io::Result<Bytes>> {
    with(|world| {
        if !world.lives(life) {
            return Poll::Pending;
        }
        let Some(direction) = world.network.directions.get_mut(&id) else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        };
        if let Some((bytes, is_waited_for)) = direction.read(most) {
            if is_waited_for {
                let (from, to) = (direction.from.machine, direction.to.machine);
                let delay = world.network.links.delay(to, from, &mut world.random);
                let at = world.clocks.now() + delay;
                world.network.events.schedule(at, Event::Room(id, 0));
            }
            return Poll::Ready(Ok(bytes));
        }
        match direction.closed {
            Some(Closed::Ended) => Poll::Ready(Ok(Bytes::new())),
            Some(Closed::Reset) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            None => {
                direction.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    })
}

pub fn poll_write(
    life: Life,
    id: DirectionId,
    bytes: &[u8],
    context: &Context<'_>,
) -> Poll<io::Result<usize>> {
    with(|world| {
        if !world.lives(life) {
            // What it sends after its last operation on the disk reaches nobody.
            return Poll::Pending;
        }
        let Some(direction) = world.network.directions.get_mut(&id) else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        };
        if direction.closed.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let length = direction.room(bytes.len());
        // It does not know of room before it has heard of it.
        let waits = length == 0 || direction.writer.is_some();
        if waits && !bytes.is_empty() {
            direction.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let segment = Segment::Data(Bytes::copy_from_slice(&bytes[..length]));
        let now = world.clocks.now();
        world.network.send(id, segment, now, &mut world.random);
        Poll::Ready(Ok(length))
    })
}

/// This end sends nothing more.
pub fn end(life: Life, id: DirectionId) {
    with(|world| {
        if world.lives(life) {
            let now = world.clocks.now();
            world.network.send(id, Segment::End, now, &mut world.random);
        }
    });
}

/// This end is gone.
pub fn close(life: Life, outgoing: DirectionId) {
    end(life, outgoing);
    with(|world| {
        if world.lives(life) {
            world.network.leave(outgoing);
        }
    });
}
